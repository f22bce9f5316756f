"""Arrays in, pictures out: the only package that draws."""

from keras_gen.figures.curves import loss_curves, score_curves
from keras_gen.figures.grids import image_grid, save_grid
from keras_gen.figures.latent_space import image_table, latent_scatter, manifold

__all__ = ["image_grid", "image_table", "latent_scatter", "loss_curves", "manifold", "save_grid", "score_curves"]

"""Arrays in, pictures out: the only package that draws."""

from keras_gen.figures.curves import loss_curves, score_curves
from keras_gen.figures.grids import image_grid, save_grid
from keras_gen.figures.latent_space import image_table, latent_scatter, manifold
from keras_gen.figures.style import Figure, own_style, save_figure

__all__ = [
    "Figure",
    "image_grid",
    "image_table",
    "latent_scatter",
    "loss_curves",
    "manifold",
    "own_style",
    "save_figure",
    "save_grid",
    "score_curves",
]

"""Points of the latent space: arrays in, arrays out."""

from keras_gen.latent.interpolation import interpolate
from keras_gen.latent.sampling import draw_latents, manifold_latents

__all__ = ["draw_latents", "interpolate", "manifold_latents"]

"""Points of the latent space: arrays in, arrays out."""

from keras_gen._lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        ".concepts": ("apply_concept", "concept_vector"),
        ".directions": ("sefa_directions",),
        ".interpolation": ("interpolate",),
        ".projection": ("Axes", "axes_through", "latent_axes", "principal_axes", "tsne"),
        ".sampling": ("at_typical_length", "draw_latents", "manifold_latents"),
        ".traversal": ("DEAD", "kl_per_dimension", "centre_and_deviation", "traverse"),
    },
)

"""How good a model is: bounds on the likelihood, distances between sets of images, copies of training images."""

from keras_gen._lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        ".classes": ("Classes", "class_shares"),
        ".distances": ("PRDC", "fid", "kid", "prdc"),
        ".estimate": ("Estimate",),
        ".features": ("feature_extractor",),
        ".likelihood": ("active_units", "elbo_terms", "importance_weighted_bound"),
        ".memorising": ("Copies", "find_copies", "nearest", "repeated_images"),
    },
)

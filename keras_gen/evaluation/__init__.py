"""How good a model is: bounds on the likelihood, distances between sets of images, copies of training images."""

from keras_gen._lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        ".classes": ("Classes", "class_shares"),
        ".distances": ("PRDC", "fid", "kid", "kid_permutation_p", "prdc"),
        ".estimate": ("Estimate",),
        ".features": ("feature_extractor",),
        ".likelihood": ("active_units", "elbo_terms", "importance_sampling", "importance_weighted_bound"),
        ".collections": ("Collection", "collection"),
        ".comparing": ("compare_images",),
        ".memorising": ("Copies", "distinct", "find_copies", "nearest"),
        ".paired": ("paired_differences",),
        ".side_by_side": ("Comparison", "compare"),
    },
)

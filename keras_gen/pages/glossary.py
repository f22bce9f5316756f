"""The terms that a page explains, as docs/glossary.md does."""

GLOSSARY = {
    "nat": "unit of information with the natural logarithm: 1 nat = 1.44 bits",
    "epoch": "one pass over the training images",
    "held-out images": ("images that are used neither for training nor for any choice; results are reported on them"),
    "latent point": "the numbers from which one image is made: 2 in the default VAE, 100 in the DCGAN",
    "latent space": "all latent points together",
    "prior": "distribution that latent points are drawn from to make new images: N(0, 1) in each dimension",
    "posterior": "distribution of latent points for one given image; the encoder approximates it",
    "reconstruction": "the part of the VAE's loss that compares an image with its decoded code",
    "KL": ("Kullback-Leibler divergence: how far one distribution is from another; in the loss, posterior from prior"),
    "KID": "kernel inception distance: squared distance between two sets of features, without bias",
    "doctor": "callback that looks after each epoch for what is wrong with a run",
    "checkpoint": "file with all that a run needs to continue: weights, optimisers, random states, history",
}

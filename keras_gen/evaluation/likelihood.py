"""How probable held-out images are under a VAE: two lower bounds on log p(x), in nats."""

from collections.abc import Callable, Iterable

import keras
import numpy as np
from scipy.special import logsumexp

from keras_gen.data.pixels import to_range
from keras_gen.latent import draw_latents
from keras_gen.models.conditioning import beside
from keras_gen.models.inference import encode
from keras_gen.models.layers import kl_divergence
from keras_gen.models.losses import LIKELIHOODS, observed
from keras_gen.seeds import random_stream

PIXEL_RANGE = (0.0, 1.0)  # what a likelihood is of, whatever the network
BATCH_PIXELS = 500 * 784  # few enough for the cache, enough to keep the cores busy
ACTIVE_VARIANCE = 0.01


def elbo_terms(
    encoder: keras.Model,
    decoder: keras.Model,
    images: np.ndarray,
    likelihood: str = "bernoulli",
    samples: int = 10,
    seed: int = 0,
    labels: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure both terms of the evidence lower bound, image by image: ELBO = -(reconstruction + kl).

    Kingma and Welling (2013), equation 10, with the KL term in closed form and
    the other one averaged over samples of the posterior. With one sample and the run's seed
    the means are the held-out losses that training writes.

    Args:
        encoder: From `build_encoder`, trained.
        decoder: From `build_decoder`, trained.
        images: Held-out images, uint8 of shape (n, height, width, channels).
        likelihood: One of `LIKELIHOODS`; the one it was trained with.
        samples: Latent points drawn for each image.
        seed: Draws them; the same seed gives the same numbers.
        labels: Of the images, for conditional networks; the bound is then one of log p(x|y).

    Returns:
        reconstruction, -E[log p(x|z)], and kl, each float64 of shape (n,).
    """
    random = random_stream(seed, "held_out")
    images = observed(images, likelihood, random)
    z_mean, z_log_var = encode(encoder, images, PIXEL_RANGE, labels)
    log_likelihood = _log_likelihood(decoder, likelihood)
    batch = _batch_size(images)
    reconstruction = np.zeros(len(images))
    for _ in range(samples):
        z = z_mean + np.exp(z_log_var / 2) * draw_latents(random, *z_mean.shape)
        for start in range(0, len(images), batch):
            part = slice(start, start + batch)
            reconstruction[part] -= log_likelihood(
                to_range(images[part], PIXEL_RANGE), z[part], *([] if labels is None else [labels[part]])
            )
    kl = kl_divergence(keras.ops.convert_to_tensor(z_mean), keras.ops.convert_to_tensor(z_log_var))
    return reconstruction / samples, keras.ops.convert_to_numpy(kl).astype(np.float64)


def importance_weighted_bound(
    encoder: keras.Model,
    decoder: keras.Model,
    images: np.ndarray,
    likelihood: str = "bernoulli",
    samples: int = 500,
    seed: int = 0,
    progress: Callable[[range], Iterable[int]] = iter,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Measure a tighter lower bound on log p(x), image by image.

    log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), with K samples z_k from the
    encoder's q: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders" (2016),
    equation 8. It is the ELBO for K = 1 and grows to log p(x) with K.

    Args:
        encoder: From `build_encoder`, trained.
        decoder: From `build_decoder`, trained.
        images: Held-out images, uint8 of shape (n, height, width, channels).
        likelihood: One of `LIKELIHOODS`; the one it was trained with.
        samples: K.
        seed: Draws them; the same seed gives the same numbers.
        progress: Wraps the loop over images, as `tqdm` does.
        labels: As for `elbo_terms`.

    Returns:
        float64, shape (n,).
    """
    random = random_stream(seed, "held_out")
    images = observed(images, likelihood, random)
    z_mean, z_log_var = encode(encoder, images, PIXEL_RANGE, labels)
    log_likelihood = _log_likelihood(decoder, likelihood)
    batch = _batch_size(images)
    bounds = np.zeros(len(images))
    for i in progress(range(len(images))):
        image = to_range(images[i : i + 1], PIXEL_RANGE)
        epsilon = draw_latents(random, samples, z_mean.shape[1])
        z = z_mean[i] + np.exp(z_log_var[i] / 2) * epsilon
        # log p(z) - log q(z|x): the constants of both Gaussians cancel.
        log_weights = 0.5 * np.sum(epsilon**2 - z**2 + z_log_var[i], axis=1, dtype=np.float64)
        for start in range(0, samples, batch):
            part = slice(start, start + batch)
            log_weights[part] += log_likelihood(
                image, z[part], *([] if labels is None else [labels[[i]].repeat(len(z[part]))])
            )
        bounds[i] = logsumexp(log_weights) - np.log(samples)
    return bounds


def active_units(z_mean: np.ndarray) -> np.ndarray:
    """Tell which latent dimensions the encoder uses.

    Those whose posterior mean varies over images by more than 0.01: Burda et al. (2016), section 5.2.

    Args:
        z_mean: Of many images, shape (n, latent_dim).

    Returns:
        bool, shape (latent_dim,).
    """
    return np.var(z_mean, axis=0, dtype=np.float64) > ACTIVE_VARIANCE


def _log_likelihood(decoder: keras.Model, likelihood: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return log p(x|z) as a compiled function of images, or of one image, and of latent points."""
    images = keras.Input(decoder.output_shape[1:], name="images")
    z, *labels = decoder.inputs
    logits = keras.Model(beside(z, *labels), decoder.get_layer("logits").output)
    z, *labels = (keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in decoder.inputs)
    model = keras.Model([images, z, *labels], LIKELIHOODS[likelihood](images, logits(beside(z, *labels))))
    return lambda *inputs: model.predict_on_batch(list(inputs))


def _batch_size(images: np.ndarray) -> int:
    return max(1, BATCH_PIXELS // int(np.prod(images.shape[1:])))

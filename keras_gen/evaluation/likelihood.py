"""How probable held-out images are under a VAE: two lower bounds on log p(x), in nats."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np
from scipy.special import logsumexp

from keras_gen.data.pixels import to_range
from keras_gen.evaluation.estimate import Estimate
from keras_gen.indices import rows_at
from keras_gen.latent import draw_latents
from keras_gen.models.conditioning import beside, fresh_inputs
from keras_gen.models.inference import encode
from keras_gen.models.layers import kl_divergence
from keras_gen.models.losses import LIKELIHOODS, observed
from keras_gen.models.vae import to_logits
from keras_gen.seeds import random_stream
from keras_gen.transparency import premultiplied

PIXEL_RANGE = (0.0, 1.0)  # what a likelihood is of, whatever the network
BATCH_PIXELS = 500 * 784  # few enough for the cache, enough to keep the cores busy
ACTIVE_VARIANCE = 0.01
LEVELS = 256  # of a pixel
DENSITIES = ("continuous_bernoulli", "gaussian")  # likelihoods of grey pixels, which have 256 levels
ENOUGH_SAMPLES = 10  # effective samples of an image's bound
# By what the samples of images that have fewer grow, as long as a round takes no more than so many first ones.
GROWTH = 4


@dataclass(frozen=True)
class ImportanceSampling:
    """Importance-weighted bounds, image by image, and how far they can be trusted.

    Attributes:
        bounds: In nats; float64, shape (n,).
        effective: Effective sample size, (sum w)^2 / sum w^2 of the weights w: 1 if a single sample has all the weight,
            so that the bound is little better than luck; K if all have the same; float64, shape (n,).
        samples: K of each image; int64, shape (n,).
    """

    bounds: np.ndarray
    effective: np.ndarray
    samples: np.ndarray


def elbo_terms(
    encoder: keras.Model,
    decoder: keras.Model,
    images: np.ndarray,
    likelihood: str = "bernoulli",
    samples: int = 10,
    seed: int = 0,
    dequantise: bool = False,
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
        dequantise: Spread each of the 256 levels over its width, if the likelihood is a density; see
            `importance_sampling`.
        labels: Of the images, for conditional networks; the bound is then one of log p(x|y).

    Returns:
        reconstruction, -E[log p(x|z)], and kl, each float64 of shape (n,).
    """
    random, images, z_mean, z_log_var = _posterior(encoder, images, likelihood, seed, labels)
    log_likelihood = _log_likelihood(decoder, likelihood)
    batch = _batch_size(images)
    pixels = _pixels(images, likelihood, random) if dequantise else to_range(images, PIXEL_RANGE)
    reconstruction = np.zeros(len(images))
    for _ in range(samples):
        z = z_mean + np.exp(z_log_var / 2) * draw_latents(random, *z_mean.shape)
        for start in range(0, len(images), batch):
            part = slice(start, start + batch)
            reconstruction[part] -= log_likelihood(pixels[part], z[part], rows_at(labels, part))
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
    return importance_sampling(
        encoder, decoder, images, likelihood, samples, seed, progress, grow=False, labels=labels
    ).bounds


def importance_sampling(
    encoder: keras.Model,
    decoder: keras.Model,
    images: np.ndarray,
    likelihood: str = "bernoulli",
    samples: int = 500,
    seed: int = 0,
    progress: Callable[[range], Iterable[int]] = iter,
    grow: bool = True,
    labels: np.ndarray | None = None,
) -> ImportanceSampling:
    """Measure `importance_weighted_bound`, with more samples for the images that need them.

    An image whose effective sample size is below `ENOUGH_SAMPLES` is measured again with `GROWTH` times as many
    samples, all drawn anew (to add to the old ones would favour images whose weights happened to be even), and so on.

    A likelihood that is a density gets pixels that are spread over the width of their level, (v + u) / 256 with u
    uniform from 0 to 1: L. Theis et al., "A note on the evaluation of generative models" (2016). Else a decoder could
    gain any density by naming the 256 levels exactly, such as black.
    """
    random, images, z_mean, z_log_var = _posterior(encoder, images, likelihood, seed, labels)
    pixels = _pixels(images, likelihood, random)
    log_likelihood, batch = _log_likelihood(decoder, likelihood), _batch_size(images)

    def log_weights(i: int, count: int) -> np.ndarray:
        epsilon = draw_latents(random, count, z_mean.shape[1])
        z = z_mean[i] + np.exp(z_log_var[i] / 2) * epsilon
        # log p(z) - log q(z|x): the constants of both Gaussians cancel.
        weights = 0.5 * np.sum(epsilon**2 - z**2 + z_log_var[i], axis=1, dtype=np.float64)
        for start in range(0, count, batch):
            part = slice(start, start + batch)
            weights[part] += log_likelihood(pixels[i : i + 1], z[part], rows_at(labels, np.full(len(z[part]), i)))
        return weights

    bounds, effective = np.zeros(len(images)), np.zeros(len(images))
    used, indices, count = np.zeros(len(images), np.int64), np.arange(len(images)), samples
    while len(indices) and count * len(indices) <= GROWTH * samples * len(images):
        for place in progress(range(len(indices))):
            i = indices[place]
            weights = log_weights(i, count)
            bounds[i] = logsumexp(weights) - np.log(count)
            effective[i] = np.exp(2 * logsumexp(weights) - logsumexp(2 * weights))
            used[i] = count
        indices = np.flatnonzero(effective < ENOUGH_SAMPLES) if grow else indices[:0]
        count *= GROWTH
    return ImportanceSampling(bounds, effective, used)


def bits_per_dimension(bounds: np.ndarray, dimensions: int, likelihood: str) -> Estimate | None:
    """Return upper bounds on the bits that coding a pixel of 256 levels takes; None if the likelihood is of no levels.

    Args:
        bounds: On the log-probability of images, or on the log-density of dequantised ones, in nats, shape (n,).
        dimensions: Pixels times channels.
        likelihood: One of `LIKELIHOODS`.
    """
    if likelihood not in (*DENSITIES, "discretized_logistic"):
        return None
    width = 1 / LEVELS if likelihood in DENSITIES else 1  # of a level, which makes a density a probability
    return Estimate.of_mean(-(np.asarray(bounds) / dimensions + np.log(width)) / np.log(2))


def active_units(z_mean: np.ndarray) -> np.ndarray:
    """Tell which latent dimensions the encoder uses.

    Those whose posterior mean varies over images by more than 0.01: Burda et al. (2016), section 5.2.

    Args:
        z_mean: Of many images, shape (n, latent_dim).

    Returns:
        bool, shape (latent_dim,).
    """
    return np.var(z_mean, axis=0, dtype=np.float64) > ACTIVE_VARIANCE


def _posterior(
    encoder: keras.Model, images: np.ndarray, likelihood: str, seed: int, labels: np.ndarray | None
) -> tuple[np.random.Generator, np.ndarray, np.ndarray, np.ndarray]:
    """Return what draws, the images as the likelihood observes them, and the encoder's means and log variances."""
    random = random_stream(seed, "held_out")
    images = observed(images, likelihood, random)
    return random, images, *encode(encoder, images, PIXEL_RANGE, labels)


def _log_likelihood(decoder: keras.Model, likelihood: str) -> Callable[..., np.ndarray]:
    """Return log p(x|z) as a compiled function of images, or of one image, of latent points, and of labels or None."""
    images = keras.Input(decoder.output_shape[1:], name="images")
    z, *labels = fresh_inputs(decoder)
    model = keras.Model([images, z, *labels], LIKELIHOODS[likelihood](images, to_logits(decoder)(beside(z, *labels))))
    return lambda *inputs: model.predict_on_batch([part for part in inputs if part is not None])


def _pixels(images: np.ndarray, likelihood: str, random: np.random.Generator) -> np.ndarray:
    """Return the pixels that a likelihood is of, float32 from 0 to 1: of a density, spread over their level's width."""
    if likelihood not in DENSITIES:
        return to_range(images, PIXEL_RANGE)
    return (premultiplied(images) + random.random(images.shape, np.float32)) / np.float32(LEVELS)


def _batch_size(images: np.ndarray) -> int:
    return max(1, BATCH_PIXELS // int(np.prod(images.shape[1:])))

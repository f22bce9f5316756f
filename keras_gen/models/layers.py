"""The few layers that Keras lacks, and a constraint, registered so that saved models load in safe mode."""

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

PACKAGE = "keras_gen"
CHANNELS_LAST = "channels_last"  # how our images lie, whatever the user's keras.json says


@keras.saving.register_keras_serializable(PACKAGE)
def sample_latent(inputs: list) -> object:
    """Draw z from N(z_mean, exp(z_log_var)) by shifting and scaling noise.

    z = z_mean + exp(z_log_var / 2) * epsilon, the reparametrisation of Kingma
    and Welling, "Auto-Encoding Variational Bayes" (2013), equation 10. A named
    and registered function, so that the `Lambda` around it can be saved and
    loaded without running code from the file.

    Args:
        inputs: z_mean, z_log_var and epsilon, each of shape (batch, latent_dim).

    Returns:
        z, of the same shape.
    """
    z_mean, z_log_var, epsilon = inputs
    return z_mean + ops.exp(0.5 * z_log_var) * epsilon


@keras.saving.register_keras_serializable(PACKAGE)
def kl_divergence(z_mean: object, z_log_var: object) -> object:
    """Return KL(N(z_mean, exp(z_log_var)) || N(0, 1)) in nats, summed over the latent dimensions.

    -1/2 * sum(1 + z_log_var - z_mean^2 - exp(z_log_var)): Kingma and Welling (2013), appendix B.

    Args:
        z_mean: Shape (batch, latent_dim).
        z_log_var: Shape (batch, latent_dim).

    Returns:
        Shape (batch,).
    """
    return -0.5 * ops.sum(1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var), axis=-1)


class Noise(keras.layers.Layer):
    """What draws noise: it has a seed generator of its own.

    So the noise is part of the model's state on every backend, and a seeded model repeats itself.

    Args:
        seed: Integer seed of the noise; None draws one.
    """

    def __init__(self, seed: int | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw(self, distribution: Callable, shape: tuple) -> object:
        """Return noise of a shape; of devices that share a batch each takes its rows of the noise for all of it."""
        count, *rest = shape
        devices, device = _devices()
        noise = distribution((devices * count, *rest), dtype=self.compute_dtype, seed=self.seed_generator)
        return noise if devices == 1 else noise[device * count : (device + 1) * count]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(PACKAGE)
class StandardNormal(Noise):
    """Draws noise from N(0, 1) of the same shape as its input: also at inference, for that is what makes z a sample."""

    def call(self, inputs: object) -> object:
        """Draw the noise."""
        return self.draw(keras.random.normal, ops.shape(inputs))


@keras.saving.register_keras_serializable(PACKAGE)
class Binarization(Noise):
    """In training, makes some images black and white: a pixel is white with its grey value as the probability.

    An encoder that sees other pixels in each epoch cannot learn its images by heart. To rebuild the grey image is the
    denoising criterion of D. J. Im et al., "Denoising Criterion for Variational Auto-Encoding Framework" (2017).

    Args:
        share: Share of the images that are changed, from 0 to 1.
        seed: Integer seed of the noise; None draws one.

    Call arguments:
        images: In [0, 1], shape (batch, height, width, channels).
        training: Whether to change any.
    """

    def __init__(self, share: float = 1.0, seed: int | None = None, **kwargs: object) -> None:
        super().__init__(seed, **kwargs)
        self.share = share

    def call(self, images: object, training: bool = False) -> object:
        """Return the images, some of them drawn."""
        if not training:
            return images
        shape = ops.shape(images)
        drawn = ops.cast(self.draw(keras.random.uniform, shape) < images, images.dtype)
        changed = self.draw(keras.random.uniform, (shape[0], 1, 1, 1)) < self.share
        return ops.where(changed, drawn, images)

    def get_config(self) -> dict:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "share": self.share}


def _devices() -> tuple[int, object]:
    """Return how many devices share a batch under `tf.distribute`, and which of them this is; all have one seed."""
    if keras.backend.backend() != "tensorflow":
        return 1, 0
    import tensorflow as tf

    context = tf.distribute.get_replica_context()  # None where a strategy's devices are not told apart
    return (context.num_replicas_in_sync, context.replica_id_in_sync_group) if context else (1, 0)


@keras.saving.register_keras_serializable(PACKAGE)
class KLDivergence(keras.layers.Layer):
    """The KL term of a VAE's loss: adds beta times the batch's mean KL divergence by `add_loss`, and passes z through.

    It also keeps the mean KL of the batches seen in training, in weights that
    no gradient moves: a metric updated inside `call` stays 0 on the JAX backend.

    Args:
        beta: Weight of the KL term; 1 is the evidence lower bound.
        warm_up: Whether beta is multiplied by a variable `kl_weight`, which is 1 at first; training raises it from
            near 0 to 1 in the first epochs.

    Call arguments:
        inputs: z_mean, z_log_var and z, each of shape (batch, latent_dim).
        training: Whether to count the batch in the running mean.

    Returns:
        z, unchanged.
    """

    def __init__(self, beta: float = 1.0, warm_up: bool = False, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.beta, self.warm_up = beta, warm_up
        self.total = self.add_weight(shape=(), initializer="zeros", trainable=False, name="total", dtype="float32")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count", dtype="float32")
        if warm_up:
            self.kl_weight = self.add_weight(shape=(), initializer="ones", trainable=False, name="kl_weight")

    def call(self, inputs: list, training: bool = False) -> object:
        """Add the loss and return z."""
        z_mean, z_log_var, z = inputs
        kl = kl_divergence(z_mean, z_log_var)
        self.add_loss(self.weight * ops.mean(kl))
        if training:
            self.count.assign_add(ops.cast(ops.shape(z)[0], "float32"))
            self.total.assign_add(ops.cast(ops.stop_gradient(ops.sum(kl)), "float32"))
        return z

    @property
    def weight(self) -> object:
        """The weight of the KL term now."""
        return self.beta * self.kl_weight if self.warm_up else self.beta

    def means(self) -> dict[str, float]:
        """Return the mean `kl` in nats of the images trained on since the last `reset`."""
        return {"kl": self._mean(self.total)}

    def _mean(self, total: keras.Variable) -> float:
        count = float(ops.convert_to_numpy(self.count))
        return float(ops.convert_to_numpy(total)) / count if count else 0.0

    def reset(self) -> None:
        """Forget the batches counted so far."""
        self.total.assign(0.0)
        self.count.assign(0.0)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        """Return the shape of z."""
        return input_shape[-1]

    def get_config(self) -> dict:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "beta": self.beta, "warm_up": self.warm_up}


@keras.saving.register_keras_serializable(PACKAGE)
class NoiseScale(keras.layers.Layer):
    """Holds the scale of the noise that a decoder's likelihood has around each picture: one number, learned.

    It passes logits through, so that the decoder's pictures do not depend on it.

    Attributes:
        weight: The logarithm of the scale is that of `START` plus `SPEED` times this weight. An optimiser moves every
            weight by about its learning rate a step, and the scale has a longer way to go than others.

    Call arguments:
        logits: Shape (batch, height, width, channels).
        append: Whether to add the logarithm of the scale as a last channel, as likelihoods take it.
    """

    START, SPEED = 0.1, 10.0

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")

    def call(self, logits: object, append: bool = False) -> object:
        """Return the logits, with the logarithm of the scale behind them if it is asked for."""
        if not append:
            return logits
        return ops.concatenate([logits, ops.zeros_like(logits[..., :1]) + self.log_scale], axis=-1)

    @property
    def log_scale(self) -> object:
        """The logarithm of the scale."""
        return math.log(self.START) + self.SPEED * self.weight


@keras.saving.register_keras_serializable(PACKAGE)
class SpectralNorm(keras.constraints.Constraint):
    """Divides a kernel by its spectral norm, so that no layer stretches any difference between its inputs.

    T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018). There the norm is divided
    out on the way forward; here after each step of the optimiser, which gives the same set of networks. Keras's layer
    `SpectralNormalization` overwrites the kernel in every training call, in the generator's turn too, when the
    discriminator must not move. A constraint is applied only where the optimiser is.

    The norm, the largest singular value of the kernel as a matrix with a column for each filter, is found by power
    iterations from a fixed vector, to a few per cent.
    """

    iterations = 20

    def __call__(self, kernel: object) -> object:
        """Return the kernel divided by its spectral norm."""
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        start = np.random.default_rng(0).normal(size=(kernel.shape[-1], 1))
        right = ops.cast(ops.convert_to_tensor(start), matrix.dtype)
        for _ in range(self.iterations):
            left = _unit(ops.matmul(matrix, right))
            right = _unit(ops.matmul(ops.transpose(matrix), left))
        return kernel / ops.maximum(ops.sum(left * ops.matmul(matrix, right)), keras.config.epsilon())

    def get_config(self) -> dict:
        """Return what rebuilds the constraint: nothing."""
        return {}


def _unit(vector: object) -> object:
    return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), keras.config.epsilon())

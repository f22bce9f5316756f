"""Training of the variational autoencoder with `train_on_batch`."""

import math
from collections.abc import Callable

import keras
import numpy as np

from keras_gen.data import ImageSet, to_range
from keras_gen.latent import draw_latents
from keras_gen.models import build_decoder, build_encoder, build_vae, build_vae_terms
from keras_gen.models.losses import RECONSTRUCTION_LOSSES, observed
from keras_gen.seeds import random_stream
from keras_gen.training.audit import check_moves, who_moved
from keras_gen.training.device import jit_compile, precision
from keras_gen.training.engines import make_trainer
from keras_gen.training.loop import SAVE_EVERY, TrainingRun, check_finite, run_epochs
from keras_gen.training.recipes import resolve_settings
from keras_gen.training.run_folder import RunFolder
from keras_gen.training.settings import VAESettings
from keras_gen.training.trainer import Trainer

OPTIMIZERS = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}
HELD_OUT_PIXELS = 1000 * 784


class VAETrainer(Trainer):
    """A VAE and its training step.

    Building it sets the global random seeds of Python, NumPy and the backend,
    which Keras's initializers draw from.

    Args:
        image_shape: Height, width and channels.
        settings: What to build and how to train it.
    """

    kind = "vae"
    pixel_range = (0.0, 1.0)
    drop_last = False  # a smaller last batch is trained on; TensorFlow traces it once

    def __init__(self, image_shape: tuple[int, int, int], settings: VAESettings) -> None:
        self.settings = settings
        self.images_per_step = settings.batch_size
        sizes = {
            "architecture": settings.architecture,
            "intermediate_dim": settings.intermediate_dim,
            "activation": settings.activation,
            "layer_norm": settings.layer_norm,
            "filters": settings.filters,
        }
        keras.utils.set_random_seed(settings.seed)
        with precision(settings.precision):
            encoder = build_encoder(image_shape, latent_dim=settings.latent_dim, seed=settings.seed, **sizes)
            decoder = build_decoder(image_shape, latent_dim=settings.latent_dim, **sizes)
        self.vae = build_vae(encoder, decoder, settings.beta, warm_up=settings.kl_warmup > 0)
        self.models = {"encoder": encoder, "decoder": decoder}
        self.jit = jit_compile(settings.jit, convolutional=settings.convolutional)
        optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate, global_clipnorm=settings.clip_norm)
        optimizer.build(self.vae.trainable_variables)
        self.vae.compile(optimizer=optimizer, loss=RECONSTRUCTION_LOSSES[settings.likelihood], jit_compile=self.jit)
        self.optimizers = {"VAE": optimizer}
        self.terms_model = build_vae_terms(encoder, decoder, RECONSTRUCTION_LOSSES[settings.likelihood])
        self.terms_model.compile(jit_compile=self.jit)
        self.variables = {"vae": self.vae.variables, "optimizer": optimizer.variables}
        self.start_epoch()

    def start_epoch(self, epoch: int = 1) -> None:
        """Begin new means of the losses, and set what changes from epoch to epoch."""
        self.sums = {"loss": 0.0, "images": 0}
        layer = self.vae.get_layer("kl")
        layer.reset()
        if self.settings.kl_warmup:
            layer.kl_weight.assign(min(1.0, epoch / self.settings.kl_warmup))
        if self.settings.learning_rate_schedule == "cosine":
            part = (epoch - 1) / self.settings.epochs
            self.vae.optimizer.learning_rate = self.settings.learning_rate * (1 + math.cos(math.pi * part)) / 2

    def train_step(self, images: np.ndarray, epoch: int, step: int) -> None:
        """Take one step.

        Args:
            images: uint8, shape (batch, height, width, channels).
            epoch: Where the run stands; with the seed it fixes what `binarized` draws.
            step: Likewise.

        Raises:
            RunError: The loss is not finite.
        """
        random = random_stream(self.settings.seed, "binarize", epoch, step)
        x = to_range(observed(images, self.settings.likelihood, random), self.pixel_range)
        self._record(self.vae.train_on_batch(x, x), len(images), epoch, step)

    def audited_step(self, images: np.ndarray, batch: np.ndarray, epoch: int, step: int) -> str:
        """Take one step and return a sentence on which weights it moved."""
        with who_moved(**self.models) as moves:
            self.train_steps(images, [batch], epoch, step)
            self.losses()  # a compiled step is waited for
        return check_moves("training", moves, {"encoder": "everything", "decoder": "everything"})

    def _record(self, loss: float, images: int, epoch: int, step: int) -> None:
        self.sums["loss"] += check_finite(float(loss), "loss", epoch, step) * images
        self.sums["images"] += images

    def losses(self) -> dict[str, float]:
        """Return the mean training losses of this epoch in nats an image; loss = reconstruction + beta kl.

        It is that loss in the epochs of a warm-up too, in which a smaller one is trained on.
        """
        trained_on, kl = self.sums["loss"] / max(1, self.sums["images"]), self._mean_kl()
        if not self.settings.kl_warmup:
            return {"loss": trained_on, "reconstruction": trained_on - self.settings.beta * kl, "kl": kl}
        kl_weight = float(keras.ops.convert_to_numpy(self.vae.get_layer("kl").kl_weight))
        reconstruction = trained_on - self.settings.beta * kl_weight * kl
        return {"loss": reconstruction + self.settings.beta * kl, "reconstruction": reconstruction, "kl": kl}

    def _mean_kl(self) -> float:
        return self.vae.get_layer("kl").mean()

    def held_out_losses(self, images: np.ndarray) -> dict[str, float]:
        """Return the same losses on held-out images, one latent sample each, always with the same noise.

        Args:
            images: uint8, shape (n, height, width, channels).
        """
        random = random_stream(self.settings.seed, "held_out")
        images = observed(images, self.settings.likelihood, random)
        epsilon = draw_latents(random, len(images), self.settings.latent_dim)
        totals = np.zeros(2)
        batch = max(1, HELD_OUT_PIXELS // int(np.prod(images.shape[1:])))
        for start in range(0, len(images), batch):
            part = slice(start, start + batch)
            terms = self.terms_model.predict_on_batch([to_range(images[part], self.pixel_range), epsilon[part]])
            totals += [np.sum(term, dtype=np.float64) for term in terms]
        reconstruction, kl = (totals / len(images)).tolist()
        return {
            "held_out_loss": reconstruction + self.settings.beta * kl,
            "held_out_reconstruction": reconstruction,
            "held_out_kl": kl,
        }


def train_vae(
    train: ImageSet,
    held_out: ImageSet,
    settings: VAESettings | None = None,
    *,
    folder: RunFolder | None = None,
    resume: bool = False,
    on_epoch_end: Callable[[TrainingRun], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    say: Callable[[str], None] = print,
    save_every: float = SAVE_EVERY,
    doctor: bool = True,
) -> TrainingRun:
    """Train a variational autoencoder.

    Args:
        train: Images to train on.
        held_out: Images to measure on after every epoch.
        settings: What to build and how to train it; None is the chapter's recipe.
        folder: Where history, models and checkpoints are written; None writes nothing.
        resume: Go on from the folder's last checkpoint.
        on_epoch_end: Called with the run after each epoch; draw or score there.
        should_stop: Asked after every step; True ends the run there.
        say: Takes lines of text for the user.
        save_every: Seconds between checkpoints.
        doctor: Whether to look for what is wrong with the run after each epoch.

    Returns:
        The run, with `models["encoder"]`, `models["decoder"]` and `history`.

    Raises:
        InputError: The settings do not fit the images.
        RunError: The audit failed, or a loss is not finite.
    """
    settings = settings or resolve_settings("vae", train.name)
    trainer = make_trainer("vae", train.image_shape, settings)
    return run_epochs(trainer, train, held_out, folder, resume, on_epoch_end, should_stop, say, save_every, doctor)

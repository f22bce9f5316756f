"""Training of the variational autoencoder with `train_on_batch`."""

import math
from pathlib import Path

import keras
import numpy as np

from keras_gen.data import to_range
from keras_gen.latent import draw_latents
from keras_gen.models import (
    Binarization,
    build_decoder,
    build_encoder,
    build_importance_weighted_vae,
    build_vae,
    build_vae_terms,
)
from keras_gen.models.conditioning import beside
from keras_gen.models.losses import RECONSTRUCTION_LOSSES, observed
from keras_gen.run import RunFolder, VAERun
from keras_gen.seeds import own_random_state, random_stream
from keras_gen.settings import VAESettings
from keras_gen.training.device import jit_compile, precision
from keras_gen.training.freezing import check_changes, restored, weight_changes
from keras_gen.training.start import train
from keras_gen.training.trainer import Trainer

SCHEDULES = {  # by what the learning rate is multiplied in an epoch of so many
    "cosine": lambda epoch, epochs: (1 + math.cos(math.pi * (epoch - 1) / epochs)) / 2,
    "stepped": lambda epoch, epochs: 10 ** (-_stage(epoch) / 7),
}
OPTIMIZERS = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}
HELD_OUT_PIXELS = 1000 * 784


class VAETrainer(Trainer):
    """A VAE and its training step."""

    kind = "vae"
    pixel_range = (0.0, 1.0)
    drop_last = False  # a smaller last batch is trained on; TensorFlow traces it once

    def __init__(self, image_shape: tuple[int, int, int], settings: VAESettings, classes: int | None = None) -> None:
        self.settings = settings
        training, likelihood = settings.training, settings.decoder.likelihood
        self.images_per_step = training.batch_size
        with own_random_state(training.seed), precision(training.precision):
            encoder = build_encoder(image_shape, settings.encoder, seed=training.seed, classes=classes)
            decoder = build_decoder(image_shape, settings.decoder, classes=classes)
        options = {"beta": training.beta, "warm_up": training.kl_warmup > 0}
        if training.binarize_inputs and likelihood != "binarized":  # its images are drawn already
            seed = int(random_stream(training.seed, "binarized_inputs").integers(2**31))  # not the seed of epsilon
            options["binarization"] = Binarization(training.binarize_inputs, seed, name="binarization")
        loss, samples = RECONSTRUCTION_LOSSES[likelihood], training.importance_samples
        if samples == 1:
            self.vae = build_vae(encoder, decoder, **options)
        else:
            self.vae = build_importance_weighted_vae(encoder, decoder, samples, loss, **options)
        self.model = self.vae
        self.models = self.networks = {"encoder": encoder, "decoder": decoder}
        # A loop of steps that XLA compiles takes four times as long with a uniform draw for each pixel.
        self.jit = jit_compile(training.jit, slower=settings.convolutional or "binarization" in options)
        optimizer = OPTIMIZERS[training.optimizer](training.learning_rate, global_clipnorm=training.clip_norm)
        if training.optimizer == "adam":
            optimizer.epsilon = training.adam_epsilon
        optimizer.build(self.vae.trainable_variables)
        self.vae.compile(optimizer=optimizer, loss=loss if samples == 1 else None, jit_compile=self.jit)
        self.optimizers = {"VAE": optimizer}
        self.terms_model = build_vae_terms(encoder, decoder, loss, samples, training.beta)
        self.terms_model.compile(jit_compile=self.jit)
        self.terms_rows = 0  # images that it was last shown at once
        self.variables = {"vae": self.vae.variables, "optimizer": optimizer.variables}
        self.start_epoch(1)

    def start_epoch(self, epoch: int) -> None:
        """Begin new means of the losses, and set the KL term's weight and the learning rate of this epoch."""
        super().start_epoch(epoch)
        training, kl = self.settings.training, self.vae.get_layer("kl")
        kl.reset()
        if training.kl_warmup:
            kl.kl_weight.assign(min(1.0, epoch / training.kl_warmup))
        if training.learning_rate_schedule != "constant":
            factor = SCHEDULES[training.learning_rate_schedule](epoch, training.epochs)
            self.vae.optimizer.learning_rate = training.learning_rate * factor

    def train_step(self, images: np.ndarray, classes: np.ndarray | None = None) -> dict[str, float]:
        """Update encoder and decoder on uint8 images, shape (batch, height, width, channels).

        The compiled loss is the reconstruction; the layer `kl` of the model adds the KL term to it. With several
        importance samples there is no compiled loss, and the layer adds all of it.
        """
        if self.settings.decoder.likelihood == "binarized":
            images = observed(images, "binarized", self.random("binarize"))
        x = keras.ops.convert_to_tensor(to_range(images, self.pixel_range))  # once: it is input and target
        return {"loss": self.vae.train_on_batch(beside(x, classes), x)}

    def trace_first(self, images: np.ndarray, batch: np.ndarray) -> None:
        """Take a step on a full batch and take it back.

        Keras's second trace leaves the number of images open, and rounds otherwise: after a smaller batch all others
        would differ in the last bits from those of a run that was not interrupted.
        """
        with restored([variable for group in self.variables.values() for variable in group]):
            self.train_step(images.take(batch, axis=0), self.classes_of(batch))

    def checked_step(self, images: np.ndarray, batch: np.ndarray, step: int) -> str:
        """Take one step and say which weights it changed; see `Trainer.checked_step`."""
        with weight_changes(**self.models) as changes:
            self.train_steps(images, [batch], step)
            self.losses()  # a compiled step is waited for
        return check_changes("training", changes, {"encoder": "everything", "decoder": "everything"})

    def losses(self) -> dict[str, float]:
        """Return the mean training losses of this epoch in nats an image; loss = reconstruction + beta kl.

        It is that loss in the epochs of a warm-up too, in which the KL term weighs less. With several importance
        samples it is what was trained on, minus the importance-weighted bound: less than the sum of both terms.
        """
        if not self.sums:
            return {}
        trained_on, beta, means = super().losses()["loss"], self.settings.training.beta, self.mean_terms()
        kl = means["kl"]
        if "reconstruction" in means:
            return {"loss": trained_on, "reconstruction": means["reconstruction"], "kl": kl}
        if not self.settings.training.kl_warmup:
            return {"loss": trained_on, "reconstruction": trained_on - beta * kl, "kl": kl}
        kl_weight = float(keras.ops.convert_to_numpy(self.vae.get_layer("kl").kl_weight))
        reconstruction = trained_on - beta * kl_weight * kl
        return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": kl}

    def mean_terms(self) -> dict[str, float]:
        """Return the mean KL term of this epoch, with several importance samples the reconstruction, too, in nats."""
        return self.vae.get_layer("kl").means()

    def held_out_losses(self, images: np.ndarray, classes: np.ndarray | None = None) -> dict[str, float]:
        """Return the losses on held-out images, as many latent samples each as in training, always the same noise."""
        training, random = self.settings.training, random_stream(self.settings.training.seed, "held_out")
        images, totals = observed(images, self.settings.decoder.likelihood, random), []
        latents = training.importance_samples * self.settings.latent_dim
        largest = max(1, HELD_OUT_PIXELS // int(np.prod(images.shape[1:])) // training.importance_samples)
        # Fewer images are filled up with the last one: another number would be compiled anew.
        self.terms_rows = rows = min(largest, max(len(images), self.terms_rows))
        for start in range(0, len(images), rows):
            part = np.minimum(np.arange(start, start + rows), len(images) - 1)
            count = min(rows, len(images) - start)
            epsilon = draw_latents(random, count, latents)[np.minimum(np.arange(rows), count - 1)]
            inputs = [to_range(images[part], self.pixel_range), epsilon]
            terms = self.terms_model.predict_on_batch(inputs if classes is None else [*inputs, classes[part]])
            totals.append([np.sum(term[:count], dtype=np.float64) for term in terms])
        reconstruction, kl, *loss = (np.sum(totals, axis=0) / len(images)).tolist()
        return {
            "held_out_loss": loss[0] if loss else reconstruction + training.beta * kl,
            "held_out_reconstruction": reconstruction,
            "held_out_kl": kl,
        }


def _stage(epoch: int) -> int:
    """Return the stage of an epoch, both from where they start, if stage i has 3^i epochs."""
    stage = 0
    while epoch > 3**stage:
        epoch, stage = epoch - 3**stage, stage + 1
    return stage


def train_vae(
    data: object = None,
    held_out: object = None,
    settings: VAESettings | None = None,
    *,
    folder: RunFolder | str | Path | None = None,
    resume: bool = False,
    callbacks: list[keras.callbacks.Callback] | tuple = (),
    **options: object,
) -> VAERun:
    """Train a variational autoencoder.

    Args:
        data: Images to train on: a data set's name, a path, a uint8 array of shape (n, height, width, channels), or
            an `ImageSet`. None is the embedded digits, or with `resume` the run's own images.
        held_out: Images to measure on after every epoch, an array or an `ImageSet`. None takes the test images that
            come with the data, or holds out a tenth of the images.
        settings: What to build and how to train it; None is the recipe that suits the data.
        folder: Where the run is written: a new path, or a `RunFolder`. None writes nothing, and such a run cannot be
            resumed.
        resume: Continue from the folder's last checkpoint.
        callbacks: Keras callbacks of your own. Their `model` is the VAE (the GAN in `train_dcgan`); epochs count from
            0; `logs` has the losses under our names and under Keras's (`val_loss` for `held_out_loss`).
        **options: Single settings by name, such as `epochs=5` or `latent_dim=8`, and: `data_dir`, a folder to look in
            for a data set's files; `say`, a function that takes lines of text (print); `save_every`, the seconds
            between checkpoints (60); `doctor`, whether to look for what is wrong with the run after each epoch (True).

    Returns:
        The run, with `models["encoder"]`, `models["decoder"]` and `history`.

    Raises:
        InputError: The settings do not fit the images.
        RunError: The weight check failed, or a loss is not finite.
        KeyboardInterrupt: It was interrupted; what was trained is saved if there is a folder.
    """
    return train("vae", data, held_out, settings, folder=folder, resume=resume, callbacks=callbacks, **options)

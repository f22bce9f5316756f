"""The workers that train by Keras: its own calls, bare, and our loops."""

import time
from collections.abc import Callable

import keras
import numpy as np

from keras_gen.benchmarks.tasks import CLASSES, Task
from keras_gen.benchmarks.worker import Reporter
from keras_gen.data import ImageSet, to_range
from keras_gen.latent import draw_latents
from keras_gen.models.normalization import BatchNormalization
from keras_gen.run.kinds import RUNS
from keras_gen.run.record import describe_images
from keras_gen.training import frozen, make_trainer
from keras_gen.training.device import gpus
from keras_gen.training.loop import Loop
from keras_gen.training.trainer import Trainer

HELD_OUT = 8


def ours(reporter: Reporter, task: Task, overrides: dict | None = None) -> None:
    """Run our loop, with settings that make it another loop; a round is an epoch's steps.

    What follows them does not count: held-out losses, callbacks.
    """
    images, settings = task.images(), task.settings(**overrides or {})
    conditional = settings.training.conditional
    train = ImageSet(images, np.arange(len(images)) % CLASSES if conditional else None, name="noise")
    trainer = make_trainer(task.kind, task.image_shape, settings, CLASSES if conditional else None)
    inside = Stopwatch(trainer)

    class Rounds(keras.callbacks.Callback):
        # One that watches `on_train_batch_end` would be given the losses of every step, and wait for them.
        def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
            inside.seconds = 0.0

        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            if batch > 0:
                reporter.first_step()

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            reporter.first_step()
            seconds = run.timing[-1]["train_seconds"]
            reporter.end_round(seconds, **{} if gpus() else {"outside": 1 - inside.trained / seconds})

    loop = loop_on(trainer, train, [Rounds()])
    run = loop.run
    loop.fit()


def loop_on(trainer: Trainer, train: ImageSet, callbacks: list[keras.callbacks.Callback]) -> Loop:
    """Return our loop on some images, of which a few are held out, too; nothing is written."""
    held_out = train[:HELD_OUT]
    record = describe_images(train, held_out, None) | {
        "kind": trainer.kind,
        "settings": trainer.settings.as_dict(),
        "pixel_range": trainer.pixel_range,
    }
    run = RUNS[trainer.kind](record, models=trainer.models)
    return Loop(trainer, run, train, held_out, callbacks=callbacks, say=lambda line: None, doctor=False)


class Stopwatch:
    """Counts the seconds that a trainer's networks compute in an epoch's steps, if no image is augmented."""

    def __init__(self, trainer: Trainer) -> None:
        self.seconds = self.trained = 0.0
        for model in {trainer.model, *trainer.networks.values()}:
            for name in ("train_on_batch", "predict_on_batch"):
                setattr(model, name, self._timed(getattr(model, name)))
        if hasattr(trainer, "_call"):  # of the compiled engine
            trainer._call = self._timed(trainer._call)
        held_out_losses = trainer.held_out_losses

        def then_held_out(*arguments: object) -> dict[str, float]:
            self.trained = self.seconds  # what follows is not the training's
            return held_out_losses(*arguments)

        trainer.held_out_losses = then_held_out

    def _timed(self, function: Callable) -> Callable:
        def call(*arguments: object, **options: object) -> object:
            began = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - began

        return call


def unfused(reporter: Reporter, task: Task, overrides: dict | None = None) -> None:
    """Run our loop with Keras's own call of BatchNormalization."""
    BatchNormalization.call = keras.layers.BatchNormalization.call  # in all of this worker's process
    ours(reporter, task, overrides)


def bare_vae(reporter: Reporter, task: Task) -> None:
    """Call `train_on_batch` of the same model on batches that lie ready, and nothing else."""
    trainer, x = _ready(task)
    while True:
        for batch in np.split(x, task.steps):
            trainer.vae.train_on_batch(batch, batch)
            reporter.first_step()
        reporter.end_round()


def fit_vae(reporter: Reporter, task: Task) -> None:
    """Let `fit` train the same model."""
    trainer, x = _ready(task)
    trainer.vae.fit(x[: task.batch_size], x[: task.batch_size], batch_size=task.batch_size, verbose=0)
    reporter.first_step()
    rounds = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: reporter.end_round())
    trainer.vae.fit(x, x, batch_size=task.batch_size, epochs=1_000_000, verbose=0, callbacks=[rounds])


def bare_dcgan(reporter: Reporter, task: Task, fakes_on_device: bool = False) -> None:
    """Do the chapter's step by the same models' Keras calls, on batches that lie ready, and nothing else.

    With `fakes_on_device` generated images go to the discriminator as the backend's tensors, without a NumPy copy.
    """
    trainer, x = _ready(task)
    random, size = np.random.default_rng(0), (task.batch_size, trainer.settings.latent_dim)
    real_labels, fake_labels = trainer.labels(task.batch_size)
    ones = np.ones_like(fake_labels)
    generate = _on_device(trainer.generator) if fakes_on_device else trainer.generator.predict_on_batch
    while True:
        for batch in np.split(x, task.steps):
            fakes = generate(draw_latents(random, *size))
            trainer.discriminator.train_on_batch(batch, real_labels)
            trainer.discriminator.train_on_batch(fakes, fake_labels)
            with frozen(trainer.discriminator):
                trainer.gan.train_on_batch(draw_latents(random, *size), ones)
            reporter.first_step()
        reporter.end_round()


def _ready(task: Task) -> tuple[Trainer, np.ndarray]:
    trainer = make_trainer(task.kind, task.image_shape, task.settings())
    return trainer, to_range(task.images(), trainer.pixel_range)


def _on_device(network: keras.Model) -> Callable[[np.ndarray], object]:
    """Return what `predict_on_batch` does, but for the copy of its outputs to the host."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda x: network(x, training=False))
    if backend == "jax":
        import jax

        call = jax.jit(lambda trained, others, x: network.stateless_call(trained, others, x, training=False)[0])
        variables = network.trainable_variables, network.non_trainable_variables
        return lambda x: call(*([variable.value for variable in group] for group in variables), x)
    import torch

    return torch.no_grad()(lambda x: network(x, training=False))

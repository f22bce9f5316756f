"""The workers that train by Keras: its own calls, bare, and our loops."""

from collections.abc import Callable

import keras
import numpy as np

from keras_gen.benchmarks.tasks import Task
from keras_gen.benchmarks.worker import Reporter
from keras_gen.data import ImageSet, to_range
from keras_gen.latent import draw_latents
from keras_gen.models.normalization import BatchNormalization
from keras_gen.run.kinds import RUNS
from keras_gen.run.record import describe_images
from keras_gen.training import frozen, make_trainer
from keras_gen.training.loop import Loop
from keras_gen.training.trainer import Trainer

HELD_OUT = 8


def ours(reporter: Reporter, task: Task, overrides: dict | None = None) -> None:
    """Run our loop, with settings that make it another loop; a round is an epoch's steps.

    What follows them does not count: held-out losses, callbacks.
    """
    train = ImageSet(task.images(), name="noise")
    held_out = train[:HELD_OUT]
    trainer = make_trainer(task.kind, task.image_shape, task.settings(**overrides or {}))
    record = describe_images(train, held_out, None) | {
        "kind": task.kind,
        "settings": trainer.settings.as_dict(),
        "pixel_range": trainer.pixel_range,
    }
    run = RUNS[task.kind](record, models=trainer.models)

    class Rounds(keras.callbacks.Callback):
        # One that watches `on_train_batch_end` would be given the losses of every step, and wait for them.
        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            if batch > 0:
                reporter.first_step()

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            reporter.first_step()
            reporter.end_round(run.timing[-1]["train_seconds"])

    Loop(trainer, run, train, held_out, callbacks=[Rounds()], say=lambda line: None, doctor=False).fit()


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

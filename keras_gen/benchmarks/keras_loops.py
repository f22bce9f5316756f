"""The contenders that train by Keras: its own calls, bare, and our loops."""

from collections.abc import Callable

import keras
import numpy as np

from keras_gen.benchmarks.contender import Reporter
from keras_gen.benchmarks.task import Task
from keras_gen.data import ImageSet, to_range
from keras_gen.latent import draw_latents
from keras_gen.training import frozen, make_trainer
from keras_gen.training.loop import run_epochs

HELD_OUT = 8


def ours(reporter: Reporter, task: dict, changes: dict | None = None) -> None:
    """Run our loop for ever; a lap is its epoch, without what follows it: held-out losses, doctor, pictures.

    Args:
        reporter: Takes the laps.
        task: A `Task`, taken apart.
        changes: Settings that make it another loop, such as its engine.
    """
    task = Task.of(task)
    images = task.images()
    train, held_out = (ImageSet(some, None, (), "noise") for some in (images, images[:HELD_OUT]))

    run_epochs(
        make_trainer(task.kind, task.image_shape, task.settings(**changes or {})),
        train,
        held_out,
        on_epoch_end=lambda run: reporter.lap(run.timing[-1]["train_seconds"]),
        should_stop=reporter.first_step,  # asked after every step; its None is a no
        say=lambda _: None,
        doctor=False,
    )


def bare_vae(reporter: Reporter, task: dict) -> None:
    """Call `train_on_batch` of the same model on batches that lie ready, and nothing else."""
    task = Task.of(task)
    trainer = make_trainer("vae", task.image_shape, task.settings())
    batches = np.split(to_range(task.images(), trainer.pixel_range), task.steps)
    while True:
        for batch in batches:
            trainer.vae.train_on_batch(batch, batch)
            reporter.first_step()
        reporter.lap()


def fit_vae(reporter: Reporter, task: dict) -> None:
    """Let `fit` train the same model."""
    task = Task.of(task)
    trainer = make_trainer("vae", task.image_shape, task.settings())
    x = to_range(task.images(), trainer.pixel_range)
    trainer.vae.fit(x[: task.batch_size], x[: task.batch_size], batch_size=task.batch_size, verbose=0)
    reporter.first_step()
    after_epoch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: reporter.lap())
    trainer.vae.fit(x, x, batch_size=task.batch_size, epochs=1_000_000, verbose=0, callbacks=[after_epoch])


def bare_dcgan(reporter: Reporter, task: dict, fakes_on_device: bool = False) -> None:
    """Do the chapter's step by the same models' Keras calls, on batches that lie ready, and nothing else.

    Args:
        reporter: Takes the laps.
        task: A `Task`, taken apart.
        fakes_on_device: Whether generated images go to the discriminator as the backend's tensors,
            without a NumPy copy on the host.
    """
    task = Task.of(task)
    settings = task.settings()
    trainer = make_trainer("dcgan", task.image_shape, settings)
    batches = np.split(to_range(task.images(), trainer.pixel_range), task.steps)
    random = np.random.default_rng(0)
    real_labels = np.full((task.batch_size, 1), 1 - settings.label_smoothing, np.float32)
    ones, zeros = np.ones((task.batch_size, 1), np.float32), np.zeros((task.batch_size, 1), np.float32)
    generate = _on_device(trainer.generator) if fakes_on_device else trainer.generator.predict_on_batch
    while True:
        for batch in batches:
            fakes = generate(draw_latents(random, task.batch_size, settings.latent_dim))
            trainer.discriminator.train_on_batch(batch, real_labels)
            trainer.discriminator.train_on_batch(fakes, zeros)
            with frozen(trainer.discriminator):
                trainer.gan.train_on_batch(draw_latents(random, task.batch_size, settings.latent_dim), ones)
            reporter.first_step()
        reporter.lap()


def _on_device(network: keras.Model) -> Callable[[np.ndarray], object]:
    """Return what `predict_on_batch` does, but for the copy of its outputs to the host."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda x: network(x, training=False))
    if backend == "jax":
        import jax

        call = jax.jit(lambda trained, others, x: network.stateless_call(trained, others, x, training=False)[0])
        return lambda x: call(
            [each.value for each in network.trainable_variables],
            [each.value for each in network.non_trainable_variables],
            x,
        )
    import torch

    return torch.no_grad()(lambda x: network(x, training=False))

"""python -m keras_gen benchmark: what our loop costs over the bare Keras calls."""

import statistics
import time
from collections.abc import Callable

import numpy as np

from keras_gen.cli.command import DONE, Parser, check_whole, start_backend

IMAGES = {"vae": 12_000, "dcgan": 1_024}  # enough for a few seconds an epoch


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    check_whole("--epochs", options.epochs, 3, 1000)
    start_backend()
    from keras_gen.training.device import backend_version, device_name

    print(f"{backend_version()} on the {device_name()}; chapter's nets and batch sizes")
    print(f"Medians of {options.epochs} epochs, taken in turns")
    print("\n| model | steps an epoch | bare Keras calls, s | our loop, s | ratio |\n| --- | --- | --- | --- | --- |")
    for kind in ("vae", "dcgan"):
        steps, bare, ours = _loop_overhead(kind, options.epochs)
        ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
        print(
            f"| {kind} | {steps} | {statistics.median(bare):.3f} | {statistics.median(ours):.3f} | {ratio:.3f} |",
            flush=True,
        )
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = Parser(
        prog="python -m keras_gen benchmark",
        description="Measure what the training loop costs over the same Keras calls bare, epoch by epoch in turns.",
    )
    result.add_argument("--epochs", type=int, default=7, help="epochs of each kind that are measured (default: 7)")
    return result


def _loop_overhead(kind: str, epochs: int) -> tuple[int, list[float], list[float]]:
    """Return steps an epoch, and the seconds of each epoch bare and in our loop, measured in turns."""
    from keras_gen.data import ImageSet
    from keras_gen.training import resolve_settings, trainer_class
    from keras_gen.training.loop import run_epochs

    shape = {"vae": (28, 28, 1), "dcgan": (32, 32, 3)}[kind]
    random = np.random.default_rng(0)
    train, held_out = (
        ImageSet(random.integers(0, 256, (count, *shape), np.uint8), None, (), "noise") for count in (IMAGES[kind], 8)
    )
    settings = resolve_settings(kind, "noise", epochs=epochs + 1)
    bare_epoch = {"vae": _bare_vae, "dcgan": _bare_dcgan}[kind](trainer_class(kind)(shape, settings), train.images)
    bare_epoch()  # traces and compiles
    bare, ours = [], []
    started = time.perf_counter()

    def after_epoch(_: object) -> None:
        nonlocal started
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        bare_epoch()
        bare.append(time.perf_counter() - started)
        started = time.perf_counter()

    trainer = trainer_class(kind)(shape, settings)
    run_epochs(trainer, train, held_out, on_epoch_end=after_epoch, say=lambda _: None)
    return len(train) // settings.batch_size, bare[1:], ours[1:]  # the first epoch compiles


def _bare_vae(trainer: object, images: np.ndarray) -> Callable[[], None]:
    batches = np.split((images / 255).astype(np.float32), len(images) // trainer.settings.batch_size)

    def epoch() -> None:
        for batch in batches:
            trainer.vae.train_on_batch(batch, batch)

    return epoch


def _bare_dcgan(trainer: object, images: np.ndarray) -> Callable[[], None]:
    from keras_gen import frozen

    size = trainer.settings.batch_size
    batches = np.split((images / 127.5 - 1).astype(np.float32), len(images) // size)
    latents = np.random.default_rng(0).standard_normal((size, trainer.settings.latent_dim), np.float32)
    ones, zeros = np.ones((size, 1), np.float32), np.zeros((size, 1), np.float32)

    def epoch() -> None:
        for batch in batches:
            fakes = trainer.generator.predict_on_batch(latents)
            trainer.discriminator.train_on_batch(batch, ones)
            trainer.discriminator.train_on_batch(fakes, zeros)
            with frozen(trainer.discriminator):
                trainer.gan.train_on_batch(latents, ones)

    return epoch

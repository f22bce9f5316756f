"""Train the chapter's DCGAN twice on the embedded digits: with weights frozen, and with layers frozen.

Run from the repository: python docs/frozen_layers.py [EPOCHS] [FOLDER]. It
writes frozen-weights.png and frozen-layers.png, grids of the same latent
points, and prints the losses. docs/differences.md shows what comes out.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keras_gen.cli.command import start_backend

start_backend()

from keras_gen import frozen, load_dataset, resolve_settings  # noqa: E402
from keras_gen.data import epoch_batches  # noqa: E402
from keras_gen.figures import save_grid  # noqa: E402
from keras_gen.latent import draw_latents  # noqa: E402
from keras_gen.models.inference import decode  # noqa: E402
from keras_gen.seeds import random_stream  # noqa: E402
from keras_gen.training import dcgan, make_trainer  # noqa: E402


class layers_frozen:
    """The chapter's way: `trainable = False` on the layers, which also puts BatchNormalization into inference mode."""

    def __init__(self, model: object) -> None:
        self.model = model

    def __enter__(self) -> None:
        """Freeze."""
        self.model.trainable = False

    def __exit__(self, *_: object) -> None:
        """Thaw."""
        self.model.trainable = True


def train(freeze: object, epochs: int, path: Path) -> None:
    """Train with one way of freezing and write the grid of the last epoch."""
    dcgan.frozen = freeze
    images, _ = load_dataset("mnist5k")
    settings = resolve_settings("dcgan", images, "chapter", epochs=epochs)
    seed = settings.training.seed
    trainer = make_trainer("dcgan", images.image_shape, settings)
    for epoch in range(1, epochs + 1):
        trainer.start_epoch(epoch)
        batches = epoch_batches(len(images), trainer.images_per_step, seed, epoch, drop_last=True)
        trainer.train_steps(images.images, batches, step=1)
        losses = ", ".join(f"{name} {value:.4f}" for name, value in trainer.losses().items())
        print(f"{path.stem} epoch {epoch}: {losses}", flush=True)
    latents = draw_latents(random_stream(seed, "grid"), 32, settings.latent_dim)
    save_grid(decode(trainer.generator, latents, trainer.pixel_range), path, columns=8)


if __name__ == "__main__":
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
    train(layers_frozen, epochs, folder / "frozen-layers.png")
    train(frozen, epochs, folder / "frozen-weights.png")

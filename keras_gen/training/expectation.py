"""What to expect of a run, for `--dry-run`: time, memory and disk, for this image size and for others."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import keras

from keras_gen.cores import peak_memory
from keras_gen.errors import InputError
from keras_gen.models import build_decoder, build_discriminator, build_encoder, build_generator
from keras_gen.models.exporting import multiply_adds
from keras_gen.seeds import own_random_state
from keras_gen.settings import Settings
from keras_gen.training.callbacks import duration
from keras_gen.training.planning import Plan
from keras_gen.training.rehearsal import SECONDS, rehearse
from keras_gen.training.trainer import Trainer

SIDES = (32, 64, 128)  # in pixels, that are estimated beside the run's own size
CHECKPOINTS = 2  # that are kept
FIGURES = 2e6  # bytes of figures and report, about
VARIABLES = 4  # copies of a weight: itself, its gradient, two averages of the optimiser


class Costs(NamedTuple):
    """What the networks of an image size need for one image, in numbers."""

    multiplications: int
    outputs: int  # of all layers
    weights: int
    pixels: int


def expectation(plan: Plan, trainer: Trainer) -> Iterator[str]:
    """Yield lines on what a run will take; the steps of a few seconds are measured, and undone."""
    training, shape = plan.settings.training, plan.train.image_shape
    pace, memory = rehearse(plan, trainer, SECONDS, validate=False), peak_memory()
    own = costs(trainer.networks)
    scores = ", without the scores on validation images" if plan.validation is not None else ""
    yield (
        f"Expect  {pace.steps:,} steps an epoch of {pace.step:.2g} s and {pace.epoch_end:.2g} s at its end, measured "
        f"just now{scores}"
    )
    yield "        image size   time         memory     disk"
    for size in dict.fromkeys([shape[:2], *((side, side) for side in SIDES)]):
        try:
            new = own if size == shape[:2] else costs(build(plan.kind, (*size, shape[-1]), plan.settings, plan.classes))
        except InputError:  # the networks cannot reach this size
            continue
        work, _, weights, pixels = (now / before for now, before in zip(new, own, strict=True))
        seconds = training.epochs * (pace.steps * pace.step * work + pace.epoch_end * pixels)
        networks = CHECKPOINTS * pace.sizes.get("checkpoints", 0)
        networks += pace.sizes.get("models", 0) * (1 if plan.validation is None else 2)
        pictures = pace.sizes.get("images", 0) / 2 * pixels + pace.sizes.get("latents", 0) / 2  # of an epoch
        disk = networks * weights + training.epochs * pictures + FIGURES
        more = 4 * VARIABLES * (new.weights - own.weights)
        more += 8 * trainer.images_per_step * (new.outputs - own.outputs)  # each with its gradient
        needed = "unknown" if memory is None else f"{max(memory + more, 0) / 1e9:.1f} GB"
        rough = "" if new is own else "   estimated by its multiplications and weights"
        yield f"        {f'{size[0]}x{size[1]}':12} {duration(seconds):12} {needed:10} {disk / 1e6:,.0f} MB{rough}"


def costs(networks: dict[str, keras.Model]) -> Costs:
    """Return what some networks need for one image."""
    multiplications = outputs = weights = 0
    for model in networks.values():
        weights += model.count_params()
        multiplications += multiply_adds(model)
        outputs += sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    shapes = [model.inputs[0].shape for model in networks.values()]
    return Costs(multiplications, outputs, weights, max(math.prod(shape[1:-1]) for shape in shapes))


def build(
    kind: str, image_shape: tuple[int, int, int], settings: Settings, classes: int | None
) -> dict[str, keras.Model]:
    """Build the networks alone, without what trains them."""
    with own_random_state(0):
        if kind == "vae":
            return {
                "encoder": build_encoder(image_shape, settings.encoder, seed=0, classes=classes),
                "decoder": build_decoder(image_shape, settings.decoder, classes=classes),
            }
        return {
            "generator": build_generator(image_shape, settings.generator, classes=classes),
            "discriminator": build_discriminator(image_shape, settings.discriminator, classes=classes),
        }

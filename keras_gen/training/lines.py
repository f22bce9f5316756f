"""What a training run says at its start and at its end."""

import shlex
from collections.abc import Callable
from itertools import takewhile

import numpy as np

from keras_gen.data.duplicates import count_repeats
from keras_gen.data.image_set import label_names
from keras_gen.data.inspection import inspect
from keras_gen.run import Run
from keras_gen.run.kinds import RUNS
from keras_gen.text import counted, printable, short_number
from keras_gen.training.device import backend_version, best_precision, device_name, unused_nvidia_card
from keras_gen.training.patience import VALIDATION_SCORES
from keras_gen.training.planning import Plan
from keras_gen.training.trainer import Trainer

UNBALANCED = 3  # times as many images
FEW_STEPS = 1500  # the digits begin to be readable there


def announce(plan: Plan, trainer: Trainer, say: Callable[[str], None]) -> None:
    """Say what will be trained on, what to expect of it, and what computes."""
    train, training = plan.train, plan.settings.training
    shape = "x".join(map(str, train.image_shape))
    validation = f", {len(plan.validation):,} validation" if plan.validation is not None else ""
    say(
        f"Data    {train.name}: {len(train):,} training{validation} and {len(plan.held_out):,} held-out images, {shape}"
    )
    say(f"Recipe  {plan.settings.recipe}" + (f": {plan.why}" if plan.why else ""))
    if training.patience:
        every = "epoch" if training.evaluate_every == 1 else f"{training.evaluate_every} epochs"
        name = VALIDATION_SCORES[RUNS[plan.kind].criterion]
        times = counted(training.patience, "time")
        say(f"Stops   when the {name}, measured every {every} (`evaluate_every`), has not improved {times}")
    for line in plan.choices:
        say(f"Chosen  for {line}")
    if plan.kind == "vae":
        helps = "" if training.patience else "`patience`"
    else:
        helps = '`augment="auto"`' if training.augment == "none" else ""
    for advice in inspect(train, helps) + _advice_on_steps(plan):
        say(f"Advice  {advice}")
    if copies := _copies(plan):
        say(f"Copies  {copies}")
    if unbalanced := _unbalanced(plan):
        say(f"Advice  {unbalanced}")
    reason = f" ({best_precision(plan.settings.convolutional)[1]})" if training.precision == "auto" else ""
    say(f"Device  {backend_version()} on the {device_name()}, {trainer.settings.training.precision}{reason}")
    if training.distribute != "none":
        say(f"Split   each batch of {training.batch_size} over {trainer.devices} devices")
    if left_out := len(train) % trainer.images_per_step * trainer.drop_last:
        images = "image of each shuffle is" if left_out == 1 else f"{left_out} images of each shuffle are"
        say(
            f"Batches of {trainer.images_per_step}; the last {images} left out, for BatchNormalization needs "
            "full batches"
        )
    if hint := unused_nvidia_card():
        say(hint)


def _copies(plan: Plan) -> str:
    """Return what is to be said of images that are there more than once, if there are any."""
    found = count_repeats(plan.train.images, plan.held_out.images)
    if not found.exact + found.near:
        return ""
    shared = f"; {found.shared:,} held-out ones are among the training images" if found.shared else ""
    source = plan.source or {"dataset": "DATA"}
    words = [source["dataset"], *(["--data-dir", source["data_dir"]] if source.get("data_dir") else [])]
    return (
        f"{found.exact:,} of {counted(found.looked_at, 'image')} are exact copies of others, {found.near:,} nearly so"
        f"{shared}; to see them: python -m keras_gen collection {shlex.join(words)}"
    )


def _unbalanced(plan: Plan) -> str:
    """Return what is to be said of the classes of a conditional run if they are not of about one size, else nothing."""
    if plan.class_counts is None or plan.settings.training.balance_classes:
        return ""
    present = np.flatnonzero(plan.class_counts)
    counts = plan.class_counts[present]
    if counts.max() < UNBALANCED * counts.min():
        return ""
    names = label_names(plan.train.labels, plan.train.class_names)
    least, most = (printable(names[present[place]]) for place in (counts.argmin(), counts.argmax()))
    return (
        f"the classes are unbalanced, from {counts.min():,} images ({least}) to {counts.max():,} ({most}); "
        "`balance_classes` shows each as often as any other"
    )


def _advice_on_steps(plan: Plan) -> list[str]:
    if plan.kind == "vae":
        return []
    training = plan.settings.training
    steps = len(plan.train) // (training.batch_size * training.discriminator_steps) * training.epochs
    if steps >= FEW_STEPS:
        return []
    smaller = " or a smaller `batch_size`" if training.batch_size > 32 else ""
    epochs = -(-FEW_STEPS * training.epochs // steps)
    return [f"{steps:,} steps are few for a GAN (the chapter's cars take 7,800); try `epochs={epochs}`{smaller}"]


def last_losses(run: Run) -> str:
    """Return the last epoch's held-out losses as a sentence."""
    if not run.history:
        return ""
    unit = run.settings.loss_unit
    losses = {name.removeprefix("held_out_"): value for name, value in run.history[-1].items() if "held_out_" in name}
    text = ", ".join(f"{name.replace('_', ' ')} {short_number(value)}" for name, value in losses.items())
    bits = "" if run.held_out_bits is None else f"; {run.held_out_bits:.3f} bits per dimension"
    return f"Held-out {text}{unit and ' ' + unit}{bits}."


def resume_line(run: Run) -> str:
    """Return the command that continues a run, called as the last one was."""
    words = (
        shlex.split(run.record["commands"][-1]) if run.record.get("commands") else ["python", f"train_{run.kind}.py"]
    )
    program = takewhile(lambda word: not word.startswith("--"), words)
    return f"{shlex.join(program)} --resume {run.folder.argument}"


def unbreakable(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a `say` that goes on without a reader: nobody may be left at the other end of `| head`."""

    def say_if_possible(line: str) -> None:
        if not say_if_possible.broken:
            try:
                say(line)
            except OSError:
                say_if_possible.broken = True

    say_if_possible.broken = False
    return say_if_possible

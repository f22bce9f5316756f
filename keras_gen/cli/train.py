"""What train_vae.py and train_dcgan.py share: flags made from the settings, start-up, the run, its pictures."""

import argparse
import dataclasses
import time

from keras_gen.cli.command import DONE, Parser, StopSignals, run_command, start_backend
from keras_gen.errors import InputError
from keras_gen.training.recipes import RECIPES, resolve_settings
from keras_gen.training.settings import SETTINGS, Settings, flag

NAMES = {"vae": "variational autoencoder", "dcgan": "DCGAN"}


def train_command(kind: str, argv: list[str] | None = None) -> int:
    """Run train_vae.py or train_dcgan.py and return its exit code.

    Args:
        kind: `vae` or `dcgan`.
        argv: Arguments; None takes the command line's.
    """
    return run_command(lambda: _train(kind, vars(train_parser(kind).parse_args(argv))))


def train_parser(kind: str) -> argparse.ArgumentParser:
    """Return the parser of a training command; every setting of `kind` has its flag."""
    parser = Parser(
        prog=f"train_{kind}.py",
        description=f"Train a {NAMES[kind]} and draw what it learned into a folder under runs/.",
        allow_abbrev=False,
    )
    data = parser.add_argument_group("data and run")
    data.add_argument(
        "--dataset",
        default="mnist5k",
        help="mnist5k (embedded), mnist, fashion_mnist, cifar10, cifar10:CLASS, or the path of an .npz file "
        "(default: mnist5k)",
    )
    data.add_argument(
        "--data-dir", help="folder to look in for the data set's files (default: Keras's cache, then a download)"
    )
    data.add_argument(
        "--image-size", type=int, help="crop and resize the images to this side in pixels (default: as they are)"
    )
    data.add_argument("--out", help="folder to make for the run (default: the next number, such as runs/0001-...)")
    data.add_argument(
        "--dry-run", action="store_true", help="print the settings and the networks, and stop (default: train)"
    )
    group = parser.add_argument_group("settings")
    for field in dataclasses.fields(SETTINGS[kind]):
        text = f"{field.metadata['help']} (default: {_default_text(kind, field)})"
        keywords = {"dest": field.name, "default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
        choices = getattr(field.metadata["check"], "choices", None)
        if field.type is bool:
            group.add_argument(flag(field.name), action=argparse.BooleanOptionalAction, **keywords)
        elif field.name == "recipe":
            group.add_argument(flag(field.name), metavar="{" + ",".join(RECIPES[kind]) + "}", **keywords)
        else:
            group.add_argument(flag(field.name), metavar="{" + ",".join(choices) + "}" if choices else None, **keywords)
    return parser


def _default_text(kind: str, field: dataclasses.Field) -> str:
    """Say a setting's default, and where it differs by data set or recipe."""
    if field.name == "recipe":
        return "chapter"
    if field.default is not dataclasses.MISSING:
        return str(field.default)
    texts = []
    for name, recipe in RECIPES[kind].items():
        value = recipe.settings[field.name]
        differing = [f"{some[field.name]} on {dataset}" for dataset, some in recipe.on.items() if field.name in some]
        text = ", ".join([_plain(value), *(each.replace("10:", "10:CLASS") for each in differing)])
        if not texts:
            texts.append(text)
        elif text != texts[0]:
            texts.append(f"{name}: {text}")
    return "; ".join(texts)


def _plain(value: object) -> str:
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)


def _train(kind: str, options: dict) -> int:
    started = time.monotonic()
    dataset, data_dir, image_size = (options.pop(name) for name in ("dataset", "data_dir", "image_size"))
    out, dry_run = options.pop("out"), options.pop("dry_run")
    settings = resolve_settings(kind, dataset, **options)
    if image_size is not None and not 4 <= image_size <= 1024:
        raise InputError(f"--image-size must be a whole number from 4 to 1024; received {image_size}")
    from keras_gen.data import load_dataset

    train, held_out = load_dataset(dataset, data_dir, image_size, settings.seed)
    start_backend()
    from keras_gen.cli.pictures import Pictures
    from keras_gen.training import RunFolder, trainer_class
    from keras_gen.training.device import backend_version, device_name, unused_nvidia_card
    from keras_gen.training.loop import check_batches, run_epochs

    trainer = trainer_class(kind)(train.image_shape, settings)
    check_batches(trainer, train)
    shape = "x".join(map(str, train.image_shape))
    print(f"Data    {train.name}: {len(train):,} training and {len(held_out):,} held-out images, {shape}")
    print(f"Device  {backend_version()} on the {device_name()}, {settings.precision}")
    if hint := unused_nvidia_card():
        print(hint)
    if dry_run:
        _print_plan(settings, trainer)
        return DONE
    folder = RunFolder.create(out, kind, train.name)
    print(f"Run     {folder.path}")
    if left_out := len(train) % trainer.images_per_step * trainer.drop_last:
        print(
            f"Batches of {trainer.images_per_step}; the last {left_out} images of each shuffle are left out, "
            "for BatchNormalization wants full batches"
        )
    pictures = Pictures(settings)
    with StopSignals() as stop:
        run = run_epochs(trainer, train, held_out, folder, pictures.after_epoch, stop, print)
        drawn = pictures.at_end(run)
    if run.stopped:
        where = f"epoch {run.epoch + 1} of {settings.epochs}"
        print(f"Stopped in {where}; the models as they were are in {folder.path / 'models'}")
        code = stop.exit_code
    else:
        minutes, seconds = divmod(round(time.monotonic() - started), 60)
        print(f"Done: {settings.epochs} epochs in {minutes} min {seconds} s. {_last_losses(run.history[-1])}")
        code = DONE
    if drawn:
        print("Pictures to open:")
        for path in drawn:
            print(f"  {path}")
    return code


def _print_plan(settings: Settings, trainer: object) -> None:
    print("Settings")
    for name, value in settings.as_dict().items():
        print(f"  {flag(name):30} {_plain(value)}")
    for model in trainer.models.values():
        model.summary(line_length=90)


def _last_losses(row: dict[str, float]) -> str:
    held_out = {name.removeprefix("held_out_"): value for name, value in row.items() if name.startswith("held_out_")}
    return (
        "Held-out " + ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in held_out.items()) + " nats."
    )

"""The flags of the training scripts: which settings have one, the two help pages, the flags of version 1."""

import argparse
import dataclasses
import functools
from collections import defaultdict
from typing import NoReturn

from keras_gen.cli.command import Parser
from keras_gen.settings import NAMES, fields_of, recipe_names, resolve_settings

WIDTH, COLUMN = 100, 30  # of the help: characters a line, and where the explanations begin
DATASETS = ("mnist5k", "mnist", "cifar10:automobile", "images")  # on which recipes may differ
ALL_ONLY = ("data.max_bad", "save_every", "doctor", "training.jit", "training.balance_classes")  # in --help-all alone
SECTIONS = {
    "what to train on": ("dataset", "data_dir", "data.image_size", "data.channels", "data.max_bad"),
    "what to build": (
        *("recipe", "set", "encoder.architecture", "encoder.latent_dim", "generator.latent_dim"),
        *("decoder.likelihood", "training.conditional", "training.start_from"),
    ),
    "how to train it": (
        *("training.epochs", "training.minutes", "training.patience", "training.batch_size"),
        *("training.learning_rate", "training.beta"),
        *("training.generator_learning_rate", "training.discriminator_learning_rate", "training.label_smoothing"),
        *("training.augment", "training.ema", "training.share_fakes", "training.balance_classes", "training.seed"),
    ),
    "how fast": ("training.engine", "training.precision", "training.distribute", "training.jit"),
    "what to keep and to watch": (
        *("out", "resume", "training.evaluate_every", "tensorboard", "dry_run", "save_every", "doctor"),
    ),
}
OWN = {  # flags that are no settings
    "dataset": {
        "help": "mnist5k (comes along), mnist, fashion_mnist, cifar10, cifar10:CLASS, or the path of a folder "
        "or an array file of images (default: mnist5k)"
    },
    "data_dir": {"metavar": "FOLDER", "help": "where to look for the data set's files (default: Keras's cache)"},
    "recipe": {
        "help": "settings to start from: {recipes}, a FILE.toml, or the folder of a run (default: depends on the data)"
    },
    "set": {
        "action": "append",
        "default": [],
        "metavar": "GROUP.NAME=VALUE",
        "help": "any setting, such as {example}; --help-all lists them; may be repeated (default: none)",
    },
    "out": {"metavar": "FOLDER", "help": "folder to make for the run (default: runs/, numbered)"},
    "resume": {
        "metavar": "RUN",
        "help": "continue this run; only --epochs and where the data is may differ (default: a new run)",
    },
    "tensorboard": {
        "action": "store_true",
        "help": "write RUN/tensorboard, for the package tensorboard (default: no)",
    },
    "dry_run": {
        "action": "store_true",
        "help": "print the settings (as a recipe file), the networks, and the time, memory and disk to "
        "expect, and stop (default: train)",
    },
    "save_every": {
        "type": float,
        "metavar": "SECONDS",
        "default": 60.0,
        "help": "seconds between checkpoints, from 0 to 1e9 (default: 60)",
    },
    "doctor": {
        "action": argparse.BooleanOptionalAction,
        "default": True,
        "help": "look after each epoch for what is wrong with the run, and say what to do (default: yes)",
    },
}
EXAMPLES = {
    "vae": """\
  {program}                                     5,000 digits, about a minute
  {program} --dataset mnist                     the book chapter's VAE
  {program} --dataset photos/ --image-size 64   your own images
  {program} --latent-dim 20 --set training.kl_warmup=10
  {program} --resume runs/0001-vae-mnist5k      a run that was stopped""",
    "dcgan": """\
  {program}                                     5,000 digits
  {program} --dataset cifar10:automobile        the book chapter's cars
  {program} --dataset photos/ --augment         your own images, if they are few
  {program} --ema 0.999 --set generator.kernel_size=4
  {program} --resume runs/0001-dcgan-mnist5k    a run that was stopped""",
}


def train_parser(kind: str, program: str | None = None, everything: bool = False) -> Parser:
    """Return the parser of a training script.

    A setting's value stands under its name with its group, such as `training.epochs`, and only where it is given. One
    with everything is for its help alone, which then has every setting.
    """
    program = program or f"python train_{kind}.py"
    parser = Parser(
        prog=program,
        usage=f"{program} [FLAG ...]",
        description=f"Train a {NAMES[kind]} and draw what it learned into a folder under runs/.\n\n"
        + EXAMPLES[kind].format(program=program),
        formatter_class=functools.partial(argparse.RawDescriptionHelpFormatter, width=WIDTH, max_help_position=COLUMN),
        add_help=False,
    )
    fields = {f"{group}.{field.name}": (group, field) for group, field in fields_of(kind)}
    for title, names in SECTIONS.items():
        section = parser.add_argument_group(title)
        for name in names:
            if name in OWN or name in fields:
                keywords = _own(kind, name) if name in OWN else _of_setting(kind, *fields[name], everything)
                if name in ALL_ONLY and not everything:
                    keywords["help"] = argparse.SUPPRESS
                section.add_argument(_flag(name), dest=name, **keywords)
    helps = parser.add_argument_group("help")
    helps.add_argument("-h", "--help", action="help", help="this page")
    helps.add_argument("--help-all", action=_HelpAll, nargs=0, const=kind, help="every setting")
    if everything:
        _add_other_settings(parser, kind)
    return parser


class _HelpAll(argparse.Action):
    """Prints the long help of the model that `const` names."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(train_parser(self.const, parser.prog, everything=True).format_help(), end="")
        parser.exit()


def _flag(name: str) -> str:
    return "--" + name.rpartition(".")[2].replace("_", "-")


def _own(kind: str, name: str) -> dict[str, object]:
    example = {"vae": "encoder.intermediate_dim=512", "dcgan": "generator.kernel_size=4"}[kind]
    return OWN[name] | {"help": OWN[name]["help"].format(recipes=", ".join(recipe_names(kind)), example=example)}


def _of_setting(kind: str, group: str, field: dataclasses.Field, everything: bool) -> dict[str, object]:
    """Return the flag of a setting; the short help has the first clause of its explanation."""
    check = field.metadata["check"]
    text = field.metadata["help"] if everything else field.metadata["help"].split(";")[0]
    keywords: dict[str, object] = {"default": argparse.SUPPRESS}
    if field.type is bool:
        keywords |= {"action": "store_const", "const": True}
    elif check.choices:
        keywords["metavar"] = "{" + ",".join(map(str, check.choices)) + "}"
    else:
        keywords["metavar"] = check.metavar or (field.metadata["unit"] or "value").upper()
        if everything:
            text += f"; {check.expectation}"
    if check.flag_alone is not None:
        keywords |= {"nargs": "?", "const": check.flag_alone, "metavar": check.flag_alone}
    return keywords | {"help": f"{text} (default: {_default(kind, group, field.name)})".replace("%", "%%")}


def _default(kind: str, group: str, name: str) -> str:
    """Return a setting's default; where recipes differ, that of a run without any flag."""

    def text(settings: object) -> str:
        value = str(getattr(getattr(settings, group), name))
        return {"True": "yes", "False": "no", "None": "none"}.get(value, value)

    usual = text(resolve_settings(kind))
    same = all(text(settings) == usual for settings in _resolved(kind))
    return usual if same else f"by recipe; {usual} on mnist5k"


class _ColourImages(list):
    """What recipes ask of the images."""

    name, image_shape = "images", (64, 64, 3)


@functools.cache
def _resolved(kind: str) -> list[object]:
    """Return the settings of every recipe on some data sets."""
    datasets = (*DATASETS, _ColourImages())
    return [resolve_settings(kind, dataset, recipe) for recipe in recipe_names(kind) for dataset in datasets]


def _add_other_settings(parser: Parser, kind: str) -> None:
    """Add the settings that have no flag to the long help."""
    with_flag = {name for names in SECTIONS.values() for name in names}
    encoder = {field.name for group, field in fields_of(kind) if group == "encoder"}
    mirror = "(The decoder is the encoder's mirror: each setting of the encoder may be given for it, too.)"
    title = "settings without a flag, for --set and recipe files"
    section = parser.add_argument_group(title, mirror if encoder else None)
    for group, field in fields_of(kind):
        name, meta = f"{group}.{field.name}", field.metadata
        if name not in with_flag and not (group == "decoder" and field.name in encoder):
            unit = f", in {meta['unit']}" if meta["unit"] else ""
            text = f"{meta['help']}; {meta['check'].expectation}{unit} (default: {_default(kind, group, field.name)})"
            section.add_argument(name, help=text.replace("%", "%%"))


def replace_old_flags(kind: str, argv: list[str]) -> tuple[list[str], list[str]]:
    """Write flags of version 1 that are settings now as `--set`.

    Returns:
        The arguments, and a line for each flag that says what replaces it.
    """
    parser = train_parser(kind)
    known = parser._option_string_actions
    settings = _names_of_version_1(kind)
    words, lines = [], []
    rest = iter(argv)
    for word in rest:
        flag, equals, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        positive = name.removeprefix("no_")
        field = next(iter(settings.get(name, settings.get(positive, {})).values()), None)
        flag = parser.with_dashes(flag)
        if not flag.startswith("--") or flag in known or field is None or (name != positive and field.type is not bool):
            words.append(word)
            continue
        if field.type is bool:
            value = "true" if name == positive else "false"
        elif not equals:
            value = next(rest, "")
        new = [f"{setting}={value}" for setting in settings[name if name in settings else positive]]
        words += [part for text in new for part in ("--set", text)]
        lines.append(f"{flag} is now {' '.join(f'--set {text}' for text in new)}")
    return words, lines


def _names_of_version_1(kind: str) -> dict[str, dict[str, dataclasses.Field]]:
    """Return the settings that a flag of version 1 stood for: a name alone for each group, or with its group."""
    found: dict[str, dict[str, dataclasses.Field]] = defaultdict(dict)
    for group, field in fields_of(kind):
        if group == "decoder" and field.name in (other.name for name, other in fields_of(kind) if name == "encoder"):
            continue  # the encoder's mirror
        for name in (field.name, f"{group}_{field.name}"):
            found[name][f"{group}.{field.name}"] = field
    return found

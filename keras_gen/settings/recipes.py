"""Recipes: named sets of settings in TOML files, and what a run's settings are resolved from.

A recipe file has a table for each group of settings. `base` names a recipe whose values it starts from; what is given
nowhere has its default. `[[when]]` tables apply where their conditions hold; later ones win over earlier ones.
"""

import fnmatch
import functools
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_gen.errors import InputError
from keras_gen.files import nearest_run
from keras_gen.settings.fields import UnknownSetting, shown
from keras_gen.settings.overrides import Values, assign, merge
from keras_gen.settings.run_settings import NAMES, SETTINGS, Settings, fields_of
from keras_gen.sizes import reachable
from keras_gen.text import PATH_LENGTH, did_you_mean, nearest, printable

CONDITIONS = ("dataset", "channels", "size", "images", "latent_dim", "reachable")
FORMAT_VERSIONS = (1, 2)
CHAPTER_DATA = {"vae": "mnist", "dcgan": "cifar10:automobile"}


def resolve_settings(
    kind: str, data: object = "mnist5k", recipe: str | Path | None = None, **overrides: object
) -> Settings:
    """Return a recipe's settings for a data set, with some of them replaced.

    Args:
        kind: `vae` or `dcgan`.
        data: Name of the data set, or an `ImageSet`, which conditions of the recipe may ask for.
        recipe: A recipe's name, the path of a .toml file, or of a run whose settings to take; None chooses one.
        **overrides: Settings that replace the recipe's: `generator={"filters": 64}`, `generator_filters=64`, or
            `kernel_size=3` for every group that has it.

    Returns:
        `VAESettings` or `DCGANSettings`.

    Raises:
        InputError: There is no such recipe or setting, or a value is out of bounds.
    """
    return _resolve(kind, data, recipe, overrides)[0]


def recipe_choices(
    kind: str, data: object = "mnist5k", recipe: str | Path | None = None, **overrides: object
) -> list[str]:
    """Say what a recipe chooses for a data set and why, one line for each `[[when]]` table that has a `why`.

    The arguments are those of `resolve_settings`. What later tables or overrides replace is left out.
    """
    settings, tables = _resolve(kind, data, recipe, overrides)
    lines = []
    for number, (why, values) in enumerate(tables, start=1):
        choices = [
            f"{name} {value}"
            for group, fields in sorted(values.items(), key=lambda item: item[0] == "training")  # networks first
            for name, value in fields.items()
            if getattr(getattr(settings, group), name) == value
            if all(name not in later.get(group, {}) for _, later in tables[number:])
        ]
        lines += [f"{why}: {', '.join(choices)}"] if choices and why else []
    return lines


def _resolve(
    kind: str, data: object, recipe: str | Path | None, overrides: Mapping[str, object]
) -> tuple[Settings, list[tuple[str, Values]]]:
    """Return the settings, and the tables of the recipe that hold for the data; last, what was set by hand."""
    if kind not in tuple(SETTINGS):
        raise InputError(f"`kind` must be one of {', '.join(SETTINGS)}; received {printable(repr(kind))}")
    facts = _facts(data)
    if recipe is None:
        recipe, _ = default_recipe(kind, facts["dataset"])
    own, tables = assign(SETTINGS[kind].groups, overrides), []
    if str(recipe) in recipe_names(kind):
        values, tables = _apply(kind, _built_in(kind, str(recipe)), facts, own)
    elif str(recipe).endswith(".toml"):
        values, tables = _apply(kind, _read_file(kind, Path(recipe)), facts, own)
    else:
        values = _settings_of_run(kind, str(recipe)).explicit()
    return SETTINGS[kind](recipe=str(recipe), **merge(values, own)), [*tables, ("", own)]


def default_recipe(kind: str, dataset: str) -> tuple[str, str]:
    """Return the name of the recipe for a data set where none is asked for, and why it is that one."""
    if dataset == CHAPTER_DATA[kind]:
        return "chapter", "these are the book chapter's images"
    if dataset == "mnist5k":
        return "tuned", "it was chosen for digits"
    return "tuned", "the default for other images than the chapter's"


def recipe_names(kind: str) -> tuple[str, ...]:
    """Return the names of the recipes of a model."""
    return tuple(sorted(path.name.removesuffix(".toml") for path in _folder(kind).iterdir()))


def settings_from_record(record: Mapping) -> Settings:
    """Return the settings that a run.json of format version 1 or 2 keeps.

    A setting missing from run.json is newer than the run and takes its default; in version 1 that of its recipe.
    """
    kind, values = record["kind"], dict(record["settings"])
    recipe = values.pop("recipe", "chapter")
    try:
        own = assign(SETTINGS[kind].groups, values)
    except UnknownSetting as error:
        raise InputError(f"the run has a setting that is not known ({error.name}); use a newer keras_gen") from None
    base: Values = {}
    if record.get("format_version") == 1:
        name = recipe if recipe in recipe_names(kind) else "chapter"
        base, _ = _apply(kind, _built_in(kind, name), _facts_of_record(record), own)
        base["training"].pop("binarize_inputs", None)  # newer, too
    return SETTINGS[kind](recipe=recipe, **merge(base, own))


def _facts(data: object) -> dict[str, object]:
    """Return what conditions can ask of the data."""
    if isinstance(data, str | Path):
        return {"dataset": str(data)}
    if not hasattr(data, "image_shape"):
        raise InputError(f"`data` must be a data set's name, a path or an ImageSet; received {type(data).__name__}")
    return {"dataset": data.name} | _facts_of_images(data.image_shape, len(data))


def _facts_of_record(record: Mapping) -> dict[str, object]:
    facts = {"dataset": record["dataset"]["name"]}
    if train := record["dataset"].get("train"):
        facts |= _facts_of_images(train["image_shape"], train["count"])
    return facts


def _facts_of_images(image_shape: Sequence[int], count: int) -> dict[str, object]:
    height, width, channels = image_shape
    sizes = {"size": max(height, width), "reachable": reachable(height, width)}
    return {"channels": channels, "images": count} | sizes


def _folder(kind: str) -> Path:
    return Path(__file__).parent / "recipes" / kind


@functools.cache
def _built_in(kind: str, name: str) -> dict:
    return _checked_recipe(kind, tomllib.loads((_folder(kind) / f"{name}.toml").read_text("utf-8")))


def _read_file(kind: str, path: Path) -> dict:
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"{printable(path, PATH_LENGTH)} cannot be read ({error.strerror}); name a recipe file that is there"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{printable(path, PATH_LENGTH)} is no valid TOML: {shown(error)}") from None
    try:
        return _checked_recipe(kind, table)
    except InputError as error:
        message = str(error).replace("`", "")  # named as the file has them, not as flags
        raise InputError(f"{printable(path, PATH_LENGTH)}: {message}") from None


def _checked_recipe(kind: str, table: dict) -> dict:
    """Return the tables of a recipe, or raise InputError for what is wrong in any of them."""
    groups = SETTINGS[kind].groups
    other = next(name for name in SETTINGS if name != kind)
    model = table.pop("model", kind)
    if model == other or (set(table) & set(SETTINGS[other].groups) - set(groups)):
        raise InputError(f"this is a recipe of a {NAMES[other]}, not of a {NAMES[kind]}")
    if model != kind:
        raise InputError(f"`model` must be {kind}; received {shown(model)}")
    base = table.pop("base", None)
    if base is not None and base not in recipe_names(kind):
        raise InputError(f"`base` must be a built-in recipe: {', '.join(recipe_names(kind))}; received {shown(base)}")
    tables = table.pop("when", [])
    if not (isinstance(tables, list) and all(isinstance(when, dict) for when in tables)):
        raise InputError("`when` must be written as [[when]], once for each table")
    whens = []
    for when in tables:
        conditions = {key: value for key, value in when.items() if key in CONDITIONS}
        for key, value in conditions.items():
            _check_condition(key, value)
        if not isinstance(why := when.get("why", ""), str):
            raise InputError(f"`why` must be a text; received {shown(why)}")
        rest = {key: value for key, value in when.items() if key not in (*CONDITIONS, "why")}
        whens.append((conditions, printable(why), _checked_values(kind, rest, CONDITIONS)))
    return {"base": base, "values": _checked_values(kind, table, ("base", "model", "when")), "when": whens}


def _checked_values(kind: str, table: dict, other_keys: tuple[str, ...]) -> Values:
    """Return the groups of a recipe file; unlike on the command line, a number is not written as text there."""
    groups = SETTINGS[kind].groups
    for name, values in table.items():
        if name not in groups:
            fields = (f"{group}.{field.name}" for group, field in fields_of(kind))
            raise UnknownSetting(name, [*groups, *other_keys, *fields])
        for field, value in groups[name].check_names(values).items():
            check = groups[name].__dataclass_fields__[field].metadata["check"]
            if isinstance(value, str) and check.texts is not None and value not in check.texts:
                received = f'received "{shown(value)}"'
                raise InputError(f"`{name}.{field}` must be {check.expectation}, without quotes; {received}")
    return assign(groups, table)


def _check_condition(key: str, value: object) -> None:
    values = value if isinstance(value, list) else [value]
    if key == "dataset":
        if not all(isinstance(part, str) for part in values):
            raise InputError(f"the condition `dataset` must be a name or several; received {shown(repr(value))}")
        return
    if key == "reachable" and not isinstance(value, bool):
        raise InputError(f"the condition `reachable` must be true or false; received {shown(repr(value))}")
    if isinstance(value, dict):
        values = list(value.values()) if value and set(value) <= {"at_least", "below"} else [None]
    if key != "reachable" and not all(type(part) in (int, float) for part in values):
        raise InputError(
            f"the condition `{key}` must be a number, several, {{ at_least = 3 }} or {{ below = 3 }}; "
            f"received {shown(repr(value))}"
        )


def _apply(kind: str, recipe: dict, facts: dict, overrides: Values) -> tuple[Values, list[tuple[str, Values]]]:
    """Return the values of a recipe for some data, and of each table that holds its values, and why if it says so.

    `overrides` are asked for the latent dimensions only.
    """
    base = recipe["base"]
    values, tables = _apply(kind, _built_in(kind, base), facts, overrides) if base else ({}, [])
    values = merge(values, recipe["values"])
    network = next(group for group, field in fields_of(kind) if field.name == "latent_dim")
    default = SETTINGS[kind].groups[network]().latent_dim
    for conditions, why, changes in recipe["when"]:
        latent_dim = merge(values, overrides)[network].get("latent_dim", default)
        if all(_holds(value, (facts | {"latent_dim": latent_dim}).get(key)) for key, value in conditions.items()):
            values = merge(values, changes)
            tables = [*tables, (why, changes)]
    return values, tables


def _holds(condition: object, fact: object) -> bool:
    """Tell whether a condition holds of a fact; of one that is not known it does not."""
    if fact is None:
        return False
    if isinstance(condition, dict):
        return condition.get("at_least", fact) <= fact and fact < condition.get("below", float("inf"))
    values = condition if isinstance(condition, list) else [condition]
    if isinstance(fact, str):
        return any(fnmatch.fnmatchcase(fact, pattern) for pattern in values)
    return fact in values


def _settings_of_run(kind: str, path: str) -> Settings:
    file = Path(path, "run.json")
    if not file.is_file():
        hint = did_you_mean(nearest(path, recipe_names(kind)) or nearest_run(Path(path)))
        raise InputError(
            f'`recipe="{printable(path, PATH_LENGTH)}"` is not known{hint}; choose one of '
            f"{', '.join(recipe_names(kind))}, "
            "or name a .toml file or the folder of a run"
        )
    try:
        record = json.loads(file.read_text("utf-8"))
        if record["kind"] == kind and record["format_version"] in FORMAT_VERSIONS:
            return settings_from_record(record)
        model, version = NAMES[record["kind"]], record["format_version"]
    except InputError as error:
        raise InputError(f"{printable(path, PATH_LENGTH)}: {error}") from None
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(
            f"{printable(file, PATH_LENGTH)} holds no settings of a run; name another run, a recipe or a .toml file"
        ) from None
    if record["kind"] != kind:
        raise InputError(f"{printable(path, PATH_LENGTH)} is a run of a {model}, not of a {NAMES[kind]}")
    raise InputError(
        f"{printable(file, PATH_LENGTH)} has format version {shown(version)}; use the version of keras_gen that made it"
    )


def to_toml(settings: Settings) -> str:
    """Return the settings as a recipe file, ready to be saved, changed, and given as `recipe`."""
    lines = [f"# Settings of a {NAMES[settings.kind]}, from the recipe {json.dumps(settings.recipe)}."]
    lines.append(f'model = "{settings.kind}"')
    for group, values in settings.explicit().items():
        mirrored = "  # what is not here is the encoder's" if group == "decoder" else ""
        lines += ["", f"[{group}]{mirrored}"]
        for name, value in values.items():
            unit = settings.groups[group].__dataclass_fields__[name].metadata["unit"]
            lines.append(f"{name} = {_toml_value(value)}" + (f"  # {unit}" if unit else ""))
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if value is None or isinstance(value, str):
        return json.dumps("none" if value is None else value)
    return str(value).lower()

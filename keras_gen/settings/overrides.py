"""One rule for the names of settings, in Python, on the command line, and in run.json of format version 1.

A name is a group with a dictionary (`generator={"filters": 64}`), a group and a field (`generator_filters=64`), or a
field alone, which sets it in every group that has it (`kernel_size=3`).
"""

import dataclasses
from collections.abc import Mapping

from keras_gen.errors import InputError
from keras_gen.settings.fields import Group, UnknownSetting, checked, shown

Groups = Mapping[str, type[Group]]
Values = dict[str, dict[str, object]]  # by group and field


def assign(groups: Groups, overrides: Mapping[str, object]) -> Values:
    """Return the values of each group, checked.

    A name with its group wins over a field alone that stands for several groups.
    """
    shared: Values = {group: {} for group in groups}
    own: Values = {group: {} for group in groups}
    for name, value in overrides.items():
        if name in groups:
            values = dataclasses.asdict(value) if isinstance(value, Group) else value
            targets = [(name, field, part) for field, part in groups[name].check_names(values).items()]
        else:
            targets = [(group, field, value) for group, field in _find(groups, name)]
        target = own if name in groups or len(targets) == 1 else shared
        for group, field, part in targets:
            if field in target[group]:
                raise InputError(f"`{group}.{field}` is given twice ({shown(target[group][field])} and {shown(part)})")
            target[group][field] = checked(f"{group}.{field}", groups[group].__dataclass_fields__[field], part)
    values = merge(shared, own)
    training = values.get("training", {})
    if "epochs" in training and training.get("minutes") is not None:
        raise InputError("`epochs` and `minutes` both say how long to train; give one of the two")
    return values


def merge(values: Values, later: Values) -> Values:
    """Return the values of both; the later ones win, and later `epochs` replace earlier `minutes`."""
    merged = {group: values.get(group, {}) | later.get(group, {}) for group in {**values, **later}}
    if "epochs" in later.get("training", {}) and "minutes" in merged["training"]:
        merged["training"]["minutes"] = later["training"].get("minutes")
    return merged


def _find(groups: Groups, name: str) -> list[tuple[str, str]]:
    """Return the groups and fields that a name sets; a field's own name comes before a group's name in front of it."""
    pairs = [(group, field.name) for group, kind in groups.items() for field in dataclasses.fields(kind)]
    found = [pair for pair in pairs if pair[1] == name] or [pair for pair in pairs if "_".join(pair) == name]
    if not found:
        raise UnknownSetting(name, [*groups, *(field for _, field in pairs), *map("_".join, pairs)])
    return found

"""How a folder's images are sorted: its splits (train/, test/, validation/), and the classes below them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from keras_gen.errors import InputError
from keras_gen.text import counted, listed, printable

TRAINING, TEST, VALIDATION = "training", "test", "validation"
SPLITS = {"train": TRAINING, "training": TRAINING, "test": TEST, "testing": TEST}
SPLITS |= {"val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION}
NAMED = 3

Item = tuple[Path, tuple[str, ...]]  # a file, and the folders that it is in below the level that is looked at
Groups = dict[str, tuple[set[str], list[Item]]]  # of each split, the names of its folders and what is in them


@dataclass
class Layout:
    """Which images are trained on and which are held out, with their classes.

    Attributes:
        train: The files to train on.
        held_out: The files that are held out; empty if there is no split.
        classes: The class of each file; None if they have none.
        said: What was done, in lines for the user.
    """

    train: list[Path]
    held_out: list[Path] = field(default_factory=list)
    classes: dict[Path, str] | None = None
    said: list[str] = field(default_factory=list)


def arrange(root: Path, files: list[Path]) -> Layout:
    """Sort the images of a folder into splits and classes.

    Raises:
        InputError: There are parts to measure on, and none to train on.
    """
    items = [(file, file.parts[:-1]) for file in files]
    if found := _find_splits(root, items):
        return _with_splits(*found)
    layout = _with_classes(_without_wrappers(items, items))
    names = set((layout.classes or {}).values())
    if len(names) > 1 and (splits := _split_names(names)):
        folders = ", ".join(f"{printable(name)}/" for name in sorted(splits))
        layout.said.append(f"Labels  {folders} taken for a class, since other folders are beside it")
    return layout


def _split_names(names: Iterable[str]) -> dict[str, str]:
    """Return which of the folders are splits: train and test, and also training_set beside test_set.

    What stands beside the word must be the same in the training part, so that a train_station is a class.
    """
    kinds = {}
    for name in names:
        found = _words(name) & set(SPLITS)
        if len(found) == 1:
            kinds[name] = SPLITS[found.pop()], frozenset(_words(name) - set(SPLITS))
    pairs = set(kinds.values())
    return {
        name: kind
        for name, (kind, rest) in kinds.items()
        if not rest or {(TRAINING, rest)} < {pair for pair in pairs if pair[1] == rest}
    }


def _words(name: str) -> set[str]:
    return set(re.split(r"[\W\d_]+", name.casefold())) - {""}


def _first_folders(items: list[Item]) -> set[str]:
    return {folders[0] for _, folders in items if folders}


def _find_splits(root: Path, items: list[Item]) -> tuple[Groups, list[str]] | None:
    """Return the images of each split, and lines about what is left out; None if the folder has no splits."""
    names = _first_folders(items)
    kinds = _split_names(names)
    loose = [(file, folders) for file, folders in items if not folders]
    inside = [(file, folders) for file, folders in items if folders]
    if names and names == kinds.keys() and TRAINING not in kinds.values():
        if len(loose) > len(inside):  # photos, and test/ among them
            kinds[TRAINING] = TRAINING
            return _grouped([*((file, (TRAINING,)) for file, _ in loose), *inside], kinds), []
        if len(set(kinds.values())) == 2:
            raise InputError(
                f"{printable(root)} has {' and '.join(sorted(names))} but no images to train on; "
                "put those into train/, or name one of its folders"
            )
    elif TRAINING in kinds.values() and (names == kinds.keys() or len(set(kinds.values())) > 1):
        others = [(file, folders) for file, folders in inside if folders[0] not in kinds]
        left_out = _left_out(loose, "beside the splits") + _left_out(others, "in folders beside the splits")
        return _grouped(inside, kinds), left_out
    if len(names) == 1:  # a folder around all others
        found = _find_splits(root, [(file, folders[1:]) for file, folders in inside])
        return found and (found[0], _left_out(loose, "beside the folder of the splits") + found[1])
    # Each class may have its own splits, as in cat/train and cat/test.
    turned = [(file, (folders[1], folders[0], *folders[2:])) for file, folders in inside if len(folders) > 1]
    inner = _first_folders(turned)
    kinds = _split_names(inner)
    every_class = {folders[1] for _, folders in turned} == names
    if inner == kinds.keys() and TRAINING in kinds.values() and len(set(kinds.values())) > 1 and every_class:
        strays = [(file, folders) for file, folders in items if len(folders) < 2]
        return _grouped(turned, kinds), _left_out(strays, "beside the splits")
    return None


def _grouped(items: list[Item], kinds: dict[str, str]) -> Groups:
    groups: Groups = {}
    for file, folders in items:
        if kind := kinds.get(folders[0]):
            names, members = groups.setdefault(kind, (set(), []))
            names.add(folders[0])
            members.append((file, folders[1:]))
    everything = [item for _, members in groups.values() for item in members]
    return {kind: (names, _without_wrappers(members, everything, True)) for kind, (names, members) in groups.items()}


def _without_wrappers(items: list[Item], everything: list[Item], in_splits: bool = False) -> list[Item]:
    """Leave out the folders that are no classes: one around all images, or in a split those of a split's name."""
    names = _first_folders(everything)
    is_split = in_splits and all(_words(name) & set(SPLITS) for name in names)
    if not names or not all(folders for _, folders in everything) or not (is_split or len(names) == 1):
        return items
    items, everything = ([(file, folders[1:]) for file, folders in part] for part in (items, everything))
    return _without_wrappers(items, everything, in_splits)


def _with_splits(groups: Groups, said: list[str]) -> Layout:
    """Return the layout of a folder with splits: the test part is held out, or the validation part without one."""
    shown = {kind: " and ".join(f"{printable(name)}/" for name in sorted(names)) for kind, (names, _) in groups.items()}
    layout = _with_classes(groups[TRAINING][1])
    parts = [f"{shown[TRAINING]} is trained on ({counted(len(layout.train), 'image')})"]
    notes = []
    for kind in [kind for kind in (TEST, VALIDATION) if kind in groups]:
        name, items = shown[kind], groups[kind][1]
        if layout.held_out:
            parts.append(f"{name} is left out ({len(items):,})")
            continue
        held_out = _with_classes(items)
        if layout.classes and held_out.classes is None and len(set(layout.classes.values())) == 1:
            layout.classes = None  # one folder in train/, none in test/: it is no class
        if layout.classes is None:
            layout.held_out = [file for file, _ in items]
        else:
            layout.held_out = _of_known_classes(layout, held_out, name, notes)
        if layout.held_out:
            parts.append(f"{name} is held out ({len(layout.held_out):,})")
        else:
            parts.append(f"{name} is left out ({len(items):,}), for it has none of the classes of the training images")
    if not layout.held_out:
        parts.append("a part of it is held out")
    layout.said = [f"Split   {', '.join(parts)}", *said, *layout.said, *notes]
    return layout


def _of_known_classes(layout: Layout, held_out: Layout, name: str, notes: list[str]) -> list[Path]:
    """Return the held-out images whose class is trained on, and note what differs."""
    trained, measured = set(layout.classes.values()), held_out.classes or {}
    files = [file for file in held_out.train if measured.get(file) in trained]
    if files:
        notes += held_out.said
        strangers = Counter(label for label in measured.values() if label not in trained)
        if strangers:
            notes.append(
                f"Labels  {strangers.total():,} images in {name} are left out, of classes that are not in the "
                f"training images: {listed(sorted(strangers), NAMED)}"
            )
        if missing := sorted(trained - set(measured.values())):
            notes.append(f"Labels  {name} has no images of {listed(missing, NAMED)}")
        layout.classes |= {file: measured[file] for file in files}
    return files


def _with_classes(items: list[Item]) -> Layout:
    """Return the layout of a folder without splits: its sub-folders are classes."""
    loose = [(file, folders) for file, folders in items if not folders]
    classes = {file: folders[0] for file, folders in items if folders}
    if not classes:
        return Layout([file for file, _ in items])
    if loose and (len(loose) >= len(classes) or len(set(classes.values())) == 1):
        where = f"{len(loose):,} of {len(items):,} images are in no sub-folder"
        return Layout([file for file, _ in items], said=[f"Labels  none, since {where}"])
    return Layout(list(classes), classes=classes, said=_left_out(loose, "beside the class folders"))


def _left_out(items: list[Item], where: str) -> list[str]:
    if not items:
        return []
    count = counted(len(items), "image")
    return [f"Loose   {count} {where} left out: {listed((file.as_posix() for file, _ in items), NAMED)}"]

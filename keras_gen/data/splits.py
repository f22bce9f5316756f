"""How a folder's images are sorted: its splits (train/, test/, validation/), and the classes below them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from keras_gen.errors import InputError
from keras_gen.text import listed, printable

TRAINING, TEST, VALIDATION = "training", "test", "validation"
SPLITS = {
    "train": TRAINING,
    "training": TRAINING,
    "test": TEST,
    "testing": TEST,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
}
NAMED = 3

Item = tuple[Path, tuple[str, ...]]  # a file, and its path below the level that is looked at


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
    return _arrange(root, [(file, file.parts) for file in files])


def _arrange(root: Path, items: list[Item]) -> Layout:
    names = _folders(items)
    if (parts := _by_split(root, items, names) or _by_split_of_class(items, names)) is not None:
        return _with_splits(*parts)
    loose = [file for file, tail in items if len(tail) == 1]
    if len(names) == 1:  # a folder around all others is no class
        inner = _arrange(root, [(file, tail[1:]) for file, tail in items if len(tail) > 1])
        if inner.held_out or (not loose and len(set((inner.classes or {}).values())) > 1):
            inner.said += _left_out(loose, "beside the folder of the splits")
            return inner
    layout = _plain(items)
    if layout.classes is not None and (splits := _splits(names)) and len(names) > 1:
        names = ", ".join(f"{printable(name)}/" for name in splits)
        layout.said.append(f"Labels  {names} taken for a class, since other folders are beside it")
    return layout


def _splits(names: Iterable[str]) -> dict[str, str]:
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


def _folders(items: list[Item]) -> list[str]:
    """Return the names of the first folders."""
    return sorted({tail[0] for _, tail in items if len(tail) > 1})


def _by_split(root: Path, items: list[Item], names: list[str]) -> tuple[dict, list[str]] | None:
    """Return the items of each split, where the first folders are splits, and lines about what is left out."""
    splits = _splits(names)
    kinds = {splits.get(name) for name in names}
    loose = [item for item in items if len(item[1]) == 1]
    if TRAINING not in kinds:
        if not kinds or None in kinds:
            return None
        if len(loose) > len(items) - len(loose):
            return _grouped([*((file, (TRAINING, *tail)) for file, tail in loose), *_deeper(items)]), []
        if kinds == {TEST, VALIDATION}:
            raise InputError(
                f"{printable(root)} has {' and '.join(names)} but no images to train on; "
                "put those into train/, or name one of its folders"
            )
        return None
    if None in kinds and not kinds & {TEST, VALIDATION}:
        return None
    others = [file for file, tail in _deeper(items) if tail[0] not in splits]
    said = _left_out([file for file, _ in loose], "beside the splits") + _left_out(
        others, "in folders beside the splits"
    )
    return _grouped(_deeper(items)), said


def _by_split_of_class(items: list[Item], names: list[str]) -> tuple[dict, list[str]] | None:
    """Return the items of each split, where each class has its own, as in cat/train and cat/test."""
    below = {name: {tail[1] for _, tail in items if len(tail) > 2 and tail[0] == name} for name in names}
    inner = set().union(*below.values())
    kinds = {_splits(inner).get(name) for name in inner}
    if None in kinds or TRAINING not in kinds or min(len(kinds), len(names)) < 2 or not all(below.values()):
        return None
    turned = [(file, (tail[1], tail[0], *tail[2:])) for file, tail in items if len(tail) > 2]
    strays = [file for file, tail in items if len(tail) <= 2]
    return _grouped(turned), _left_out(strays, "beside the splits")


def _deeper(items: list[Item]) -> list[Item]:
    return [item for item in items if len(item[1]) > 1]


def _grouped(items: list[Item]) -> dict[str, tuple[str, list[Item]]]:
    """Return the folder names and the items of each split, the items below it."""
    groups: dict[str, tuple[set[str], list[Item]]] = {}
    splits = _splits(_folders(items))
    for file, tail in items:
        if kind := splits.get(tail[0]):
            folders, members = groups.setdefault(kind, (set(), []))
            folders.add(tail[0])
            members.append((file, tail[1:]))
    depth = _wrappers([item for _, members in groups.values() for item in members])
    return {
        kind: (
            " and ".join(f"{printable(name)}/" for name in sorted(folders)),
            [(file, tail[depth:]) for file, tail in members],
        )
        for kind, (folders, members) in groups.items()
    }


def _wrappers(items: list[Item]) -> int:
    """Count the folders around all images of the splits that are no classes: of a split's name, or around several."""
    names, inner = _folders(items), [(file, tail[1:]) for file, tail in items]
    if not names or len(_deeper(items)) < len(items):
        return 0
    if all(_words(name) & set(SPLITS) for name in names) or (len(names) == 1 and len(_folders(inner)) > 1):
        return 1 + _wrappers(inner)
    return 0


def _with_splits(groups: dict[str, tuple[str, list[Item]]], said: list[str]) -> Layout:
    """Return the layout of a folder with splits: the test part is held out, or the validation part without one."""
    name, items = groups[TRAINING]
    layout = _plain(items)
    parts = [f"{name} is trained on ({len(layout.train):,} images)"]
    notes = []
    for kind in (TEST, VALIDATION):
        if kind not in groups:
            continue
        name, items = groups[kind]
        if layout.held_out:
            parts.append(f"{name} is left out ({len(items):,})")
            continue
        held_out = _plain(items)
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
                f"Labels  {sum(strangers.values()):,} images in {name} are left out, of classes that are not in the "
                f"training images: {listed(sorted(strangers), NAMED)}"
            )
        if missing := sorted(trained - set(measured.values())):
            notes.append(f"Labels  {name} has no images of {listed(missing, NAMED)}")
        layout.classes |= {file: measured[file] for file in files}
    return files


def _plain(items: list[Item]) -> Layout:
    """Return the layout of a folder without splits: its sub-folders are classes."""
    files = [file for file, _ in items]
    inside, loose = _deeper(items), [file for file, tail in items if len(tail) == 1]
    if not inside:
        return Layout(files)
    if loose and (len(loose) >= len(inside) or len(_folders(items)) == 1):
        where = f"{len(loose):,} of {len(files):,} images are in no sub-folder"
        return Layout(files, said=[f"Labels  none, since {where}"])
    classes = {file: tail[0] for file, tail in inside}
    return Layout(list(classes), classes=classes, said=_left_out(loose, "beside the class folders"))


def _left_out(files: list[Path], where: str) -> list[str]:
    if not files:
        return []
    count = "1 image" if len(files) == 1 else f"{len(files):,} images"
    return [f"Loose   {count} {where} left out: {listed(map(Path.as_posix, files), NAMED)}"]

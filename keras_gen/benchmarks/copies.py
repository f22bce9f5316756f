"""How often the search for copies accuses honest images, and how often it finds copies: measured on real images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.data import load_dataset
from keras_gen.evaluation.memorising import LEVEL, NEIGHBOURS, distinct, find_copies

NOISE = 5  # grey levels, standard deviation
SHARES = (0.005, 0.01, 0.02, 0.05)
KINDS = ("exact", "slightly noisy", "mirrored")
TRAINING_SETS = 4  # different ones in each case
# Data set; images generated and held out, training images, honest sets, sets for each kind and share of copies.
CASES = (
    ("mnist", 300, 1200, 200, 20),
    ("mnist", 1000, 4000, 1000, 20),
    ("cifar10:automobile", 300, 1200, 200, 20),
    ("cifar10:automobile", 1000, 4000, 200, 20),
    ("mnist", 5000, 5000, 40, 2),
)


def trials(honest: int, of_copies: int) -> list[tuple[str, float, int]]:
    """Return the kind, the share and the number of each trial, those with the same training images together."""
    found = [("none", 0.0, number) for number in range(honest)]
    found += [(kind, share, number) for kind in KINDS for share in SHARES for number in range(of_copies)]
    return sorted(found, key=lambda trial: trial[-1] % TRAINING_SETS)


class Distances:
    """Distances between images, computed once, for `find_copies`: there an image is its number here.

    Number i + count is image i with noise, number i + 2 count is image i mirrored.

    Args:
        images: uint8, shape (count, height, width, channels), all different.
    """

    def __init__(self, images: np.ndarray) -> None:
        self.count = len(images)
        self.trained: np.ndarray | None = None
        noise = np.random.default_rng(0).normal(0, NOISE, images.shape).astype(np.float32)
        noisy = np.clip(np.rint(images + noise), 0, 255)
        plain = images.astype(np.float32).reshape(self.count, -1)
        forms = (plain, noisy.reshape(plain.shape), images[:, :, ::-1].astype(np.float32).reshape(plain.shape))
        squares = np.sum(plain**2, axis=1)
        self.table = np.empty((3 * self.count, self.count), np.float32)
        for number, form in enumerate(forms):
            block = self.table[number * self.count : (number + 1) * self.count]
            np.matmul(form, plain.T, out=block)
            block *= -2
            block += squares
            block += np.sum(form**2, axis=1)[:, np.newaxis]
        np.fill_diagonal(self.table, 0)
        np.sqrt(np.maximum(self.table, 0, out=self.table), out=self.table)

    def mirrored(self, numbers: np.ndarray) -> np.ndarray:
        """Return the numbers of images mirrored (of noisy ones, the same: they are not measured)."""
        return np.where(numbers < self.count, numbers + 2 * self.count, numbers % self.count)

    def nearest(self, queries: np.ndarray, points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest points of queries, one of both as they are; see `keras_gen.evaluation.nearest`."""
        if points is self.trained:
            return self.near[0][queries], self.near[1][queries]
        plain = queries.max() < self.count
        distances = self.table[points][:, queries].T if plain else self.table[queries][:, points]
        if k == 1:
            indices = np.argmin(distances, axis=1)[:, np.newaxis]
        else:
            indices = np.argpartition(distances, k, axis=1)[:, :k]
            order = np.argsort(np.take_along_axis(distances, indices, axis=1), axis=1)
            indices = np.take_along_axis(indices, order, axis=1)
        return indices, np.take_along_axis(distances, indices, axis=1).astype(np.float64)

    def train_on(self, trained: np.ndarray) -> None:
        """Find the nearest of these images for all, so that `nearest` need not."""
        everything = np.arange(len(self.table))
        found = [self.nearest(part, trained, NEIGHBOURS) for part in np.array_split(everything, len(everything) // 500)]
        self.near = tuple(map(np.concatenate, zip(*found, strict=True)))
        self.trained = trained

    def p_value(self, n: int, kind: str, share: float, seed: int) -> float:
        """Return the p-value of one set of generated images: real ones nobody trained on, and copies among them.

        Args:
            n: Generated, and held-out images.
            kind: How copies are made: one of `KINDS`, or `none`.
            share: Of the generated images that are copies, of different training images.
            seed: Draws the sets.
        """
        random = np.random.default_rng(seed)
        others = random.permutation(np.setdiff1d(np.arange(self.count), self.trained))
        held_out, generated = others[:n], others[n : 2 * n]
        copies = round(share * n)
        copied = random.permutation(self.trained)[:copies]
        generated[:copies] = copied + {"slightly noisy": 1, "mirrored": 2}.get(kind, 0) * self.count
        pair = (self.mirrored(generated), self.mirrored(held_out)) if kind == "mirrored" else None
        options = {"mirrored": pair, "search": self.nearest, "seed": seed}
        return find_copies(generated, held_out, self.trained, **options).p_value


def copies_table(out: Path, data_dir: Path | None = None, say: Callable[[str], None] = print) -> None:
    """Do the trials that are not done yet, and print the table as Markdown.

    Args:
        out: Folder that keeps the p-value of each trial, in copies.jsonl.
        data_dir: Where the data sets are looked for first.
        say: Takes lines of text for the user.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "copies.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = {tuple(key): p for *key, p in map(json.loads, lines)}
    with path.open("a", encoding="utf-8") as file:
        for name, n, train, honest, of_copies in CASES:
            distances = drawn = None
            for trial in trials(honest, of_copies):
                key = (name, n, *trial)
                if key in done:
                    continue
                if distances is None:
                    say(f"{name}, {n:,} generated images")
                    distances = Distances(_images(name, train + 2 * n, data_dir, say))
                if (number := trial[-1] % TRAINING_SETS) != drawn:
                    drawn = number
                    distances.train_on(np.random.default_rng(number).permutation(distances.count)[:train])
                done[key] = distances.p_value(n, *trial)
                print(json.dumps([*key, done[key]]), file=file, flush=True)
    print("\n".join(markdown_table([_row(done, *case) for case in CASES])), flush=True)


def _images(name: str, count: int, data_dir: Path | None, say: Callable[[str], None]) -> np.ndarray:
    """Return different images of a data set, a tenth more than are needed at once."""
    sets = [part.images for part in load_dataset(name, data_dir, say=say)]
    stay, honest, _ = distinct(*sets)
    images = np.concatenate([sets[0][stay], sets[1][honest]])
    return images[np.random.default_rng(0).permutation(len(images))[: count + count // 10]]


def _row(done: dict[tuple, float], name: str, n: int, train: int, honest: int, of_copies: int) -> dict[str, str]:
    def found(kind: str, share: float, number: int) -> int:
        return sum(done[name, n, kind, share, i] < LEVEL for i in range(number))

    row = {"data": name, "n": f"{n:,}", "training images": f"{train:,}"}
    row["accused"] = f"{found('none', 0.0, honest)} of {honest}"
    for kind in KINDS:
        row[kind] = ", ".join(f"{found(kind, share, of_copies) / of_copies:.2f}" for share in SHARES)
    return row

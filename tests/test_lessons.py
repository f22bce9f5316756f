"""The lessons run, accept right predictions and answers, and refuse plausible wrong ones."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from scipy.stats import norm

from keras_gen import lessons, models
from keras_gen.errors import InputError
from keras_gen.settings import recipes

FOLDER = Path("docs/lessons")
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
PREDICTIONS = {  # for each question the right prediction, and three that are plausible and wrong
    "1_autoencoder": [(392, 784, 2, 0.5), ("far above 1", "near 1", "far below 1", 1), ("hole", "digit", "both", 2)],
    "2_sampling": [(0, 1, 0.5, "none"), (2, 4, 1, 2.5), ("below 1", "equal to 1", "above 1", 1)],
    "3_plane": [(0.68, 0.95, 0.5, 1), ("at least three in ten", "one in ten", "all", 1), (1.53, 0.9375, 1.96, 1)],
    "4_two_networks": [(1.386, 0.693, 1, 0), (0.75, 0.5, 0.6, 3), (-0.1436, 0.8564, 0.1436, -1.17)],
    "5_freezing": [
        ("none", "trained", "statistics", "both"),
        ("statistics", "none", "trained", "both"),
        ("another function", "the same function", "the same", "none"),
    ],
    "6_going_wrong": [(1, 0.35, 0, 2), (99, 100.5, 10, 2), (0.5, 0, 1, 0.1)],
    "7_how_good": [("below", "above", "equal", 1), (2, 20, 0.2, 200), (0, 1, 0.5, -1)],
    "8_your_pictures": [
        (56, 50, 60, 64),
        ("too good", "too bad", "right", "equal"),
        ("nothing", "everything", "little", 0),
    ],
}


def kl(mean, log_var):
    return (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1) / 2


def distances(a, b):
    return np.linalg.norm(np.asarray(a)[:, None] - np.asarray(b)[None], axis=-1)


def crop(image):
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def sizes(n):
    return [base * 2**power for base in (4, 5, 6, 7) for power in range(9) if base * 2**power <= n]


ANSWERS = {  # for each exercise a right answer, and one with a plausible mistake
    "1_autoencoder": [
        (lambda a, b: ((a - b) ** 2).mean(axis=1), lambda a, b: ((a - b) ** 2).mean()),
        (
            lambda points, codes, radius: (distances(points, codes).min(axis=1) > radius).mean(),
            lambda points, codes, radius: (distances(points, codes).max(axis=1) > radius).mean(),
        ),
        (np.linspace, lambda a, b, n: np.linspace(a, b, n, endpoint=False)),
    ],
    "2_sampling": [
        (kl, lambda m, v: kl(m, 2 * v)),
        (lambda m, v, e: m + np.exp(v / 2) * e, lambda m, v, e: m + np.exp(v) * e),
        (lambda m, v: (m, (np.exp(v) - 1) / 2), lambda m, v: (2 * m, np.exp(v) - 1)),
    ],
    "3_plane": [
        (
            lambda c, k, a, b: c[k == b].mean(axis=0) - c[k == a].mean(axis=0),
            lambda c, k, a, b: c[k == a].mean(axis=0) - c[k == b].mean(axis=0),
        ),
        (lambda n: norm.ppf(np.arange(1, n + 1) / (n + 1)), lambda n: np.linspace(-2, 2, n)),
        (lambda c, m: distances(c, m).argmin(axis=1), lambda c, m: distances(c, m).argmax(axis=1)),
    ],
    "4_two_networks": [
        (
            lambda r, g: -np.log(r).mean() - np.log(1 - g).mean(),
            lambda r, g: -np.log(r).mean() - np.log(g).mean(),
        ),
        (lambda d: (-d, d - 1), lambda d: (-1 / (1 - d), -1 / d)),
        (lambda d, v, x, z: (d - 1) * v * x * (1 - x) * z, lambda d, v, x, z: (d - 1) * v * z),
    ],
    "5_freezing": [
        (
            lambda n, s: (np.full((n, 1), 1 - s), np.zeros((n, 1))),
            lambda n, s: (np.full((n, 1), 1 - s), np.full((n, 1), s)),
        ),
        None,  # a context manager: see below
        (
            lambda d_in_d, g_in_g, d_in_g: 2 if d_in_g else 0 if d_in_d and g_in_g else 1,
            lambda d_in_d, g_in_g, d_in_g: 0 if d_in_d and g_in_g else 1,
        ),
    ],
    "6_going_wrong": [
        (lambda k: 0.5**k, lambda k: 0.5 * k),
        (lambda: (1.0, 0.1, 0.5, 1.0), lambda: (0.1, 1.0, 1.0, 0.5)),
        (lambda ratio: int(ratio < 0.35), lambda ratio: int(ratio < 0.9)),
    ],
    "7_how_good": [
        (lambda v: v.std(ddof=1) / np.sqrt(len(v)), lambda v: v.std(ddof=1)),
        (
            lambda a, b: ((b - a).mean(), (b - a).std(ddof=1) / np.sqrt(len(a))),
            lambda a, b: ((b - a).mean(), np.sqrt((a.var() + b.var()) / len(a))),
        ),
        (lambda a, s, b, t: (b - a) / np.hypot(s, t), lambda a, s, b, t: (b - a) / (s + t)),
    ],
    "8_your_pictures": [
        (crop, lambda image: image[: min(image.shape[:2]), : min(image.shape[:2])]),
        (lambda n: max(sizes(n)), lambda n: n),
        (lambda n: (n - 2 * (n // 10), n // 10, n // 10), lambda n: (n - n // 10, n // 10, n // 10)),
    ],
}


def execute(path, monkeypatch):
    """Execute a lesson as a notebook would; return what it asked and graded, and its names."""
    asked, graded, names = [], [], {"__name__": "__main__"}
    monkeypatch.setattr(lessons, "check", lambda _, *rest: asked.append(rest) or lessons_check(..., *rest))
    monkeypatch.setattr(lessons, "grade", lambda answer, *rest: graded.append(rest) or lessons_grade(answer, *rest))
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    finally:
        import matplotlib.pyplot as plt

        plt.close("all")
        matplotlib.use(backend)
    return asked, graded, names


lessons_check, lessons_grade = lessons.check, lessons.grade


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_runs_and_tells_right_from_wrong(name, monkeypatch, capsys, no_xla, request):
    """In its short form, with the smaller networks of the chapter's recipe."""
    monkeypatch.setenv(lessons.SHORT, "1")
    monkeypatch.setattr(recipes, "default_recipe", lambda kind, dataset: ("chapter", "it is small"))
    if name in ("5_freezing", "8_your_pictures"):  # few steps of large networks
        request.getfixturevalue("eagerly")
    for build in (models.build_generator, models.build_discriminator):
        narrow = lambda shape, build=build, **widths: build(shape, **dict.fromkeys(widths, 4))  # noqa: E731
        monkeypatch.setattr(models, build.__name__, narrow)
    asked, graded, names = execute(FOLDER / f"{name}.py", monkeypatch)
    assert capsys.readouterr().out.count("Predict first") == 3
    for arguments, (right, *wrong) in zip(asked, PREDICTIONS[name], strict=True):
        assert lessons_check(right, *arguments), (right, arguments)
        assert not any(lessons_check(prediction, *arguments) for prediction in wrong), arguments
        assert len(wrong) == 3
    for arguments, answers in zip(graded, ANSWERS[name], strict=True):
        if answers is None:
            answers = tuple(lambda freeze=freeze: names["behaviour"](freeze) for freeze in freezers(names))
        right, wrong = answers
        assert lessons_grade(right, *arguments)
        assert not lessons_grade(wrong, *arguments)
        assert not lessons_grade(lambda *_: ..., *arguments)


def freezers(names):
    import keras_gen

    return keras_gen.frozen, names["layers_frozen"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_whole_lesson_is_a_notebook_that_takes_four_minutes(name, tmp_path):
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, FOLDER / f"{name}.py"], env=environment, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr.decode()[-1000:]


def test_each_lesson_has_the_parts_of_a_lesson():
    for name in NAMES:
        text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        for part in ("**Goal.**", "**Before.**", "**Time.**", "What to read next", "plt.show()", "glossary.md"):
            assert part in text, (name, part)
        assert text.count("## Predict ") == text.count("## Exercise ") == 3, name


def test_a_check_says_how_near_and_not_what_it_is(capsys):
    assert not lessons.check(..., 392)
    assert not lessons.check(400, 392)
    assert not lessons.check(2, 392)
    assert not lessons.check("many", 392)
    assert not lessons.check(float("nan"), 392)
    assert lessons.check(" Below 1", "below 1")
    out = capsys.readouterr().out
    assert "Near, but a little too high." in out
    assert "Far off: much too low." in out
    assert "A number is wanted here" in out
    assert "392" not in out


def test_an_answer_that_raises_is_told(capsys):
    assert not lessons.grade(lambda x: x.nothing, [((1,), 1)])
    assert not lessons.grade(3, [((1,), 1)])
    out = capsys.readouterr().out
    assert "With 1 it raises AttributeError" in out
    assert "Write a function" in out


def test_an_old_keras_is_refused_in_one_line(monkeypatch):
    import importlib

    monkeypatch.setattr("importlib.metadata.version", lambda name: "3.4.1")
    with pytest.raises(
        InputError, match=r"keras 3.4.1 is too old for the lessons; pip install --upgrade 'keras>=3.15'"
    ):
        importlib.reload(lessons)
    monkeypatch.undo()
    importlib.reload(lessons)

"""What the lessons in docs/lessons share: predictions that are checked, exercises that are graded, a quiet Keras."""

import os
import re
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from keras_gen._keras import import_keras
from keras_gen.errors import InputError

SHORT = "KERAS_GEN_SHORT_LESSONS"  # set by the tests: a lesson then takes seconds, and its numbers mean little


KERAS = (3, 15)  # freezing by variable works from here on

try:
    if tuple(map(int, re.findall(r"\d+", version("keras"))[:2])) < KERAS:
        raise InputError(f"keras {version('keras')} is too old for the lessons; pip install --upgrade 'keras>=3.15'")
except PackageNotFoundError:
    raise InputError("keras is not installed; pip install -r requirements.txt") from None

import_keras()
with warnings.catch_warnings():  # a notebook without ipywidgets has bars of text
    warnings.simplefilter("ignore")
    import tqdm.auto  # noqa: F401


def length(full: int, short: int) -> int:
    """Return a number of epochs or steps: `full`, or `short` where a test only looks whether a lesson runs."""
    return short if os.environ.get(SHORT) else full


def check(prediction: object, truth: float | str, tolerance: float = 0.0) -> bool:
    """Say how near a prediction is, without giving the answer away.

    Args:
        prediction: A number or a word; `...` is none yet.
        truth: What came out: a number or a word.
        tolerance: How far a number may be off.

    Returns:
        Whether the prediction is right.
    """
    if prediction is ...:
        print("Predict first: replace the dots (...) in the cell above, and run both cells again.")
        return False
    if isinstance(truth, str):
        right = str(prediction).strip().lower() == truth.lower()
        print("Right." if right else "That is not what happened. Look again, and predict once more.")
        return right
    try:
        distance = float(prediction) - float(truth)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        print(f"A number is wanted here, not {prediction!r:.40}.")
        return False
    if abs(distance) <= tolerance:
        print("Right.")
        return True
    side = "high" if distance > 0 else "low"
    near = abs(distance) <= max(5 * tolerance, 0.25 * abs(truth))
    print(
        f"{'Near, but a little' if near else 'Far off: much'} too {side}." if np.isfinite(distance) else "Not finite."
    )
    return False


def grade(answer: object, cases: Sequence[tuple[tuple, object]], tolerance: float = 1e-5) -> bool:
    """Try a function that the reader wrote, and say for which arguments it is wrong.

    Args:
        answer: The function; one that returns `...` has not been written yet.
        cases: Pairs of arguments and of what the function should return: a number, an array, or a tuple of these.
        tolerance: By how much each number may be off.

    Returns:
        Whether it is right for all.
    """
    if not isinstance(answer, Callable):
        print("Write a function, and give its name to `grade`.")
        return False
    for arguments, expected in cases:
        with_these = f"with {_shown(arguments)} it" if arguments else "it"
        try:
            received = answer(*arguments)
        except Exception as error:  # whatever the reader's code raises is an answer, too
            print(f"{with_these[:1].upper()}{with_these[1:]} raises {type(error).__name__}: {error}")
            return False
        if received is None or any(part is ... for part in (received if isinstance(received, tuple) else [received])):
            print("Not written yet: replace the dots (...).")
            return False
        if not _equal(received, expected, tolerance):
            print(f"Not yet: {with_these} returns {_shown((received,))}, which is not right.")
            return False
    print(f"Right, in all {len(cases)} cases.")
    return True


def _equal(received: object, expected: object, tolerance: float) -> bool:
    try:
        if isinstance(expected, tuple):
            return len(received) == len(expected) and all(  # type: ignore[arg-type]
                _equal(part, wanted, tolerance)
                for part, wanted in zip(received, expected, strict=True)  # type: ignore[call-overload]
            )
        received, expected = np.asarray(received, float), np.asarray(expected, float)
        return received.shape == expected.shape and np.allclose(received, expected, rtol=tolerance, atol=tolerance)
    except (TypeError, ValueError):
        return False


def _shown(values: tuple) -> str:
    return ", ".join(f"{np.array2string(np.asarray(value), precision=4, threshold=8):.80}" for value in values)

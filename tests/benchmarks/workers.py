"""Programs for the runner's tests, which run in processes of their own."""

import os

from keras_gen.benchmarks.worker import Reporter
from keras_gen.errors import InputError


def steady(reporter: Reporter, task: object, rounds: int) -> None:
    reporter.first_step()
    for number in range(rounds):
        reporter.end_round(number)
    raise ValueError("it cannot be\nits last line")


def too_large(reporter: Reporter, task: object) -> None:
    raise InputError("use a smaller batch")


def gone(reporter: Reporter, task: object) -> None:
    os._exit(3)

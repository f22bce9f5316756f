import keras
import pytest

from keras_gen.benchmarks.runner import run_in_turns, started
from keras_gen.benchmarks.tasks import WORKERS, Task, Worker
from keras_gen.errors import InputError, RunError

TASK = Task("vae", (8, 8, 1), "float32", 4)


@pytest.fixture(autouse=True)
def backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())


def steady(title, rounds, **facts):
    return Worker(title, "tests.benchmarks.workers:steady", {"rounds": rounds}, **facts)


@pytest.mark.slow
def test_workers_take_turns_and_every_second_round_goes_backwards():
    ticks = []
    workers = [steady("first", 9), steady("second", 9)]
    (first, second), notes = run_in_turns(workers, TASK, 3, ticks.append)
    assert ticks == ["first", "second", *("first", "second"), *("second", "first"), *("first", "second")]
    assert first.seconds == second.seconds == [1, 2, 3]  # the round that warms up is not among them
    assert (first.worker, notes) == (workers[0], [])
    assert 0 < first.first_step < 60
    assert first.memory > 10e6


def test_a_worker_that_fails_ends_the_benchmark_with_its_last_line():
    with pytest.raises(RunError, match=r"^first: its last line$"):
        run_in_turns([steady("first", 2), steady("second", 9)], TASK, 5, lambda title: None)


def test_an_optional_worker_that_cannot_start_is_named_and_left_out():
    workers = [steady("first", 9), steady("maybe", 0, optional=True)]
    results, notes = run_in_turns(workers, TASK, 1, lambda title: None)
    assert [result.worker.title for result in results] == ["first"]
    assert notes == ["Left out: maybe: its last line"]


@pytest.mark.parametrize(
    ("program", "error", "message"),
    [("too_large", InputError, r"^use a smaller batch$"), ("gone", RunError, r"^title: ended with code 3$")],
)
def test_what_a_worker_cannot_use_is_the_user_s_mistake_and_a_crash_is_told(program, error, message):
    with (
        pytest.raises(error, match=message),
        started("title", f"tests.benchmarks.workers:{program}", task=TASK) as answer,
    ):
        answer()


@pytest.mark.slow
def test_a_worker_of_ours_runs_in_a_process_of_its_own():
    task = Task("vae", (8, 8, 1), "float32", 4, 3, {"intermediate_dim": 4})
    ((result,), _) = run_in_turns([WORKERS["vae"][0]], task, 2, lambda title: None)
    assert len(result.seconds) == 2
    assert 0 < max(result.seconds) < result.first_step
    assert result.memory > 50e6

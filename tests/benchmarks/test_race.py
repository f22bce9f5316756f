import keras
import pytest

from keras_gen.benchmarks.race import race, started
from keras_gen.benchmarks.task import CONTENDERS, Contender, Task
from keras_gen.errors import InputError, RunError

TASK = Task("vae", (8, 8, 1), "float32", 4)
RUNNER = """
import json, sys
name, laps = {name!r}, {laps}
print(json.dumps({{"first_step": True}}), flush=True)
for number in range(laps):
    print(json.dumps({{"seconds": number, "memory": 10 + number, "device_memory": None}}), flush=True)
    if not sys.stdin.readline():
        sys.exit()
print("a warning", file=sys.stderr)
sys.exit("its last words")
"""


def scripts(program, options):
    """Arguments for Python of a contender whose program is `name:laps`, after which it fails."""
    name, laps = program.split(":")
    return ["-c", RUNNER.format(name=name, laps=int(laps))]


def test_contenders_take_turns_and_every_second_round_goes_backwards():
    ticks = []
    takers = [Contender("first", "first:9"), Contender("second", "second:9")]
    (first, second), notes = race(takers, TASK, 3, ticks.append, scripts)
    assert ticks == ["first", "second", *("first", "second"), *("second", "first"), *("first", "second")]
    assert first.laps == second.laps == [1, 2, 3]  # the lap that warms up is not among them
    assert (first.memory, first.contender, notes) == (13, takers[0], [])
    assert 0 < first.first_step < 10


def test_a_contender_that_fails_ends_the_race_with_its_last_words():
    with pytest.raises(RunError, match=r"^second: its last words$"):
        race([Contender("first", "first:9"), Contender("second", "second:2")], TASK, 5, lambda _: None, scripts)


def test_an_optional_contender_that_cannot_start_is_named_and_left_out():
    takers = [Contender("first", "first:9"), Contender("maybe", "maybe:0", optional=True)]
    results, notes = race(takers, TASK, 1, lambda _: None, scripts)
    assert [each.contender.title for each in results] == ["first"]
    assert notes == ["Left out: maybe: its last words"]


def test_nothing_goes_on_after_ctrl_c():
    with pytest.raises(KeyboardInterrupt), started("sleeper", ["-c", "import time; time.sleep(60)"]) as child:
        assert not child.ended
        raise KeyboardInterrupt
    assert child.ended


def test_what_a_contender_cannot_use_is_the_user_s_mistake():
    answer = ["-c", """print('{"input_error": "use a smaller batch"}')"""]
    with started("any", answer) as child, pytest.raises(InputError, match=r"^use a smaller batch$"):
        child.answer()


def test_a_contender_of_ours_runs_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    task = Task("vae", (8, 8, 1), "float32", 4, 3, {"intermediate_dim": 4})
    ((result,), _) = race([CONTENDERS["vae"][0]], task, 2, lambda _: None)
    assert len(result.laps) == 2
    assert min(result.laps) > 0
    assert result.memory > 50e6
    assert result.first_step > max(result.laps)

import pytest

from keras_gen.training import loop


def test_the_time_of_a_step_leaves_out_what_is_no_step(monkeypatch):
    """Else an engine that is asked for half a second's steps would be asked for one, for the pictures took so long."""
    clock = [100.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])
    session = loop._Session(None, print, 60, None)
    session.started, session.steps = clock[0], 10
    clock[0] += 2
    with session.between_steps():
        clock[0] += 8
    assert session.seconds_per_step() == pytest.approx(0.2)
    assert session.seconds_per_step(all_in=True) == pytest.approx(1.0)  # what the time that is left is told by

import os

from keras_gen.atomic import replacing


def test_two_processes_that_write_the_same_file_leave_a_whole_one(tmp_path, monkeypatch):
    path = tmp_path / "features.keras"
    with replacing(path, shared=True) as ours:
        ours.write_text("ours, half")
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with replacing(path, shared=True) as theirs:
            theirs.write_text("theirs")
        assert path.read_text() == "theirs"
        assert ours.read_text() == "ours, half"  # nobody took it away
        ours.write_text("ours")
    assert path.read_text() == "ours"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_what_a_killed_process_left_is_written_over(tmp_path):
    path = tmp_path / "encoder.keras"
    for _ in range(2):
        with replacing(path) as temporary:
            assert temporary.name == ".partial-encoder.keras"  # whatever the process
            temporary.write_text("whole")

import os

from keras_gen.atomic import replacing


def test_two_processes_that_write_the_same_file_leave_a_whole_one(tmp_path, monkeypatch):
    path = tmp_path / "features.keras"
    with replacing(path) as ours:
        ours.write_text("ours, half")
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with replacing(path) as theirs:
            theirs.write_text("theirs")
        assert path.read_text() == "theirs"
        ours.write_text("ours")
    assert path.read_text() == "ours"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]

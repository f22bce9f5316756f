import errno
import os
import resource
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from keras_gen.errors import InputError, WriteError
from keras_gen.files import PARTIAL, remove_leftovers, replacing, write_text


def test_two_processes_that_write_the_same_file_leave_a_whole_one(tmp_path):
    path = tmp_path / "features.keras"
    with replacing(path) as ours:
        ours.write_text("ours, half")
        with replacing(path) as theirs:
            theirs.write_text("theirs")
        assert path.read_text() == "theirs"
        assert ours.read_text() == "ours, half"  # nobody took it away
        ours.write_text("ours")
    assert path.read_text() == "ours"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_has_the_mode_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "run.json", "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EPERM])
def test_where_nothing_can_be_synced_files_are_written_all_the_same(tmp_path, monkeypatch, code):
    def refuse(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    write_text(tmp_path / "new" / "run.json", "{}")  # a folder that someone removed is made again
    assert (tmp_path / "new" / "run.json").read_text() == "{}"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_refuses_is_told_with_the_name_of_the_file(tmp_path, monkeypatch, code):
    path = tmp_path / "history.csv"
    write_text(path, "old")

    def refuse(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(WriteError) as caught:
        write_text(path, "new")
    assert (caught.value.errno, caught.value.filename) == (code, str(path))
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def _save_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(100_000))


def _save_picture(path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)).save(path, "PNG")


def _save_model(path):
    import keras

    keras.Sequential([keras.Input((100,)), keras.layers.Dense(200)]).save(path)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a writer that fails is closed twice
@pytest.mark.parametrize(("save", "name"), [(_save_array, "a.npy"), (_save_picture, "a.png"), (_save_model, "a.keras")])
def test_a_limit_on_the_size_of_files_is_told_whoever_writes(tmp_path, save, name):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(WriteError) as caught, replacing(tmp_path / name) as temporary:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        try:
            save(temporary)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "out.png"):
        (tmp_path / "source.png").read_bytes()
    assert caught.value.filename == str(tmp_path / "source.png")


def test_nothing_is_written_through_a_link_out_of_a_run_folder(tmp_path):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    elsewhere.mkdir()
    write_text(run / "run.json", "{}")
    (run / "images").symlink_to(elsewhere)
    (elsewhere / "taken.json").write_text("theirs")
    with pytest.raises(InputError, match="link leads out of the run folder"):
        write_text(run / "images" / "epoch-0001.png", "")
    (run / "metrics.json").symlink_to(elsewhere / "taken.json")
    write_text(run / "metrics.json", "ours")  # replaces the link, not what it points to
    assert [path.read_text() for path in elsewhere.iterdir()] == ["theirs"]
    assert (run / "metrics.json").read_text() == "ours"
    (tmp_path / "link").symlink_to(run)
    write_text(tmp_path / "link" / "figures" / "losses.png", "")  # the run folder itself may be a link


def test_what_killed_processes_left_is_removed_once_it_is_old(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    names = {"old": f"{PARTIAL}{ended.pid}-ab.npz", "new": f"{PARTIAL}{ended.pid}-cd.npz"}
    names |= {"alive": f"{PARTIAL}{os.getppid()}-ef.npz", "version 1": f"{PARTIAL}encoder.keras"}
    (tmp_path / "models").mkdir()
    for name, file in names.items():
        (tmp_path / "models" / file).write_text("half")
        if name != "new":
            os.utime(tmp_path / "models" / file, times=(time.time() - 3600,) * 2)
    (tmp_path / f"{PARTIAL}{ended.pid}").mkdir()  # of a pair of models
    (tmp_path / f"{PARTIAL}{ended.pid}" / "encoder.keras").write_text("half")
    os.utime(tmp_path / f"{PARTIAL}{ended.pid}", times=(time.time() - 3600,) * 2)
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    assert {path.name for path in (tmp_path / "models").iterdir()} == {names["new"], names["alive"]}
    remove_leftovers(tmp_path / "models", abandoned=0)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [names["alive"]]

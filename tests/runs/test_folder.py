import shutil
from pathlib import Path

import pytest

from keras_gen import RunFolder, load_run
from keras_gen.errors import InputError


def test_folders_are_numbered_and_never_used_twice(tmp_path):
    first = RunFolder.create(None, "vae", "mnist5k", tmp_path / "runs")
    second = RunFolder.create(None, "dcgan", "cifar10:automobile", tmp_path / "runs")
    assert first.path.name == "0001-vae-mnist5k"
    assert second.path.name == "0002-dcgan-cifar10-automobile"
    shutil.rmtree(first.path)
    (tmp_path / "runs" / "77-monkeys").mkdir()
    assert RunFolder.create(None, "vae", "x" * 99, tmp_path / "runs").path.name == f"0003-vae-{'x' * 60}"
    (tmp_path / "runs" / "9999-by-hand").mkdir()
    assert RunFolder.create(None, "vae", "a/b c\n", tmp_path / "runs").path.name == "10000-vae-a-b-c"


@pytest.mark.parametrize(
    ("path", "word"), [("runs/0001-vae", "runs/0001-vae"), ("my run", "'my run'"), ("-run", "./-run")]
)
def test_a_folder_in_a_command_line_is_one_word_and_no_flag(path, word):
    assert RunFolder(path).argument == word


def test_what_exists_is_never_written_over(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("taken", "file", "link"):
        with pytest.raises(InputError, match=f"`out=.*{name}` already exists and is never overwritten"):
            RunFolder.create(tmp_path / name, "vae", "mnist5k")
    with pytest.raises(InputError, match="is inside a file; name a folder that can be made"):
        RunFolder.create(tmp_path / "file" / "run", "vae", "mnist5k")
    assert (tmp_path / "file").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "file", "link"}  # no temporary folder is left


def test_rows_from_a_version_with_fewer_columns_leave_them_empty(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "dcgan", "stripes")
    folder.write_table("metrics.csv", [{"epoch": 1, "kid": 0.5}, {"epoch": 2, "kid": 0.25, "kid_floor": 1e-05}])
    assert (folder.path / "metrics.csv").read_text() == "epoch,kid,kid_floor\n1,0.5,\n2,0.25,1e-05\n"
    assert folder.read_table("metrics.csv") == [{"epoch": 1, "kid": 0.5}, {"epoch": 2, "kid": 0.25, "kid_floor": 1e-05}]
    folder.write_table("metrics.csv", [{"epoch": 1, "kid": 0.5, "p": 0.0}, {"epoch": 2, "p": 0.1}])
    assert folder.read_table("metrics.csv") == [{"epoch": 1, "kid": 0.5, "p": 0.0}, {"epoch": 2, "p": 0.1}]
    assert folder.read_table("history.csv") == []


@pytest.mark.parametrize("text", ["epoch,loss\n1,x\n", "epoch,loss\n1\n", "epoch,loss\n1,2,3\n", "loss\n1\n"])
def test_a_table_that_is_no_table_is_named(tmp_path, text):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    (folder.path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=r"history\.csv is damaged; put it back, or remove it"):
        folder.read_table("history.csv")


def test_a_lock_keeps_others_out_as_long_as_it_is_held(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    with (
        folder.locked(),
        pytest.raises(InputError, match="is being trained by another process"),
        RunFolder(folder.path).locked(),
    ):
        pass
    with RunFolder(folder.path).locked():
        pass


def test_where_files_cannot_be_locked_a_run_trains_without(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")

    def unsupported(self):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("filelock.FileLock._acquire", unsupported)
    with folder.locked():
        pass


def test_epochs_with_pictures_are_in_order_beyond_four_digits(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    for epoch in (9, 10000, 200):
        folder.epoch_image(epoch).touch()
    (folder.path / "images" / "epoch-new.png").touch()
    assert folder.epochs_with(folder.epoch_image) == [9, 200, 10000]
    assert folder.epochs_with(folder.epoch_codes) == []


def test_codes_are_kept_with_and_without_labels(tmp_path, trained_runs):
    codes, labels = load_run(trained_runs["vae"]).folder.read_codes(1)
    assert codes.shape == (6, 2)
    assert labels.shape == (6,)
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    folder.write_codes(3, codes, None)
    assert folder.read_codes(3)[1] is None
    folder.checksums.path.unlink()
    whole = folder.epoch_codes(3).read_bytes()
    middle = len(whole) // 4  # of the compressed numbers
    flipped = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 20]) + whole[middle + 20 :]
    for content in (b"", b"not an archive", whole[:40], flipped):
        folder.epoch_codes(3).write_bytes(content)
        with pytest.raises(InputError, match=r"epoch-0003\.npz cannot be read .*; remove it"):
            folder.read_codes(3)


def test_a_folder_that_may_not_be_made_is_named_with_the_reason(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    for out, name in ((tmp_path / "exports", "exports"), (None, "runs")):
        with pytest.raises(InputError, match=rf"{name} cannot be made \(Permission denied\); name another folder with"):
            RunFolder.create(out, "vae", "digits", tmp_path / "runs")


def test_a_relative_folder_is_the_same_when_the_working_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create("run", "vae", "stripes")
    assert folder.path == Path("run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    folder.write_table("history.csv", [{"epoch": 1, "loss": 0.5}])
    assert (
        RunFolder(tmp_path / "run").read_table("history.csv")
        == folder.read_table("history.csv")
        == [{"epoch": 1, "loss": 0.5}]
    )
    assert not list((tmp_path / "elsewhere").iterdir())

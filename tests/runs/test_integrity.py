"""Checksums tell damage from what a kill leaves, and the files of one run from those of another."""

import hashlib
import shutil

import pytest

from keras_gen import load_run
from keras_gen.errors import InputError
from keras_gen.run import integrity
from keras_gen.run.integrity import Checksums


@pytest.fixture
def sums(tmp_path):
    return Checksums(tmp_path)


def write(sums, name, content, noted=True):
    """Write a file as a run does: note its checksum, then rename; return its path."""
    path, temporary = sums.folder / name, sums.folder / "temporary"
    temporary.write_bytes(content)
    sums.add(path, temporary)
    if noted:
        temporary.replace(path)
    return path


def test_the_file_has_the_lines_of_sha256sum(sums):
    path = write(sums, "a b.txt", b"content")
    assert sums.path.read_text() == f"{hashlib.sha256(b'content').hexdigest()}  a b.txt\n"
    sums.check(path)


@pytest.mark.parametrize("content", [b"", b"conten", b"Content", b"content\n"])
def test_a_damaged_file_is_named(sums, content):
    path = write(sums, "a.txt", b"content")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.txt is damaged or of another run: .* put the file back, or remove "):
        sums.check(path)
    sums.path.unlink()  # as the message says
    sums.check(path)


def test_a_kill_between_the_checksum_and_the_file_is_no_damage(sums):
    path = write(sums, "a.txt", b"old")
    write(sums, "a.txt", b"new", noted=False)
    sums.check(path)
    write(sums, "a.txt", b"newer")
    write(sums, "a.txt", b"newest")
    path.write_bytes(b"old")  # but what was there long before is not what should be there now
    with pytest.raises(InputError, match="is damaged"):
        sums.check(path)


def test_replacements_that_fail_again_and_again_are_no_damage(sums):
    path = write(sums, "a.txt", b"old")
    for content in (b"new", b"newer", b"newest"):
        write(sums, "a.txt", content, noted=False)
        sums.check(path)


def test_a_file_that_cannot_be_read_can_be_replaced(sums, monkeypatch):
    for content in (b"one", b"two"):
        path = write(sums, "a.txt", content)

    def refuse(file):
        if file == path:
            raise PermissionError(13, "Permission denied", str(file))
        return hashlib.sha256(file.read_bytes()).hexdigest()

    with monkeypatch.context() as patch:
        patch.setattr(integrity, "_sha256", refuse)
        write(sums, "a.txt", b"three")
    sums.check(path)


@pytest.mark.parametrize(("part", "name"), [(Checksums, "_accepted"), (integrity, "_sha256")])
def test_a_file_that_is_replaced_while_it_is_checked_is_no_damage(sums, part, name, monkeypatch):
    path, original = write(sums, "a.txt", b"1"), getattr(part, name)

    def replaced_meanwhile(*arguments):
        monkeypatch.undo()
        for content in (b"2", b"3", b"4"):
            write(sums, "a.txt", content)
        return original(*arguments)

    monkeypatch.setattr(part, name, replaced_meanwhile)
    sums.check(path)


def test_half_a_line_at_the_end_is_what_a_kill_leaves(sums):
    path, other = write(sums, "a.txt", b"content"), write(sums, "b.txt", b"more")
    text = sums.path.read_text()
    for length in (len(text) - 1, len(text) - 5, 100, 75):
        sums.path.write_text(text[:length])
        sums.check(path)
        write(sums, "b.txt", b"other")
        sums.check(path)
        sums.check(other)
        other.write_bytes(b"damaged")
        with pytest.raises(InputError, match="is damaged"):  # its line was not lost in the half one
            sums.check(other)
    sums.path.write_bytes(b"\xff\n" + text.encode())
    sums.check(path)


def test_files_that_are_not_there_or_were_never_noted_are_no_matter_of_checksums(sums):
    (sums.folder / "unknown.txt").write_text("a run of format version 1")
    sums.check(sums.folder / "unknown.txt")
    write(sums, "a.txt", b"content").unlink()
    sums.check(sums.folder / "a.txt")


@pytest.mark.parametrize("kind", ["vae", "dcgan"])
def test_every_file_that_a_run_reads_again_is_checked(kind, trained_runs, tmp_path):
    """Missing from this list is what is only looked at, and images of epochs, which are named and left out."""
    path = tmp_path / "run"
    shutil.copytree(trained_runs[kind], path)
    run = load_run(path)
    model = {"vae": "decoder", "dcgan": "generator"}[kind]
    readers = {
        "run.json": lambda run: load_run(path),
        "history.csv": lambda run: run.history,
        "timing.csv": lambda run: run.timing,
        f"models/{model}.keras": lambda run: run.generate(1),
    }
    for name, read in readers.items():
        content = (path / name).read_bytes()
        run = load_run(path)
        (path / name).write_bytes(content + b"\n")
        with pytest.raises(InputError, match="is damaged or of another run"):
            read(run)
        (path / name).write_bytes(content)
    assert len(load_run(path).history) == 1


def test_a_model_of_another_run_is_refused_with_and_without_checksums(trained_runs, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(trained_runs["vae"], path)
    folder = load_run(path).folder
    folder.checksums.path.unlink()
    assert load_run(path).generate(1).shape == (1, 16, 16, 1)
    folder.write(id="another")
    with pytest.raises(InputError, match=r"decoder\.keras is a model of another run; put back the one that belongs"):
        load_run(path).generate(1)

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from keras_gen.data import cache as cache_module
from keras_gen.data.cache import clear_cache, fetch
from keras_gen.errors import InputError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras_gen" / "images"


def read(cache, key="key", content=b"pixels", size=None):
    """Fetch an entry; returns its bytes, facts, the lines said and whether it was decoded."""
    said, calls = [], []

    def decode(file):
        calls.append(file)
        file.write(content * (size or 1))
        return {"of": key}

    pixels, facts = fetch(cache, key, decode, said.append)
    return pixels, facts, said, bool(calls)


def entries(cache):
    return sorted(path.stem for path in cache.glob("*.pixels"))


def test_the_second_time_nothing_is_decoded_and_changes_never_reach_the_file(cache):
    pixels, facts, said, decoded = read(cache)
    assert (pixels.tobytes(), facts, decoded) == (b"pixels", {"of": "key"}, True)
    assert said == [f"Cache   {cache / 'key.pixels'} (0.0 MB)"]
    pixels[:] = 0
    pixels, facts, said, decoded = read(cache)
    assert (pixels.tobytes(), facts, said, decoded) == (b"pixels", {"of": "key"}, [], False)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:3]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": os.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "other": lambda path: path.write_text("[]"),
    "endless": lambda path: (path.unlink(), os.symlink("/dev/zero", path)),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("ending", [".pixels", ".json"])
def test_a_damaged_entry_is_made_again_with_a_line(cache, ending, damage):
    read(cache)
    DAMAGE[damage](cache / f"key{ending}")
    pixels, facts, said, decoded = read(cache)
    assert (pixels.tobytes(), facts, decoded) == (b"pixels", {"of": "key"}, True)
    assert said[0] == f"Cache   {cache / 'key.pixels'} is damaged and is made again"
    assert not read(cache)[3]


def test_a_damaged_entry_that_is_in_use_stays_as_it_is_for_its_user(cache):
    pixels = read(cache)[0]
    (cache / "key.json").write_text("{}")
    assert read(cache)[3]
    assert pixels.tobytes() == b"pixels"


def test_the_least_recently_used_entries_make_room_unless_they_are_in_use(cache, monkeypatch):
    monkeypatch.setenv("KERAS_GEN_CACHE_GB", "3.5e-6")  # 3,500 bytes: three entries
    monkeypatch.setattr(cache_module.time, "time_ns", lambda: 0)  # a clock that stands still
    in_use = read(cache, "a", size=170)[0]
    read(cache, "b", size=170)
    read(cache, "c", size=170)
    assert not read(cache, "b", size=170)[3]
    read(cache, "d", size=170)
    assert entries(cache) == ["a", "b", "d"]
    assert in_use.tobytes() == b"pixels" * 170
    monkeypatch.setenv("KERAS_GEN_CACHE_GB", "0")
    pixels = read(cache, "e")[0]
    assert entries(cache) == ["a", "e"]
    assert pixels.tobytes() == b"pixels"


def test_a_limit_that_is_none_is_named(cache, monkeypatch):
    monkeypatch.setenv("KERAS_GEN_CACHE_GB", "many")
    with pytest.raises(InputError, match="KERAS_GEN_CACHE_GB must be a number of gigabytes from 0 up; received many"):
        read(cache)


def test_clearing_removes_all_but_what_is_in_use(cache):
    assert clear_cache() == (0, 0)
    read(cache, "a", size=100)
    pixels = read(cache, "b")[0]
    assert clear_cache() == (600, 1)
    assert entries(cache) == ["b"]
    del pixels
    assert clear_cache()[1] == 0
    assert entries(cache) == []


def test_what_else_lies_in_the_folder_is_never_removed(cache, monkeypatch):
    monkeypatch.setenv("KERAS_GEN_CACHE_GB", "0")
    (cache / "thesis").mkdir(parents=True)
    (cache / "thesis" / "chapter.txt").write_text("x")
    read(cache)
    assert clear_cache(cache)[1] == 0
    assert sorted(path.name for path in cache.iterdir()) == [".lock", "thesis"]


def test_what_a_killed_process_left_is_removed_and_a_slow_one_s_is_kept_however_old(cache):
    cache.mkdir(parents=True)
    for number in (2**22 + 1, os.getppid()):  # no process has a number so large
        (cache / f".partial-{number}-0").touch()
        os.utime(cache / f".partial-{number}-0", (1e9, 1e9))
    read(cache)
    assert [path.name for path in cache.glob(".partial*")] == [f".partial-{os.getppid()}-0"]


def test_two_processes_may_decode_the_same_at_once(cache):
    inner = []

    def decode(file):
        inner.append(read(cache))  # the other one begins later and is done first
        file.write(b"pixels")
        return {"of": "key"}

    pixels, facts = fetch(cache, "key", decode, lambda _: None)
    assert pixels.tobytes() == inner[0][0].tobytes() == b"pixels"
    assert entries(cache) == ["key"]
    assert facts == {"of": "key"}


def test_a_failed_decoding_leaves_nothing_behind(cache):
    def decode(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: .*partial-"):
        fetch(cache, "key", decode, lambda _: None)
    assert [path.name for path in cache.iterdir()] == [".lock"]


def read_only(monkeypatch, tmp_path):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(cache_module.Path, "mkdir", refuse)


def no_locks(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(cache_module.FileLock, "acquire", refuse)


def a_file(monkeypatch, tmp_path):
    (tmp_path / "keras_gen").write_text("a file")


@pytest.mark.parametrize("hinder", [read_only, no_locks, a_file])
def test_without_a_cache_images_are_decoded_into_a_temporary_file(cache, monkeypatch, tmp_path, hinder):
    hinder(monkeypatch, tmp_path)
    for _ in range(2):
        pixels, facts, said, decoded = read(cache_module.image_cache())
        assert (pixels.tobytes(), facts, decoded) == (b"pixels", {"of": "key"}, True)
        assert said[0].startswith("Cache   not used (")
        assert said[0].endswith("; images are decoded into a temporary file")


def test_without_a_home_the_cache_lies_among_the_temporary_files(cache, monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(cache_module.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert cache_module.image_cache() == Path(tempfile.gettempdir(), "keras", "keras_gen", "images")


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="POSIX")
def test_more_pixels_than_memory_can_be_mapped(tmp_path):
    size = 2 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with (tmp_path / "pixels").open("wb+") as file:
        file.truncate(size)  # sparse: it takes no room on the disk
        mapped = np.frombuffer(cache_module._mapping(file), np.uint8)
    assert mapped.size == size
    mapped[-1] = 7
    assert (tmp_path / "pixels").stat().st_blocks == 0

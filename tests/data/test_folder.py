import mmap
import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from keras_gen.data import folder as folder_module
from keras_gen.data import load_dataset
from keras_gen.data.folder import read_folder
from keras_gen.errors import InputError


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Make a folder of 20 flat pictures, image number i of grey level 10 * i; the cache is a folder of its own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def make(size=(16, 16), count=20, names="{:02d}.png", mode="L"):
        for number in range(count):
            path = tmp_path / "photos" / names.format(number, "ab"[number % 2])
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new(mode, size, 10 * number if mode == "L" else (10 * number, 0, 0)).save(path)
        return tmp_path / "photos"

    return make


def read(path, **options):
    said = []
    images, facts = read_folder(path, path.parent / "cache", say=said.append, **options)
    return images, facts, said


def levels(images):
    return sorted(images[:, 0, 0, 0].tolist())


def test_a_folder_s_images_are_read_in_order_and_described(photos):
    path = photos()
    images, facts, said = read(path)
    assert images.shape == (20, 16, 16, 1)
    assert images[:, 3, 3, 0].tolist() == list(range(0, 200, 10))
    assert facts.labels is None
    assert said[0] == f"Files   20 images in {path} of 16x16 pixels, kept at their own size"
    assert said[1].startswith(f"Cache   {path.parent / 'cache'}")
    assert read(path)[2] == said[:1]


@pytest.mark.parametrize(
    ("size", "expected", "said"),
    [
        ((16, 16), 16, "of 16x16 pixels, kept at their own size"),
        ((20, 16), 64, "of 20x16 pixels, cropped to squares and resized to 64x64 (--image-size sets another)"),
        ((18, 18), 64, "of 18x18 pixels, cropped to squares and resized to 64x64 (--image-size sets another)"),
    ],
)
def test_the_size_is_the_shared_one_if_it_can_be_reached_and_else_64(photos, size, expected, said):
    images, _, lines = read(photos(size))
    assert images.shape[1:3] == (expected, expected)
    assert said in lines[0]


def test_size_and_channels_can_be_asked_for(photos):
    images, _, lines = read(photos(), image_size=32, channels=3)
    assert images.shape == (20, 32, 32, 3)
    assert lines[0].endswith("cropped to squares and resized to 32x32")
    assert read(photos(), channels=1)[0].shape == (20, 16, 16, 1)


def test_colour_is_kept_if_any_file_has_it(photos):
    path = photos()
    Image.new("RGB", (16, 16), (200, 0, 0)).save(path / "red.png")
    images, _, _ = read(path)
    assert images.shape == (21, 16, 16, 3)
    assert images[20, 0, 0].tolist() == [200, 0, 0]


def test_sub_folders_are_labels(photos):
    path = photos(names="{1}/deep/{0:02d}.png")
    images, facts, said = read(path)
    assert facts.class_names == ["a", "b"]
    assert [facts.labels[0], facts.labels[-1]] == [0, 1]
    assert levels(images[np.array(facts.labels) == 0]) == list(range(0, 200, 20))
    assert said[1] == "Labels  2 sub-folders: a, b"
    Image.new("L", (16, 16)).save(path / "loose.png")
    assert read(path)[1].labels is None


def test_hidden_files_and_other_kinds_of_files_are_no_images(photos):
    path = photos()
    (path / "notes.txt").write_text("not an image")
    (path / "._00.png").write_bytes(b"\0\0")
    (path / ".thumbnails").mkdir()
    (path / ".thumbnails" / "x.png").write_bytes(b"\0")
    assert read(path, max_bad=0)[0].shape[0] == 20


def bad_files(path):
    """Write one image of every kind that cannot be used; returns why, by name."""
    whole = (path / "03.png").read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(noise).save(path / "noise.jpg")
    (path / "cut.png").write_bytes(whole[:60])
    (path / "cut.jpg").write_bytes((path / "noise.jpg").read_bytes()[:900])
    (path / "noise.jpg").unlink()
    (path / "empty.png").write_bytes(b"")
    (path / "text.jpeg").write_text("I am not an image")
    frames = [Image.new("L", (16, 16), level) for level in (0, 255)]
    for suffix in ("gif", "webp", "png"):
        frames[0].save(path / f"moving.{suffix}", save_all=True, append_images=frames[1:])
    (path / "cut.gif").write_bytes((path / "moving.gif").read_bytes()[:-8])
    Image.new("L", (160, 16)).save(path / "strip.png")
    Image.new("L", (3, 3)).save(path / "tiny.png")
    Image.new("F", (16, 16)).save(path / "floats.tif")
    (path / "link.png").symlink_to("nowhere.png")
    return {
        "cut.gif": "is ",
        "cut.jpg": "is cut short or damaged",
        "cut.png": "is cut short or damaged",
        "empty.png": "is empty",
        "floats.tif": "has floating-point pixels",
        "link.png": "cannot be opened (No such file",
        "moving.gif": "is animated (2 frames)",
        "moving.png": "is animated (2 frames)",
        "moving.webp": "is animated (2 frames)",
        "strip.png": "is 160x16, far from square",
        "text.jpeg": "is not an image",
        "tiny.png": "is 3x3, too small for 64 pixels",
    }


def test_images_that_cannot_be_used_are_skipped_counted_and_named(photos):
    path = photos((40, 30))
    reasons = bad_files(path)
    for _ in ("decoded", "from the cache"):
        images, facts, said = read(path)
        assert images.shape == (20, 64, 64, 1)
        assert {name: facts.skipped[name].startswith(reason) for name, reason in reasons.items()} == dict.fromkeys(
            reasons, True
        )
        assert len(facts.skipped) == len(reasons)
        assert said[1].startswith(f"Skipped {len(reasons)} images: ")
        assert said[1].endswith(f"and {len(reasons) - 3} more")
        with pytest.raises(InputError, match=r"more than 3 of the images .* mend or remove them, .* --max-bad"):
            read(path, max_bad=3)


def test_a_misnamed_image_is_read_by_its_content(photos):
    path = photos()
    (path / "05.png").rename(path / "05.jpg")
    assert levels(read(path, max_bad=0)[0]) == list(range(0, 200, 10))


def test_a_decompression_bomb_is_not_opened(photos, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = photos(count=5)
    with pytest.raises(InputError, match=r"00.png has too many pixels to be true"):
        read(path, max_bad=0)


def test_the_second_time_nothing_is_decoded(photos, monkeypatch):
    path = photos()
    before, _, _ = read(path)
    monkeypatch.setattr(folder_module, "_pixels", None)
    np.testing.assert_array_equal(read(path)[0], before)


@pytest.mark.parametrize("change", ["content", "new", "gone", "size"])
def test_the_cache_is_left_when_the_files_change(photos, change):
    path = photos()
    assert read(path)[0].max() == 190
    options = {}
    if change == "content":
        Image.new("L", (16, 16), 250).save(path / "07.png")
    elif change == "new":
        Image.new("L", (16, 16), 250).save(path / "new.png")
    elif change == "gone":
        (path / "19.png").unlink()
    else:
        options = {"image_size": 8}
    images, _, _ = read(path, **options)
    assert (images.max(), images.shape[1]) == {"gone": (180, 16), "size": (190, 8)}.get(change, (250, 16))


def test_what_a_user_does_with_the_images_never_reaches_the_cache(photos):
    path = photos()
    images, _, _ = read(path)
    images[:] = 0
    assert read(path)[0].max() == 190


def test_a_failed_decoding_leaves_nothing_behind(photos, monkeypatch):
    path = photos()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        read(path)
    assert not list((path.parent / "cache").iterdir())


def test_two_folders_with_the_same_names_sizes_and_times_are_two(photos, tmp_path):
    path = photos()
    other = shutil.copytree(path, tmp_path / "others")
    for number in range(20):
        for folder, level in ((path, 10), (other, 200)):
            Image.new("L", (16, 16), level).save(folder / f"{number:02d}.bmp")
            (folder / f"{number:02d}.png").unlink()
            os.utime(folder / f"{number:02d}.bmp", (1e9, 1e9))
    assert (read(path)[0].max(), read(other)[0].max()) == (10, 200)


@pytest.mark.parametrize("damage", ["no pixels", "cut pixels", "no facts", "cut facts"])
def test_a_damaged_cache_is_made_again(photos, damage):
    path = photos()
    whole, _, _ = read(path)
    (place,) = (path.parent / "cache").iterdir()
    file = place / ("images.u8" if "pixels" in damage else "facts.json")
    content = file.read_bytes()
    file.unlink()
    if "cut" in damage:
        file.write_bytes(content[:20])
    np.testing.assert_array_equal(read(path)[0], whole)
    assert [each.name for each in (path.parent / "cache").iterdir()] == [place.name]


def test_what_a_killed_process_left_is_removed_after_a_day(photos):
    path = photos()
    for name, age in (("old", 2), ("young", 0)):
        left = path.parent / "cache" / f".partial-{name}"
        left.mkdir(parents=True)
        os.utime(left, (time.time() - age * 24 * 3600,) * 2)
    read(path)
    assert {each.name for each in (path.parent / "cache").glob(".partial-*")} == {".partial-young"}


def test_a_disk_that_cannot_be_read_is_no_bad_image(photos, monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    path = photos()
    monkeypatch.setattr(folder_module.Image, "open", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read(path)


def test_linked_folders_are_searched_and_loops_are_not_followed(photos, tmp_path):
    path = photos()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "class").symlink_to(path)
    (path / "loop").symlink_to(tmp_path / "linked")
    images, facts, _ = read(tmp_path / "linked")
    assert len(images) == 20
    assert facts.class_names == ["class"]


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="POSIX")
def test_more_pixels_than_memory_can_be_mapped(tmp_path):
    size = 2 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with (tmp_path / "images.u8").open("wb") as file:
        file.truncate(size)  # sparse: it takes no room on the disk
    mapped = folder_module._mapped(tmp_path / "images.u8")
    assert mapped.size == size
    mapped[-1] = 7
    assert (tmp_path / "images.u8").stat().st_blocks == 0


def test_a_cache_that_cannot_be_made_is_named(photos, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    path = photos()
    monkeypatch.setattr(folder_module.Path, "mkdir", refuse)
    with pytest.raises(InputError, match=r"the cache of images cannot be made .* set KERAS_HOME"):
        read(path)


def test_a_folder_that_cannot_be_read_is_named(photos, monkeypatch):
    path = photos()

    def walk(_, onerror, followlinks):
        onerror(PermissionError(13, "Permission denied", str(path / "private")))
        return []

    monkeypatch.setattr(folder_module.os, "walk", walk)
    with pytest.raises(InputError, match=r"private cannot be read \(Permission denied\); allow reading it"):
        read(path)


def test_the_held_out_tenth_follows_the_seed_and_covers_everything(photos):
    path = str(photos())
    silent = {"say": lambda _: None}
    train, held_out = load_dataset(path, seed=1, **silent)
    assert (len(train), len(held_out)) == (18, 2)
    assert levels(np.concatenate([train.images, held_out.images])) == list(range(0, 200, 10))
    assert load_dataset(path, seed=1, **silent)[1].fingerprint == held_out.fingerprint
    assert load_dataset(path, seed=3, **silent)[1].fingerprint != held_out.fingerprint
    assert train.name == "photos"


def test_labels_stay_with_their_images_through_the_split(photos):
    path = str(photos(names="{1}/{0:02d}.png"))
    for part in load_dataset(path, seed=5, say=lambda _: None):
        assert part.labels.tolist() == (part.images[:, 0, 0, 0] // 10 % 2).tolist()
        assert part.class_names == ("a", "b")


def test_training_images_stay_mapped_and_give_the_same_batches_as_in_memory(photos):
    train, _ = load_dataset(str(photos()), say=lambda _: None)
    base = train.images
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)
    np.testing.assert_array_equal(train.images[[3, 1]], np.array(train.images)[[3, 1]])

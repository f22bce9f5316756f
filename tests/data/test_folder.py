import json
import mmap
import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_gen.data import decoding, finding, folder_pixels, load_dataset, resizing
from keras_gen.data.cache import image_cache
from keras_gen.data.finding import Folder
from keras_gen.data.folder import folder_contents, read_image, read_images
from keras_gen.errors import InputError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def photos(tmp_path):
    """Make a folder of 20 flat pictures, image number i of grey level 10 * i."""

    def make(size=(16, 16), count=20, names="{:02d}.png", mode="L"):
        for number in range(count):
            path = tmp_path / "photos" / names.format(number, "ab"[number % 2])
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new(mode, size, 10 * number if mode == "L" else (10 * number, 0, 0)).save(path)
        return tmp_path / "photos"

    return make


def read(path, **options):
    """Return the images of a folder, as an array and as a set, and the lines said."""
    said = []
    image_set, *_ = folder_contents(Folder(path), say=said.append, **options).sets
    return image_set.images, image_set, said


def reasons_in_cache():
    """Return why files of the one folder in the cache were skipped, by name."""
    (facts,) = image_cache().glob("*.json")
    return json.loads(facts.read_text())["facts"]["skipped"]


def levels(images):
    return sorted(images[:, 0, 0, 0].tolist())


def test_a_folder_s_images_are_read_in_order_and_described(photos):
    path = photos()
    images, folder, said = read(path)
    assert images.shape == (20, 16, 16, 1)
    assert images[:, 3, 3, 0].tolist() == list(range(0, 200, 10))
    assert folder.labels is None
    assert said[0] == f"Files   20 images in {path} of 16x16 pixels, kept at their own size"
    assert said[1].startswith(f"Cache   {image_cache()}")
    assert read(path)[2] == said[:1]


@pytest.mark.parametrize(
    ("size", "expected", "said"),
    [
        ((16, 16), (16, 16), "of 16x16 pixels, kept at their own size"),
        ((20, 16), (16, 20), "of 16x20 pixels, kept at their own size, height x width"),
        (
            (24, 40),
            (56, 32),
            "of 40x24 pixels, cropped and resized to 56x32 (`image_size` sets another), height x width",
        ),
        ((640, 480), (64, 80), "of 480x640 pixels, cropped and resized to 64x80"),
        ((18, 18), (64, 64), "of 18x18 pixels, cropped to squares and resized to 64x64 (`image_size` sets another)"),
    ],
)
def test_the_size_is_the_shared_one_if_it_can_be_reached_and_else_about_64(photos, size, expected, said):
    images, _, lines = read(photos(size))
    assert images.shape[1:3] == expected
    assert said in lines[0]


def test_images_of_different_shapes_become_squares_and_those_of_one_shape_keep_it(photos):
    path = photos((40, 30), count=15)
    Image.new("L", (400, 301)).save(path / "larger.png")  # of the same shape but for rounding
    assert read(path)[0].shape[1:3] == (32, 40)
    Image.new("L", (30, 40)).save(path / "upright.png")
    assert read(path)[0].shape[1:3] == (64, 64)


def test_a_folder_that_changes_while_it_is_read_is_remarked_on(photos, monkeypatch):
    path, decode = photos(), folder_pixels.decode

    def vanish(file, plan):
        (path / "07.png").unlink(missing_ok=True)
        return decode(file, plan)

    monkeypatch.setattr(folder_pixels, "decode", vanish)
    images, _, said = read(path)
    assert len(images) == 19
    assert f"Changed {path} changed while it was read; run again if images were still arriving" in said
    assert not [line for line in read(path)[2] if line.startswith("Changed")]


def test_photos_that_lie_on_their_side_share_a_shape_with_those_that_stand(photos):
    path = photos((40, 56), count=10, names="{:02d}.jpg")
    turned = Image.new("L", (56, 40))
    turned.getexif()[0x0112] = 6
    turned.save(path / "turned.jpg", exif=turned.getexif())
    assert read(path)[0].shape == (11, 56, 40, 1)


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
    images, folder, said = read(path)
    assert folder.class_names == ("a", "b")
    assert [folder.labels[0], folder.labels[-1]] == [0, 1]
    assert levels(images[folder.labels == 0]) == list(range(0, 200, 20))
    assert said[1] == "Labels  2 sub-folders: a, b"


def test_hidden_files_and_what_systems_leave_are_no_images(photos):
    path = photos()
    for name in ("._00.png", ".thumbnails/x.png", "__MACOSX/._00.png", "Thumbs.db", "desktop.ini"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(b"\0\0")
    images, _, said = read(path, max_bad=0)
    assert len(images) == 20
    assert not [line for line in said if line.startswith("Passed")]


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
        images, _, said = read(path, image_size=64)
        skipped = reasons_in_cache()
        assert images.shape == (20, 64, 64, 1)
        assert {name: skipped[name].startswith(reason) for name, reason in reasons.items()} == dict.fromkeys(
            reasons, True
        )
        assert len(skipped) == len(reasons)
        assert said[1].startswith(f"Skipped {len(reasons)} images: ")
        assert said[1].endswith(f"and {len(reasons) - 3} more")
        with pytest.raises(InputError, match=r"more than 3 of the images .* mend or remove them, .* `max_bad`"):
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


def test_a_disk_that_cannot_be_read_is_no_bad_image(photos, monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    path = photos()
    monkeypatch.setattr(decoding.Image, "open", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read(path)


def test_links_are_followed_once_and_folders_themselves_come_first(photos, tmp_path):
    path = photos(names="z{1}/{0:02d}.png")
    (path / "a-link").symlink_to(path / "za")
    (path / "loop").symlink_to(tmp_path)
    (path / "itself").symlink_to("itself")
    (tmp_path / "elsewhere").mkdir()
    Image.new("L", (16, 16)).save(tmp_path / "elsewhere" / "x.png")
    (path / "linked").symlink_to(tmp_path / "elsewhere")
    images, folder, _ = read(path)
    assert len(images) == 21
    assert folder.class_names == ("linked", "za", "zb")


def test_a_folder_that_cannot_be_read_is_named(photos, monkeypatch):
    path = photos()

    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(finding.os, "scandir", refuse)
    with pytest.raises(InputError, match=r"photos cannot be read \(Permission denied\); allow reading it"):
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


def test_labels_stay_with_their_images_through_the_split_and_past_damaged_ones(photos):
    path = photos(names="{1}/{0:02d}.png")
    for name in ("a/03.png", "b/00.png", "b/zz.png"):
        (path / name).write_bytes(b"damaged")
    for part in load_dataset(str(path), seed=5, say=lambda _: None):
        assert part.labels.tolist() == (part.images[:, 0, 0, 0] // 10 % 2).tolist()
        assert part.class_names == ("a", "b")


def test_training_images_stay_mapped_and_give_the_same_batches_as_in_memory(photos):
    train, _ = load_dataset(str(photos()), say=lambda _: None)
    base = train.images
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)
    np.testing.assert_array_equal(train.images[[3, 1]], np.array(train.images)[[3, 1]])


def test_own_output_is_never_input(photos):
    path = photos()
    outputs = {
        "runs/0001": ["run.json", "images/epoch-0001.png"],
        "damaged": ["run.json", "checkpoints/1", "figures/x.png"],
        "bare": ["models/decoder.keras", "images/x.png"],
        "runs/0002-minimal": ["history.csv", "losses.png"],
        "without-models": ["run.json", "history.csv", "images/x.png"],
        "without-run-json": ["history.csv", "timing.csv", "checkpoints/1", "images/x.png"],
    }
    for folder, names in outputs.items():
        for name in names:
            file = path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path / "00.png", file)
    (path / "runs" / "0001" / "run.json").write_text('{"format_version": 1}')
    (path / "others").mkdir()
    (path / "others" / "run.json").write_text('{"distance": 5}')  # another program's
    shutil.copy(path / "00.png", path / "others")
    images, _, said = read(path)
    assert len(images) == 21
    assert "Passed  1 .json, 6 run folders" in said
    assert len(read_images(path, (16, 16, 1))) == 21
    with pytest.raises(InputError, match=r"is a run folder without run\.json"):
        read(path / "bare")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_pipes_are_never_opened(photos):
    path = photos()
    os.mkfifo(path / "pipe.png")
    os.mkfifo(path / "pipe")
    (path / "link.jpg").symlink_to("pipe")
    images, _, said = read(path)
    assert len(images) == 20
    assert "Passed  3 pipes, sockets or devices" in said
    with pytest.raises(InputError, match=r"pipe.png is not a file"):
        read_image(path / "pipe.png", (16, 16, 1))


def test_the_content_decides_what_is_an_image_and_others_are_counted(photos, monkeypatch):
    monkeypatch.setattr(finding, "can_read_heif", lambda: False)
    path = photos(mode="RGB")
    for number, name in enumerate(("a.jfif", "a.jpe", "no-ending", "a.dat", "avif.jpg")):
        Image.new("RGB", (16, 16), (0, 9, 99)).save(path / name, format="AVIF" if number == 4 else "JPEG")
    (path / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    for name in ("a.HEIC", "b.heic", "raw.nef", "notes.txt", "LICENSE"):
        (path / name).write_bytes(b"text")
    (path / "clip.mp4").write_bytes(b"\0")
    images, _, said = read(path)
    assert len(images) == 25
    assert reasons_in_cache() == {"phone.jpg": "is HEIC; pip install pillow-heif, or save it as JPEG"}
    (line,) = [line for line in said if line.startswith("Passed")]
    assert line.startswith("Passed  2 .heic (pip install pillow-heif to read them), ")
    for part in ("1 .nef (save them as PNG or JPEG)", "1 .txt", "1 without an ending", "1 .mp4 (save their frames"):
        assert part in line


def test_names_of_any_kind_stay_in_their_line(photos):
    path = photos()
    Image.new("L", (16, 16)).save(path / "a 'quoted' \"name\"\n\x1b[31m.png")
    (path / f"{'long' * 50}.png").write_bytes(b"")
    (path / "bad\n\x1b.png").write_bytes(b"")
    images, _, said = read(path)
    assert len(images) == 21
    assert all(line.isprintable() and len(line) < 400 for line in said[:2])


def test_size_and_channels_come_from_the_images_that_are_used(photos):
    path = photos((12, 12))
    colour = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(colour).save(path / "cut.png")
    (path / "cut.png").write_bytes((path / "cut.png").read_bytes()[:2000])
    images, _, said = read(path)
    assert images.shape == (20, 12, 12, 1)
    assert said[0].endswith("of 12x12 pixels, kept at their own size")
    assert list(reasons_in_cache()) == ["cut.png"]


def test_grey_stored_in_colour_is_remarked_on(photos):
    path = photos()
    for file in path.iterdir():
        tinted = np.asarray(Image.open(file).convert("RGB")) + np.array([0, 8, 4], np.uint8)  # a little, as JPEG does
        Image.fromarray(tinted).save(file)
    assert any("Grey    all images are grey," in line and "`channels=1`" in line for line in read(path)[2])
    assert not any("`channels=1`" in line for line in read(path, channels=3)[2])
    Image.new("RGB", (16, 16), (200, 0, 0)).save(path / "00.png")
    assert not any("`channels=1`" in line for line in read(path)[2])


def ramp(path, highest, dtype, count=4):
    """Write images whose values run evenly from 0 to the highest."""
    path.mkdir()
    values = np.linspace(0, highest, 256).round().astype(dtype).reshape(16, 16)
    for number in range(count):
        Image.fromarray(values).save(path / f"{number}.png")
    return path


@pytest.mark.parametrize(
    ("dtype", "highest", "white"),
    [
        (np.uint8, 1, 1),
        (np.uint8, 15, 15),
        (np.uint8, 200, 255),
        (np.uint16, 1, 1),
        (np.uint16, 255, 255),
        (np.uint16, 1000, 1023),
        (np.uint16, 4095, 4095),
        (np.uint16, 4096, 4095),
        (np.uint16, 16000, 16383),
        (np.uint16, 40000, 65535),
    ],
)
def test_pixels_of_fewer_bits_than_their_type_are_scaled(tmp_path, dtype, highest, white):
    path = ramp(tmp_path / "ramp", highest, dtype)
    images, _, said = read(path)
    full = np.iinfo(dtype).max
    expected = np.minimum(np.linspace(0, highest, 256).round() * 255 / white, 255).reshape(16, 16)
    assert abs(images[0, ..., 0] - expected).max() <= 1
    line = f"Range   pixels use 0 to {white} of {full}; they are scaled so that {white} is white"
    assert (line in said) == (white != full)
    np.testing.assert_array_equal(
        read_image(path / "0.png", (16, 16, 1)) if dtype == np.uint16 else images[0], images[0]
    )


@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 20), (np.uint8, 60), (np.uint16, 20), (np.uint16, 7000)])
def test_pixels_that_can_be_read_in_two_ways_are_refused_with_both_remedies(tmp_path, dtype, highest):
    full = np.iinfo(dtype).max
    with pytest.raises(InputError, match=rf"0 to {highest} of {full}.* multiplied by .*; if {full} is, brighten them"):
        read(ramp(tmp_path / "ramp", highest, dtype))


def test_one_dark_picture_in_16_bits_does_not_set_the_range_of_a_folder(tmp_path):
    path = ramp(tmp_path / "ramp", 60000, np.uint16)
    Image.fromarray(np.full((16, 16), 257, np.uint16)).save(path / "dark.png")
    assert read(path)[0].max() == 233
    assert read(path)[0][-1].max() == 1


def test_of_colour_in_16_bits_the_upper_8_are_kept(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = np.random.default_rng(0).integers(0, 65536, (16, 16, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)  # Pillow reads such files, and writes none
    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    (tmp_path / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in chunks))
    assert abs(read_image(tmp_path / "deep.png", (16, 16, 3)) - pixels / 257).max() <= 1


def test_a_huge_image_is_reduced_in_bands_and_looks_the_same(photos, monkeypatch):
    path = photos((16, 16), count=2)
    ramp_image = Image.fromarray((np.add.outer(np.arange(200), np.arange(300)) // 2).astype(np.uint8))
    ramp_image.getexif()[0x0112] = 6
    ramp_image.save(path / "00.png", exif=ramp_image.getexif())
    usual = read_image(path / "00.png", (16, 16, 1)).astype(int)
    monkeypatch.setattr(decoding, "HUGE", 1000)
    monkeypatch.setattr(resizing, "BAND_PIXELS", 2000)
    banded = read_image(path / "00.png", (16, 16, 1)).astype(int)
    assert abs(banded - usual).mean() < 2


def test_an_image_that_would_take_more_than_the_memory_is_named(photos, monkeypatch):
    monkeypatch.setattr(decoding, "MEMORY", 0)
    monkeypatch.setattr(decoding, "HEADROOM", 100)
    with pytest.raises(InputError, match=r"00.png is 16x16, too large for PNG in 1 GB"):
        read(photos(), max_bad=0)


def test_a_test_folder_is_held_out_with_its_labels_as_it_is(photos):
    path = photos(names="train/{1}/{0:02d}.png")
    for level, label in ((250, "a"), (240, "b")):
        (path / "test" / label).mkdir(parents=True)
        Image.new("L", (16, 16), level).save(path / "test" / label / "x.png")
    (path / "test" / "a" / "bad.png").write_bytes(b"")
    said = []
    train, held_out = load_dataset(str(path), seed=3, say=said.append)
    assert levels(train.images) == list(range(0, 200, 10))
    assert train.labels.tolist() == (train.images[:, 0, 0, 0] // 10 % 2).tolist()
    assert held_out.images[:, 0, 0, 0].tolist() == [250, 240]
    assert held_out.labels.tolist() == [0, 1]
    assert train.class_names == held_out.class_names == ("a", "b")
    assert "Split   train/ is trained on (20 images), test/ is held out (3)" in said

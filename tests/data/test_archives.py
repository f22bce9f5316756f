import io
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from keras_gen.data import archives, load_dataset
from keras_gen.data.cache import image_cache
from keras_gen.errors import InputError

KINDS = ("zip", "tar", "tar.gz", "tar.xz")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def png(level):
    Image.new("L", (16, 16), level).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


IMAGES = {f"{number:02d}.png": png(10 * number) for number in range(20)}
CLASSES = {
    f"{part}/{'ab'[number % 2]}/{name}": content
    for part in ("train", "test")
    for number, (name, content) in enumerate(IMAGES.items())
}


@pytest.fixture
def packed(tmp_path):
    """Pack contents, by name, into an archive."""

    def make(kind, contents, name="photos"):
        path = tmp_path / f"{name}.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, content in contents.items():
                    archive.writestr(member, content)
            return path
        with tarfile.open(path, f"w:{kind.partition('.')[2]}") as archive:
            for member, content in contents.items():
                info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(member)
                info.size = 0 if info is content else len(content)
                archive.addfile(info, None if info is content else io.BytesIO(content))
        return path

    return make


@pytest.fixture
def folder(tmp_path):
    """Write contents, by name, into a folder."""

    def make(contents):
        for name, content in contents.items():
            path = tmp_path / "folder" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "folder"

    return make


def loaded(path, **options):
    said = []
    sets = load_dataset(path, say=said.append, **options)
    return [images.fingerprint for images in sets], sets[0], "\n".join(said)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contents", [IMAGES, CLASSES], ids=["flat", "classes"])
def test_an_archive_gives_the_same_sets_as_the_folder_with_a_folder_around_it_or_without(
    packed, folder, kind, contents
):
    fingerprints, images, _ = loaded(folder(contents))
    inside = {f"./holiday/{name}": content for name, content in reversed(contents.items())}
    for members in (contents, inside):
        found, from_archive, _ = loaded(path := packed(kind, members))
        assert found == fingerprints
        assert from_archive.class_names == images.class_names
        assert from_archive.name == "photos"
        assert from_archive.source["dataset"] == str(path)


def test_an_array_gives_the_same_sets_as_the_folder(folder, tmp_path):
    np.save(tmp_path / "array.npy", np.stack([np.full((16, 16), 10 * number, np.uint8) for number in range(20)]))
    assert loaded(tmp_path / "array.npy")[0] == loaded(folder(IMAGES))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_what_systems_and_runs_leave_in_an_archive_is_passed_over(packed, folder, kind):
    others = {"__MACOSX/._00.png": b"x", "a/.DS_Store": b"x", "._01.png": b"x", "notes.txt": b"x", "more.zip": b"PK"}
    others["odd/run.json/._09.png"] = b"x"
    run = {"old/run.json": b'{"format_version": 2}', "old/images/epoch-0001.png": png(3)}
    fingerprints, _, said = loaded(packed(kind, IMAGES | others | run))
    assert fingerprints == loaded(folder(IMAGES))[0]
    assert "1 .txt, 1 .zip (unpack them), 1 run folder" in said or "1 .zip (unpack them), 1 .txt" in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["/etc/evil.png", "../evil.png", "a/../../evil.png", "C:/evil.png", "C:\\evil.png"])
def test_members_that_lead_out_of_the_archive_are_refused(packed, kind, name):
    if kind != "zip":
        name = name.replace("\\", "/")
    with pytest.raises(InputError, match=r"has a member that leads out of it .*evil.png.*; pack the folder"):
        load_dataset(packed(kind, IMAGES | {name: b""}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", KINDS)
def test_of_members_of_one_name_the_last_is_used(packed, kind, folder):
    path = packed(kind, {"./05.png": png(250), **IMAGES})
    fingerprints, _, said = loaded(path)
    assert fingerprints == loaded(folder(IMAGES))[0]
    assert f"Members 1 name in {path} come again; the last of each is used" in said


def test_links_and_devices_in_a_tar_are_counted_and_second_names_are_read(packed, folder):
    special = {}
    for name, kind, target in (
        ("20.png", tarfile.LNKTYPE, "03.png"),
        ("evil.png", tarfile.SYMTYPE, "/etc/passwd"),
        ("lost.png", tarfile.LNKTYPE, "nowhere.png"),
        ("tty.png", tarfile.CHRTYPE, ""),
        ("pipe.png", tarfile.FIFOTYPE, ""),
    ):
        special[name] = tarfile.TarInfo(name)
        special[name].type, special[name].linkname = kind, target
    fingerprints, _, said = loaded(packed("tar", IMAGES | special))
    assert fingerprints == loaded(folder(IMAGES | {"20.png": IMAGES["03.png"]}))[0]
    assert "2 pipes, sockets or devices, 2 links" in said


def test_a_zip_may_part_its_folders_by_backslashes(packed, folder):
    path = packed("zip", {"cat\\": b"", **{name.replace("/", "\\"): content for name, content in CLASSES.items()}})
    assert loaded(path)[0] == loaded(folder(CLASSES))[0]


def test_a_link_in_a_zip_is_not_followed(packed):
    path = packed("zip", IMAGES)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("evil.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert "1 link" in loaded(path)[2]


def test_a_zip_bomb_is_not_unpacked(packed, monkeypatch):
    path = packed("zip", IMAGES | {"bomb.png": bytes(10**6)})
    monkeypatch.setattr(archives, "MAX_MEMBER", 10**5)
    with pytest.raises(
        InputError, match=r"bomb.png in .*photos.zip unpacks to 1,000,000 bytes .* looks like a zip bomb"
    ):
        load_dataset(path)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_an_archive_that_is_a_bomb_as_a_whole_is_not_unpacked(packed, monkeypatch, kind):
    monkeypatch.setattr(archives, "LARGE", 10**6)
    with pytest.raises(InputError, match=r"photos.* unpacks to .* bytes of almost nothing"):
        load_dataset(packed(kind, IMAGES | {"bomb.txt": bytes(4 * 10**6)}))


def test_an_encrypted_zip_is_named(packed):
    content = bytearray(packed("zip", IMAGES).read_bytes())
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(magic) + place] |= 1
    path = packed("zip", {}, "locked")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"locked.zip is encrypted; unpack it with its password"):
        load_dataset(path)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_and_empty_archives_give_one_line(packed, kind):
    path = packed(kind, IMAGES)
    content = path.read_bytes()
    for cut in (content[: len(content) // 2 + 100], content[: len(content) // 4 + 100], b""):
        path.write_bytes(cut)
        with pytest.raises(InputError, match="photos") as caught:
            load_dataset(path)
        assert "\n" not in str(caught.value)
    for contents, line in (({}, "holds no image"), ({"00.png": IMAGES["00.png"]}, "too few usable images \\(1\\)")):
        with pytest.raises(InputError, match=line):
            load_dataset(packed(kind, contents))


def test_a_tar_that_is_cut_between_two_members_is_remarked_on(packed):
    path = packed("tar", IMAGES)
    path.write_bytes(path.read_bytes()[: 15 * 1024])
    assert f"Members {path} has no end mark; it may be cut short" in loaded(path)[2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_member_is_skipped_and_named(packed, kind):
    _, images, said = loaded(packed(kind, IMAGES | {"bad.png": IMAGES["05.png"][:50]}))
    assert len(images) == 18
    assert "Skipped 1 image: bad.png is cut short or damaged" in said


def test_a_file_that_is_no_archive_is_named_for_what_it_is(tmp_path, packed):
    for name, content, line in (
        ("a.zip", b"hello", "is no .zip"),
        ("a.tar", b"hello", "holds no .tar"),
        ("a.tar.gz", b"hello", "is no .zip"),
        ("a.csv.gz", packed("tar.gz", {}).read_bytes()[:20], "cannot be read"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}.* {line}"):
            load_dataset(tmp_path / name)


def test_an_npz_of_another_name_is_read_as_arrays(tmp_path):
    np.savez(tmp_path / "arrays.npz", images=np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8))
    shutil.move(tmp_path / "arrays.npz", tmp_path / "arrays.zip")
    assert len(load_dataset(tmp_path / "arrays.zip")[0]) == 36


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_unpacked_to_the_disk(packed, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(archives, "IN_MEMORY", 100)
    before = {path for path in tmp_path.rglob("*") if image_cache() not in path.parents}
    path = packed(kind, IMAGES)
    loaded(path)
    after = {path for path in tmp_path.rglob("*") if image_cache() not in path.parents}
    assert {path.name for path in after - before} <= {path.name, "keras", "keras_gen", "images"}

import gzip
import io
import struct
import zipfile

import h5py
import numpy as np
import pytest

from keras_gen.data import hdf5
from keras_gen.data.formats import read_arrays, read_idx
from keras_gen.data.tables import read_csv
from keras_gen.errors import InputError


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
PAGE = b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>404</body></html>"


@pytest.mark.parametrize("name", ["plain", "zipped.gz", "unpacked.gz", "named-wrongly"])
def test_idx_is_read_plain_and_gzipped_whatever_its_name(tmp_path, name):
    content = idx_bytes(IMAGES)
    (tmp_path / name).write_bytes(gzip.compress(content) if name in ("zipped.gz", "named-wrongly") else content)
    images = read_idx(tmp_path / name)
    np.testing.assert_array_equal(images, IMAGES)
    assert images.flags.writeable


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"GIF89a and so on", "not an IDX file"),
        (idx_bytes(IMAGES)[:-1], "cut short"),
        (idx_bytes(IMAGES)[:9], "cut short"),
        (idx_bytes(IMAGES) + b"x", "cut short or damaged"),
        (b"\0\0\x08\x04" + b"\xff" * 16 + bytes(100), "cut short or damaged"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x08" + bytes(2**22), mtime=0), "cut short or damaged"),
        (gzip.compress(idx_bytes(IMAGES), mtime=0)[:-6], "cut short"),
        (PAGE, "is an HTML page"),
        (gzip.compress(PAGE, mtime=0), "is an HTML page"),
    ],
)
def test_idx_refuses_damaged_files(tmp_path, content, message):
    (tmp_path / "file.gz").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_idx(tmp_path / "file.gz")


def test_idx_refuses_a_gzip_with_a_wrong_byte(tmp_path):
    path = tmp_path / "images.gz"
    content = gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 9, (20, 8, 8), np.uint8)))
    for place in range(10, len(content), 10):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(InputError):
            read_idx(path)


def test_of_an_npz_only_the_member_asked_for_is_read(npz_file):
    path = npz_file(images=IMAGES, extra=np.array([print], dtype=object), fortran=np.asfortranarray(IMAGES))
    content = bytearray(path.read_bytes())
    place = content.index(b"extra.npy") + 150
    content[place : place + 20] = b"x" * 20
    path.write_bytes(content)
    arrays = read_arrays(path)
    np.testing.assert_array_equal(arrays["images"], IMAGES)
    np.testing.assert_array_equal(arrays["fortran"], IMAGES)
    with pytest.raises(InputError, match=r"extra in .*images\.npz cannot be read"):
        arrays["extra"]


def npy(shape, dtype="|u1", data=b""):
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy((2**50, 28, 28), data=bytes(100)), "header and its length do not agree"),
        (npy((-1, 28), data=bytes(100)), "header and its length do not agree"),
        (npy((10, 10), data=bytes(101)), "header and its length do not agree"),
        (npy((10,), "|O", bytes(80)), "holds Python objects"),
        (npy((2**60,), "|V0"), "has dtype"),
        (npy((2,), [("a", "|u1")], bytes(2)), "has dtype"),
        (b"\x93NUMPY\x09\x00" + bytes(100), "version 9.0"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "cannot be read"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_array_that_is_not_what_its_header_says_gives_one_line(tmp_path, content, message, wrapped):
    path = tmp_path / "array.npz"
    path.write_bytes(content)
    if wrapped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content)
    with pytest.raises(InputError, match=message) as caught:
        read_arrays(path)["images"]
    assert "\n" not in str(caught.value)


def flag(content, signature, offset, value):
    """Set bytes of the first local header (PK34) or of the central directory (PK12) of a zip file."""
    place = content.index(signature) + offset
    return content[:place] + value + content[place + len(value) :]


def test_zip_files_with_odd_headers_give_one_line(tmp_path, npz_file):
    content = npz_file(images=IMAGES).read_bytes()
    encrypted = flag(flag(content, b"PK\x03\x04", 6, b"\x01\0"), b"PK\x01\x02", 8, b"\x01\0")
    bomb = flag(content, b"PK\x01\x02", 24, struct.pack("<I", 2**32 - 2))
    damaged = {
        "is encrypted": encrypted,
        "zip file version": flag(content, b"PK\x01\x02", 6, b"\xf0\0"),
        "zip bomb": bomb,
        "compression method": flag(flag(content, b"PK\x03\x04", 8, b"\x55\0"), b"PK\x01\x02", 10, b"\x55\0"),
        "CRC": flag(content, b"PK\x03\x04", 30 + len("images.npy") + 20 + 128 + 3, b"\xee"),
        "not a zip file": content[:-30],
    }
    for message, data in damaged.items():
        (tmp_path / "odd.npz").write_bytes(data)
        with pytest.raises(InputError, match=message):
            read_arrays(tmp_path / "odd.npz")["images"]


def test_what_is_no_array_file_is_named_for_what_it_is(tmp_path):
    contents = {
        "is a zip without arrays .*photos/1.png.* if it holds images, call it .zip": zip_of("photos/1.png"),
        "is an HTML page": PAGE,
        "holds pickled Python objects": b"\x80\x04K\x01.",
        r"is no \.zip, .* or \.csv file": b"hello",
        "is empty; copy or download it again": b"",
    }
    for message, content in contents.items():
        (tmp_path / "file.npz").write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_arrays(tmp_path / "file.npz")


def zip_of(name):
    with zipfile.ZipFile(output := io.BytesIO(), "w") as archive:
        archive.writestr(name, b"content")
    return output.getvalue()


def test_a_single_array_is_read_as_images_whatever_its_name(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    (tmp_path / "images.npy").rename(tmp_path / "images.npz")
    np.testing.assert_array_equal(read_arrays(tmp_path / "images.npz")["images"], IMAGES)


PIXELS = np.arange(12).reshape(3, 4) * 20


@pytest.mark.parametrize(
    "lines",
    [
        ["label,p0,p1,p2,p3", *("{y},{x}",) * 3],
        ["label,0,1,2,3", *("{y},{x}",) * 3],
        ["p0,p1,p2,p3,label", *("{x},{y}",) * 3],
        ["{y},{x}"] * 3,
        ["{x},{y}"] * 3,
        ["\ufefflabel,1x1,1x2,2x1,2x2", *("{y},{x}",) * 3],
        ['"label","a","b","c","d"', *('"{y}",{x}',) * 3],
        [",label,a,b,c,d", *("7,{y},{x}",) * 3],
        ["a,b,c,d,Id,label", *("{x},7,{y}",) * 3],
        ["label;a;b;c;d", *("{y};{x}",) * 3],
        ["{y}\t{x}"] * 3,
    ],
)
def test_csv_rows_with_and_without_a_header_and_a_label_on_either_side(tmp_path, lines):
    part = next((mark for mark in ";\t" if mark in lines[-1]), ",")
    body = [
        line.format(y=number % 2, x=part.join(map(str, PIXELS[number])))
        for number, line in zip(range(3), [line for line in lines if "{" in line], strict=True)
    ]
    header = [line for line in lines if "{" not in line]
    (tmp_path / "rows.csv").write_text("\r\n".join(header + body) + "\r\n", encoding="utf-8")
    arrays = read_csv(tmp_path / "rows.csv")
    np.testing.assert_array_equal(arrays["images"], PIXELS)
    assert arrays["labels"].tolist() == [0, 1, 0]


def test_csv_rows_may_have_all_pixels_in_one_cell(tmp_path):
    (tmp_path / "faces.csv").write_text('emotion,pixels,Usage\n0,"1 2 3 4",Training\n\n2,5 6 7 255,PublicTest\n')
    arrays = read_csv(tmp_path / "faces.csv")
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "train_images": [[1, 2, 3, 4]],
        "train_labels": [0],
        "test_images": [[5, 6, 7, 255]],
        "test_labels": [2],
    }
    (tmp_path / "one.csv").write_text("emotion,pixels,Usage\n0,1 2 3 4,Training\n2,5 6 7 255,Training\n")
    arrays = read_csv(tmp_path / "one.csv")
    assert (arrays["images"].tolist(), arrays["labels"].tolist()) == ([[1, 2, 3, 4], [5, 6, 7, 255]], [0, 2])
    (tmp_path / "pets.csv").write_text("pixels,label\n1 2 3 4,cat\n5 6 7 8,dog\n")
    assert read_csv(tmp_path / "pets.csv")["labels"].tolist() == ["cat", "dog"]


def test_csv_labels_may_be_text(tmp_path):
    (tmp_path / "pets.csv").write_text('id,a,label,b\n1,5,"a, b",300\n2,7,dog,8\n')
    arrays = read_csv(tmp_path / "pets.csv")
    assert (arrays["images"].tolist(), arrays["labels"].tolist()) == ([[5, 300], [7, 8]], ["a, b", "dog"])


def test_csv_rows_of_squares_have_no_label_and_may_be_of_fractions(tmp_path):
    (tmp_path / "rows.csv").write_text("1e-1,.2,0.3,4\n5,300,-7,8\n")
    arrays = read_csv(tmp_path / "rows.csv")
    assert list(arrays) == ["images"]
    np.testing.assert_allclose(arrays["images"], [[0.1, 0.2, 0.3, 4], [5, 300, -7, 8]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,a,b,c,d\n1,2,3,,5\n", "is no table of numbers \\(could not convert string"),
        ("1,2,3,4\n1,x,3,4\n", "is no table of numbers \\(could not convert string"),
        ("1,2,3,4\n1,2\n", "columns changed from 4 to 2"),
        ("0,5,6,7,1\n1,5,6,7,0\n", "could be the first or the last"),
        ("7,5,6,7,9\n8,5,6,7,9\n", "is neither the first nor the last"),
        ("", "has no rows"),
        ("a,b,c,d\n", "has no rows"),
        ("label,a\n,2\n", "is no table of numbers \\(could not convert string"),
        ("label,a\ncat,2\n3,4\n", "is no table of numbers \\(could not convert string"),
        ("label,a\ncat,x\n", "is no table of numbers \\(could not convert string 'x'"),
        ("cat,1,2,3,4\n", "is no table of numbers \\(could not convert string"),
        ("label,pixels\n1,1 2 3\n1,1 2 x\n", "row 2 of .* holds no pixels from 0 to 255"),
        ("label,pixels\n1,1 2 300\n", "row 1 of .* holds no pixels from 0 to 255"),
        ("label,pixels\n1,1 2 3\n1,1 2\n", "row 2 of .* has 2 pixels, the first row 3"),
        ("label,pixels\n", "has no rows"),
        ("pixels,Usage\n1 2 3 4,Training\n1 2 3 4,\n", "row 2 of .* does not say what part of the data it is; fill"),
    ],
)
def test_csv_that_cannot_be_used_says_why(tmp_path, text, message):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_arrays(tmp_path / "rows.csv")


@pytest.fixture
def hdf5_file(tmp_path):
    def make(**arrays):
        with h5py.File(tmp_path / "few.h5", "w") as file:
            for name, array in arrays.items():
                file[name.replace("_", "/")] = array
        return tmp_path / "few.h5"

    return make


def test_arrays_of_an_hdf5_file_are_read_by_name_when_asked_for(hdf5_file):
    arrays = read_arrays(hdf5_file(train_images=IMAGES, train_labels=np.array(["cat", "dög"], object), notes="hello"))
    assert sorted(arrays) == ["notes", "train/images", "train/labels"]
    np.testing.assert_array_equal(arrays["train/images"], IMAGES)
    assert arrays["train/labels"].tolist() == ["cat", "dög"]


def test_an_hdf5_file_reads_no_other_file_and_unpacks_no_bomb(hdf5_file, tmp_path, monkeypatch):
    (tmp_path / "secret").write_bytes(bytes(64))
    path = hdf5_file(x=IMAGES)
    with h5py.File(path, "a") as file:
        file["elsewhere"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
        file.create_dataset("outside", (64,), "u1", external=[(str(tmp_path / "secret"), 0, 64)])
        file.create_dataset("bomb", (10**7,), "u1", chunks=(10**6,), compression="gzip", data=np.zeros(10**7, np.uint8))
        file.create_dataset("pairs", data=np.zeros(2, [("a", int), ("b", float)]))
    monkeypatch.setattr(hdf5, "LARGE", 10**6)
    arrays = read_arrays(path)
    assert "elsewhere" not in arrays
    for name, message in (("outside", "lies in other files"), ("bomb", "zip bomb"), ("pairs", "save plain numbers")):
        with pytest.raises(InputError, match=message):
            arrays[name]


def test_a_damaged_hdf5_file_gives_one_line(hdf5_file):
    path = hdf5_file(images=np.arange(10000).reshape(100, 100))
    content = path.read_bytes()
    for cut in (100, 1000, len(content) - 500):
        path.write_bytes(content[:cut])
        with pytest.raises(InputError, match=r"few.h5 cannot be read") as caught:
            read_arrays(path)["images"]
        assert "\n" not in str(caught.value)

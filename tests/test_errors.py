"""Every row of docs/errors.md: the command is run, and gives that answer and that exit code."""

import contextlib
import dataclasses
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_gen
from keras_gen import RunFolder
from keras_gen.cli.main import main
from keras_gen.cli.train import train_command
from keras_gen.data import finding
from keras_gen.data.catalogue import PUBLIC_DATASETS, Download
from keras_gen.data.image_set import fingerprint
from tests.conftest import small_flags, striped_images, train_small, with_tiny_pictures

REPOSITORY = Path(__file__).parents[1]
CELLS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
]
ROWS = [cells for cells in CELLS if cells[1].startswith(("`python", "`KERAS"))]
CALLS = [[what, *(cell.strip("` ") for cell in cells)] for what, *cells in CELLS if cells[0].startswith("`` ")]
LINES = [cells for cells in CELLS if cells[-1].startswith("`tests/")]


def one(array):
    """Return uint8 images of a size, each another noise."""
    return np.random.default_rng(0).integers(0, 256, array).astype(np.uint8)


def folder_of(path, count=4, size=(16, 16)):
    path.mkdir()
    for number, pixels in enumerate(one((count, *size[::-1]))):
        Image.fromarray(pixels).save(path / f"{number}.png")


def bomb():
    """Return a PNG whose header promises 40,000 x 40,000 pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def make_folders(root):
    folder_of(root / "photos", 40)
    for name in ("empty", "notes", "one", "zero", "truncated", "misnamed", "bomb", "animated", "floats", "copies"):
        (root / name).mkdir()
    (root / "taken").mkdir()
    (root / "afile").write_text("a file")
    (root / "notes" / "notes.txt").write_text("no image")
    Image.fromarray(one((16, 16))).save(root / "one" / "only.png")
    (root / "zero" / "0.png").write_bytes(b"")
    whole = (root / "photos" / "0.png").read_bytes()
    (root / "truncated" / "0.png").write_bytes(whole[: len(whole) // 2])
    (root / "misnamed" / "0.jpg").write_text("I am not an image")
    (root / "bomb" / "0.png").write_bytes(bomb())
    frames = [Image.new("L", (16, 16), level) for level in (0, 255)]
    frames[0].save(root / "animated" / "0.gif", save_all=True, append_images=frames[1:])
    folder_of(root / "strips", 1, (160, 16))
    folder_of(root / "tiny", 1, (4, 4))
    Image.new("F", (16, 16)).save(root / "floats" / "0.tif")
    folder_of(root / "mixed", 20)
    for number in range(3):
        (root / "mixed" / f"bad-{number}.png").write_bytes(b"")
    for number in range(20):
        shutil.copy(root / "one" / "only.png", root / "copies" / f"{number}.png")
    (root / "private").mkdir()
    (root / "untrained").mkdir()
    for name in ("test", "val"):
        folder_of(root / "untrained" / name, 2)


def make_arrays(root):
    images = one((20, 8, 8))
    arrays = {
        "nokey": {"pictures": images, "z": images},
        "objects": {"images": np.array([print, None], dtype=object)},
        "complex": {"images": images.astype(np.complex64)},
        "rank": {"images": images.reshape(20, 64)},
        "five": {"images": one((20, 8, 8, 5))},
        "nan": {"images": np.full((20, 8, 8), np.nan)},
        "range": {"images": images.astype(float)},
        "labels": {"images": images, "labels": np.arange(3)},
        "shapes": {"x_train": images, "x_test": one((4, 6, 6))},
        "none": {"images": images[:0]},
        "flat": {"images": np.full((20, 8, 8), 7, np.uint8)},
        "few": {"images": images},
        "size30": {"images": one((200, 30, 30))},
        "wide": {"images": one((200, 24, 40))},
        "centred": {"images": images / 255 - 0.5},
        "dark": {"images": images % 17},
        "eight": {"images": images[:8]},
        "cifar": {"images": one((20, 3072))},
        "half": {"images": images, "labels": np.full(20, 0.5)},
    }
    for name, content in arrays.items():
        np.savez(root / f"{name}.npz", **content)
    (root / "cut.npz").write_bytes((root / "few.npz").read_bytes()[:200])
    (root / "text.npz").write_text("not an array")
    (root / "page.npz").write_text("<!DOCTYPE html><html></html>")
    (root / "rows.csv").write_text("1,2,3,4\n1,x,3,4\n")
    for name, member in {"outside": "/etc/a.png", "nothing": "notes.txt"}.items():
        with zipfile.ZipFile(root / f"{name}.zip", "w") as archive:
            archive.writestr(member, b"")
    (root / "broken.zip").write_bytes((root / "few.npz").read_bytes()[:200])
    (root / "half.tar").write_bytes((root / "photos" / "0.png").read_bytes())
    (root / "zero.h5").write_bytes(b"")
    np.save(root / "array.npy", images)
    (root / "array.npy").rename(root / "array.npz")
    np.save(root / "taken.npy", images)
    np.save(root / "ten.npy", np.arange(10))
    for name, shape in {"a": (60, 16, 16), "few": (49, 16, 16), "one": (1, 16, 16), "colour": (60, 16, 16, 3)}.items():
        np.save(root / f"{name}.npy", one(shape))


def make_runs(root):
    images, labels = striped_images(60)
    np.savez(root / "stripes.npz", images=images, labels=labels)
    small = {"generator": {"latent_dim": 3, "filters": 4, "base_filters": 4}, "epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        with_tiny_pictures(patch)
        train_small("vae", root / "stripes.npz", root / "run")
        train_small("vae", root / "stripes.npz", root / "line", latent_dim=1, epochs=1)
        train_small("dcgan", root / "stripes.npz", root / "gan", **small)
    names = ("newer", "changed", "bare", "gone", "scrambled", "emptied", "tampered", "shortened")
    copies = {name: RunFolder(shutil.copytree(root / "run", root / name)) for name in names}
    source = copies["gone"].read()["source"]
    np.savez(root / "other.npz", images=images[::-1])
    copies["newer"].write(format_version=99)
    copies["changed"].write(source=source | {"dataset": str(root / "other.npz")})
    copies["gone"].write(source=source | {"dataset": str(root / "gone.npz")})
    copies["emptied"].write(settings=None)
    shutil.rmtree(copies["bare"].checkpoints)
    RunFolder.create(root / "unborn", "vae", "stripes")
    for name in ("scrambled", "tampered", "shortened"):
        (copies[name].path / "checksums.txt").unlink()
    (root / "scrambled" / "run.json").write_text('{"kind": ')
    decoder = root / "tampered" / "models" / "decoder.keras"
    decoder.unlink()
    keras_with_code().save(decoder)
    decoder = root / "shortened" / "models" / "decoder.keras"
    decoder.write_bytes(decoder.read_bytes()[:1000])


def make_recipes(root):
    texts = {
        "broken": "[training",
        "unknown": "[training]\nbetta = 1",
        "quoted": '[training]\nepochs = "5"',
        "bounds": "[training]\nepochs = 0",
        "cars": "[generator]\nfilters = 4",
        "baseless": 'base = "best"',
        "conditions": "[[when]]\nimagse = 3",
        "condition": '[[when]]\nimages = "3"',
        "when": "[when]\nimages = 3",
        "why": "[[when]]\nwhy = 3",
        "reachable": "[[when]]\nreachable = 1",
    }
    for name, text in texts.items():
        (root / f"{name}.toml").write_text(text)


def run_without_torch(script, tmp_path):
    """Run a script in a Python that cannot import torch; returns the ended process."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    env = os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"}
    return subprocess.run([sys.executable, script], cwd=tmp_path, env=env, capture_output=True, text=True)


def keras_with_code():
    """Return a model whose file carries a Python lambda: its bytecode would run on loading."""
    import keras

    return keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)])


@pytest.fixture(scope="module")
def playground(tmp_path_factory):
    """A folder with one of everything that can be wrong, and a finished run."""
    root = tmp_path_factory.mktemp("playground")
    make_folders(root)
    make_arrays(root)
    make_recipes(root)
    make_runs(root)
    return root


def contents(root):
    return {path: path.is_file() and path.read_bytes() for path in root.rglob("*") if "keras" not in path.parts}


@pytest.fixture
def prepared(playground, tmp_path, monkeypatch):
    """Go to the playground, offline and with an empty cache; returns a function to prepare a row that needs more."""
    monkeypatch.chdir(playground)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    known = dataclasses.replace(
        PUBLIC_DATASETS["mnist"], downloads=(Download("http://127.0.0.1:9/mnist.npz", "0" * 64, "mnist.npz"),)
    )
    monkeypatch.setitem(PUBLIC_DATASETS, "mnist", known)

    def forbid(path):
        raise PermissionError(13, "Permission denied", str(path))

    def prepare(what):
        if what == "a folder that may not be read":  # as root, tests can read everything
            monkeypatch.setattr(finding.os, "scandir", forbid)
        if what == "another data set's files under the same name":
            clothes = {"x_train": one((6, 28, 28)), "y_train": np.arange(6)}
            clothes |= {"x_test": clothes["x_train"][:2], "y_test": np.arange(2)}
            prints = tuple(fingerprint(clothes[part]) for part in ("x_train", "x_test"))
            fashion = dataclasses.replace(PUBLIC_DATASETS["fashion_mnist"], fingerprints=prints)
            monkeypatch.setitem(PUBLIC_DATASETS, "fashion_mnist", fashion)
            (tmp_path / "clothes").mkdir()
            np.savez(tmp_path / "clothes" / "mnist.npz", **clothes)
            return {"clothes": str(tmp_path / "clothes")}
        if what == "resuming a run that is being trained":
            held.enter_context(RunFolder("run").locked())
        return {}

    with contextlib.ExitStack() as held:
        yield prepare


def matches(line, pattern):
    """Compare with a text in which `…` stands for anything; pytest shows both when they differ."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), line)


def test_the_table_has_a_row_for_each_of_many_mistakes():
    assert len(ROWS) >= 150
    assert len({row[0] for row in ROWS}) == len({row[1] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("what", "command", "answer", "code"), ROWS, ids=[row[0] for row in ROWS])
def test_a_mistake_gets_the_answer_of_its_row_and_changes_nothing(
    what, command, answer, code, playground, prepared, monkeypatch, capsys, tmp_path
):
    replacements = prepared(what)
    words = [replacements.get(word, word) for word in shlex.split(command.strip("`"))]
    while "=" in words[0]:
        monkeypatch.setenv(*words.pop(0).split("=", 1))
    before = contents(playground)
    if what == "a backend that is not installed":
        done = run_without_torch(REPOSITORY / words[1], tmp_path)
        exit_code, error = done.returncode, done.stderr
    else:
        if words[1] == "-m":
            exit_code = main(words[3:])
        else:
            exit_code = train_command(words[1].removeprefix("train_").removesuffix(".py"), words[2:])
        error = capsys.readouterr().err
    lines = [line for line in re.split(r"[\r\n]+", error) if line.strip()]
    (line,) = [line for line in lines if "image/s]" not in line]  # a slow machine has the time to show a bar
    assert matches(line, "error: " + answer.strip("`"))
    assert exit_code == int(code)
    assert contents(playground) == before


def test_a_run_that_fails_by_itself_gets_one_line_and_exit_code_1(playground, prepared, monkeypatch, capsys, tmp_path):
    """The disk is full when the first checkpoint is written."""
    from keras_gen.run import checkpoints

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.np, "savez", full)
    arguments = ["--dataset", "stripes.npz", "--epochs", "1", "--batch-size", "24", *small_flags("vae")]
    assert train_command("vae", [*arguments, "--out", str(tmp_path / "run")]) == 1
    line = ".npz cannot be written (No space left on device); make room and run again"
    assert line in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(("what", "call", "message"), CALLS, ids=[row[0] for row in CALLS])
def test_a_wrong_argument_is_refused_in_its_own_terms(what, call, message, playground):
    import keras

    images, labels = striped_images(60)
    names = {"keras_gen": keras_gen, "keras": keras, "np": np, "images": images, "labels": labels}
    names["run"] = keras_gen.load_run(playground / "run")
    with pytest.raises(ValueError) as caught:
        eval(call, names)
    assert matches(str(caught.value).strip("`"), message)


def test_other_lines_are_tested_where_the_table_says():
    assert len(CALLS) > 20 and len(LINES) > 10
    for line, _, file in LINES:
        start = re.split(r"[\d…:;()]", line.strip("`").partition("Labels  ")[2] or line.strip("`"))
        words = max(start, key=len).strip()
        assert words in (REPOSITORY / file.strip("`")).read_text(encoding="utf-8"), (line, words)

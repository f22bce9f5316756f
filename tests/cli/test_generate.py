import numpy as np
import pytest
from PIL import Image

from keras_gen.cli import generate
from keras_gen.cli.command import whole_numbers
from keras_gen.cli.main import main
from keras_gen.errors import InputError
from keras_gen.run import load_run


@pytest.fixture(scope="module")
def run_path(command_runs):
    return command_runs["vae"]


def test_without_a_file_the_grid_goes_into_the_run(run_path, capsys):
    assert main(["generate", str(run_path), "--count", "3", "--seed", "9"]) == 0
    path = run_path / "figures" / "generated-3-seed-9.png"
    assert path.exists()
    assert capsys.readouterr().out == f"Models  epoch 2\n3 images in a grid: {path}\n"


def test_a_seed_gives_the_same_images_and_another_seed_others(run_path, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert (
            main(["generate", str(run_path), "--count", "300", "--seed", str(seed), "--npy", f"{tmp_path / name}"]) == 0
        )
    a, b, c = (np.load(tmp_path / name) for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert a.shape == (300, 16, 16, 1)
    assert not np.array_equal(a, c)


def test_an_image_is_made_again_by_its_seed_alone(run_path, tmp_path):
    arguments = ["--seeds", "3-5,100", "--npy", str(tmp_path / "four.npy"), "--folder", str(tmp_path / "files")]
    assert main(["generate", str(run_path), *arguments]) == 0
    four = np.load(tmp_path / "four.npy")
    assert len({image.tobytes() for image in four}) == 4
    assert main(["generate", str(run_path), "--count", "1", "--seed", "100", "--npy", str(tmp_path / "one.npy")]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy")[0], four[3])
    assert {path.name for path in (tmp_path / "files").iterdir()} == {f"seed-{seed}.png" for seed in (3, 4, 5, 100)}
    for image, seed in zip(four, (3, 4, 5, 100), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "files" / f"seed-{seed}.png")), image[..., 0])


def test_labels_are_written_beside_the_images_that_were_drawn_of_them(run_path, tmp_path, capsys, monkeypatch):
    npy, png = tmp_path / "new.npy", tmp_path / "new.png"
    assert main(["generate", str(run_path), "--label", "1", "--label", "0", "--count", "5", "--npy", str(npy)]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "new-labels.npy"), [1, 0, 1, 0, 1])
    assert np.load(npy).shape == (5, 16, 16, 1)
    npy.unlink()
    assert main(["generate", str(run_path), "--npy", str(npy)]) == 2
    assert "new-labels.npy exists and is never overwritten" in capsys.readouterr().err
    (tmp_path / "new-labels.npy").unlink()
    words = ["--grid", "classes", "--count", "3", "--png", str(png), "--npy", str(npy)]
    named, write = [], generate._write_class_grid
    monkeypatch.setattr(generate, "_write_class_grid", lambda *parts: named.append(parts[1]) or write(*parts))
    assert main(["generate", str(run_path), *words]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "new-labels.npy"), [0, 0, 0, 1, 1, 1])
    rows = [load_run(run_path).generate(3, label=label) for label in (0, 1)]  # of the same points
    np.testing.assert_array_equal(np.load(npy), np.concatenate(rows))
    assert png.stat().st_size > 500 and named == [["0", "1"]]
    words = ["--seeds", "3,4", "--label", "1", "--npy", str(tmp_path / "s.npy")]
    assert main(["generate", str(run_path), *words]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "s-labels.npy"), [1, 1])


def test_a_disk_that_is_full_leaves_no_half_an_array(run_path, tmp_path, monkeypatch, capsys):
    def save(file, array, **_):
        file.write(b"half")
        raise OSError("3920000 requested and 1048448 written")  # NumPy says no more

    monkeypatch.setattr(np, "save", save)
    assert main(["generate", str(run_path), "--npy", str(tmp_path / "new.npy")]) == 1
    assert "new.npy cannot be written (3920000 requested and" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_seeds_are_written_into_the_grid_s_name(run_path):
    assert main(["generate", str(run_path), "--seeds", "7,1-2"]) == 0
    assert (run_path / "figures" / "generated-seeds-7_1-2.png").stat().st_size > 500


@pytest.mark.parametrize(
    ("text", "seeds"), [("5", [5]), ("0-3", [0, 1, 2, 3]), ("9,0-1,4", [9, 0, 1, 4]), ("2-2", [2])]
)
def test_seeds_are_numbers_and_ranges_in_the_order_given(text, seeds):
    assert whole_numbers(text, "--seeds") == seeds


@pytest.mark.parametrize(
    "text", ["", "a", "1-", "-1", "3-1", "1,1", "0-2,1", "1.5", "2147483648", "0-99999999", "9" * 5000]
)
def test_seeds_that_are_none_are_refused(text):
    with pytest.raises(InputError, match=r"--seeds must be whole numbers and ranges"):
        whole_numbers(text, "--seeds")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "a command is missing; use python -m keras_gen with one of: train-vae, train-dcgan, generate",
        ),
        (
            ["paint"],
            "'paint' is no command; use python -m keras_gen with one of: train-vae, train-dcgan, generate",
        ),
        (["generate"], "the following arguments are required: RUN"),
        (["generate", "/nowhere"], "/nowhere is no run folder"),
        (["generate", "RUN", "--count", "0"], "--count must be a whole number from 1 to 1000000; received 0"),
        (["generate", "RUN", "--seed", "-1"], "--seed must be a whole number from 0 to 2147483647; received -1"),
        (["generate", "RUN", "--npy", "TAKEN"], "exists and is never overwritten; name a new one"),
        (["generate", "RUN", "--png", "/no/where/x.png"], "is in a folder that does not exist"),
        (["generate", "RUN", "--npy", f"{'x' * 300}.npy"], ".npy cannot be made (File name too long); give another"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(run_path, tmp_path, capsys, arguments, message):
    (tmp_path / "taken.npy").write_bytes(b"precious")
    places = {"RUN": str(run_path), "TAKEN": str(tmp_path / "taken.npy")}
    assert main([places.get(argument, argument) for argument in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert (tmp_path / "taken.npy").read_bytes() == b"precious"


def test_help_names_the_commands(capsys):
    assert main(["--help"]) == 0
    assert "generate" in capsys.readouterr().out

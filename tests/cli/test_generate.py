import numpy as np
import pytest

from keras_gen import RunFolder, resolve_settings, train_vae
from keras_gen.cli.main import main


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    from keras_gen.data import ImageSet
    from tests.conftest import striped_images

    path = tmp_path_factory.mktemp("runs") / "run"
    sets = (ImageSet(*striped_images(count), ("a", "b"), "stripes") for count in (32, 8))
    settings = resolve_settings("vae", epochs=1, batch_size=16, intermediate_dim=4)
    train_vae(*sets, settings, folder=RunFolder.create(path, "vae", "stripes"), say=lambda _: None)
    return path


def test_without_a_file_the_grid_goes_into_the_run(run_path, capsys):
    assert main(["generate", str(run_path), "--count", "3", "--seed", "9"]) == 0
    path = run_path / "figures" / "generated-3-seed-9.png"
    assert path.exists()
    assert str(path) in capsys.readouterr().out


def test_a_seed_gives_the_same_images_and_another_seed_others(run_path, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert (
            main(["generate", str(run_path), "--count", "300", "--seed", str(seed), "--npy", f"{tmp_path / name}"]) == 0
        )
    a, b, c = (np.load(tmp_path / name) for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert a.shape == (300, 8, 8, 1)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a command is missing; use python -m keras_gen with one of: generate, minimal, benchmark"),
        (["paint"], "'paint' is no command; use python -m keras_gen with one of: generate, minimal, benchmark"),
        (["generate"], "the following arguments are required: RUN"),
        (["generate", "/nowhere"], "/nowhere is no run folder"),
        (["generate", "RUN", "--count", "0"], "--count must be a whole number from 1 to 1000000; received 0"),
        (["generate", "RUN", "--seed", "-1"], "--seed must be a whole number from 0 to 2147483647; received -1"),
        (["generate", "RUN", "--npy", "TAKEN"], "exists and is never overwritten; name a new file"),
        (["generate", "RUN", "--png", "/no/where/x.png"], "is in a folder that does not exist"),
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

"""The scores of two sets of images without a run, from Python and by `evaluate --images`."""

import re

import numpy as np
import pytest
from PIL import Image

import keras_gen
from keras_gen.cli.main import main
from tests.conftest import striped_images

pytestmark = pytest.mark.usefixtures("quick_features")


def quiet(line):
    pass


def stripes(count, seed, noise=0):
    images = striped_images(count, size=16, seed=seed)[0].astype(int)
    images = images + np.random.default_rng(seed).integers(-noise, noise + 1, images.shape)
    return np.clip(images, 0, 255).astype(np.uint8)


def test_the_same_kind_of_images_is_near_another_is_far_and_copies_are_counted():
    real, same, other = stripes(240, 0), stripes(200, 1), stripes(200, 2, noise=90)
    same[:7] = real[:7]
    near, far = (keras_gen.compare_images(real, images, say=quiet) for images in (same, other))
    assert (near["count"], near["same"], far["same"]) == (120, 7, 0)
    assert abs(near["kid"]["value"]) < 5 * near["kid"]["standard_error"]
    assert near["kid"]["p_value"] > 0.01 > far["kid"]["p_value"]
    assert far["kid"]["value"] > 20 * abs(near["kid"]["value"])
    assert near["clipped_coverage"] > 0.6 > far["clipped_coverage"]
    few = keras_gen.compare_images(real, np.tile(real[:8], (25, 1, 1, 1)), say=quiet)
    assert few["precision"] > 0.8 and few["recall"] < 0.2


def test_the_command_compares_a_folder_with_an_array_and_has_a_line_for_the_kid(tmp_path, capsys):
    real, generated = stripes(120, 0), stripes(100, 1)
    (tmp_path / "real" / "class").mkdir(parents=True)
    for number, image in enumerate(real):
        Image.fromarray(image[:, :, 0]).save(tmp_path / "real" / "class" / f"{number:03d}.png")
    np.save(tmp_path / "generated.npy", generated)
    paths = str(tmp_path / "real"), str(tmp_path / "generated.npy")
    assert main(["evaluate", "--images", *paths, "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    expected = keras_gen.compare_images(*paths, seed=3, say=quiet)["kid"]
    (line,) = re.findall(r"^KID .*$", printed, re.M)
    assert line.startswith(f"KID  {expected['value']:.4f} ± {expected['standard_error']:.4f}")
    assert len(re.findall(r"^(?:FID|precision|recall|clipped coverage)  0?\.?\d", printed, re.M)) == 4


def test_what_is_said_of_the_images_advises_nothing_that_cannot_be_done(tmp_path):
    for number in range(2):
        Image.new("RGBA", (16, 40 + number), (200 + number, 0, 0, 9)).save(tmp_path / f"{number}.png")
    lines = []
    with pytest.raises(keras_gen.InputError, match="has 2 images; 50 are the least"):
        keras_gen.compare_images(str(tmp_path), np.zeros((60, 64, 64, 3), np.uint8), say=lines.append)
    assert "resized to " in lines[0] and "`" not in lines[0]
    assert lines[1] == "Alpha   2 of 2 images are partly transparent, and lie on white"


def write(folder, name, images):
    np.save(folder / f"{name}.npy", images)
    return str(folder / f"{name}.npy")


@pytest.mark.parametrize(
    ("other", "line"),
    [
        (stripes(49, 1), "other.npy has 49 images; 50 are the least to compare"),
        (stripes(1, 1), "other.npy has 1 image; 50 are the least to compare"),
        (stripes(60, 1)[:, :8], "are 16 x 16 x 1 and those of "),
        (np.repeat(stripes(60, 1), 3, axis=-1), " 16 x 16 x 3 (height x width x channels); bring them to one shape"),
        (stripes(60, 0), "hold the same images; compare two different sets"),
        (np.zeros((60, 5)), "other.npy"),
    ],
)
def test_what_cannot_be_compared_gets_one_line(tmp_path, capsys, other, line):
    paths = write(tmp_path, "real", stripes(60, 0)), write(tmp_path, "other", other)
    assert main(["evaluate", "--images", *paths]) == 2
    error = capsys.readouterr().err
    assert line in error and error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ([], "name a run's folder, or two folders or .npy files of images with --images; one of the two"),
        (["run", "--images", "a", "b"], "name a run's folder, or two folders or .npy files of images with --images"),
        (["--images", "nowhere", "b"], "nowhere does not exist; name a folder of images or an .npy"),
        (["--images", "a"], "argument --images: expected 2 arguments"),
        (["--images", "a", "b", "--count", "20"], "--count must be a whole number from 50 to 50000; received 20"),
    ],
)
def test_mistakes_on_the_command_line_get_one_line(capsys, flags, line):
    assert main(["evaluate", *flags]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1

"""A look through a collection: what is loaded, what is odd, and the page in a real browser."""

import base64
import io
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import keras_gen
from keras_gen.data.loading import image_tree
from keras_gen.evaluation.collections import _file_sizes, image_features
from keras_gen.pages import collection as collection_page
from keras_gen.pages.collection import BARS, MAX_SHEETS_TEXT, _sheet, _spread
from tests.data.test_duplicates import photos

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of 60 photos in two classes: a copy, a mirrored one, one that is noise, and files that are no images."""
    root = tmp_path_factory.mktemp("mine") / "photos"
    images = photos(60)
    for number, image in enumerate(images):
        path = root / ("a" if number < 30 else EVIL) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    Image.fromarray(images[3]).save(root / "a" / "copy.png")
    Image.fromarray(images[4, :, ::-1]).save(root / "a" / "mirrored.png")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    Image.fromarray(noise).save(root / "a" / "noise.png")
    (root / "a" / "broken.png").write_bytes(b"no image")
    (root / "notes.txt").write_text("no image")
    return root


@pytest.fixture(scope="module")
def found(folder):
    return keras_gen.collection(folder, say=lambda _: None)


def test_a_folder_has_file_names_groups_odd_images_and_what_was_left_out(found):
    named = [sorted(found.names[index] for index in group) for group in found.groups]
    assert sorted(named) == [["a/03.png", "a/copy.png"], ["a/04.png", "a/mirrored.png"]]
    assert {found.names[copy]: found.names[first] for copy, first in found.copies.items()} == {"a/copy.png": "a/03.png"}
    assert found.names[found.unusual[0]] == "a/noise.png"
    assert found.skipped == {"a/broken.png": "is not an image"}
    assert found.passed == "1 .txt"
    assert found.positions.min() >= 0 and found.positions.max() <= 1
    assert (found.sizes == 32).all()


def test_a_zip_of_the_folder_has_the_same_names_sizes_and_reasons(found, folder, tmp_path):
    packed = keras_gen.collection(shutil.make_archive(tmp_path / "photos", "zip", folder), count=40, say=lambda _: None)
    assert len(packed.names) == 40 and packed.total == found.total == len(found.names)
    assert set(packed.names) <= set(found.names)
    assert (packed.skipped, packed.passed, packed.title) == (found.skipped, found.passed, found.title)
    assert packed.sizes.shape == (40, 2) and (packed.sizes == 32).all()
    for name, pixels in zip(packed.names, packed.images.images, strict=True):
        np.testing.assert_array_equal(pixels, found.images.images[found.names.index(name)])


def test_a_run_an_array_and_more_images_than_are_looked_at(command_runs, folder):
    run = keras_gen.collection(command_runs["vae"], say=lambda _: None)
    assert (len(run.names), run.names[0], run.names[-1]) == (80, "training image 0", "held-out image 7")
    array = keras_gen.collection(photos(50), count=20, say=lambda _: None)
    assert (len(array.images), array.total) == (20, 50)
    parts = dict(zip(("training", "held-out"), keras_gen.load_dataset(photos(50), say=lambda _: None), strict=True))
    assert {name.split()[0] for name in array.names} == set(parts)
    for name, pixels in zip(array.names, array.images.images, strict=True):
        part, _, number = name.split()
        np.testing.assert_array_equal(pixels, parts[part].images[int(number)])
    with pytest.raises(keras_gen.InputError, match="has 3 images; 4 are the least to look through"):
        keras_gen.collection(photos(3), say=lambda _: None)


def test_pictures_that_differ_in_transparency_alone_are_no_copies():
    images = photos(40)
    one, other = (
        np.concatenate([images, np.full((*images.shape[:3], 1), alpha, np.uint8)], axis=-1) for alpha in (255, 30)
    )
    found = keras_gen.collection(np.concatenate([one, other]), channels=4, say=lambda _: None)
    assert not any(index + 40 in group for group in found.groups for index in group)


def test_alike_images_have_alike_features():
    images = photos(40)
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 4, images.shape), 0, 255).astype(np.uint8)
    features = image_features(np.concatenate([images, noisy]))
    distances = np.linalg.norm(features[:40, None] - features[None, 40:], axis=2)
    assert (distances.argmin(axis=1) == np.arange(40)).all()


def test_colours_and_gradients_weigh_the_same():
    features = image_features(photos(20))  # so few that none of their variance is left out
    assert (features**2).sum(axis=1).mean() == pytest.approx(1 + 1, rel=1e-3)


def test_the_page_zooms_chooses_and_filters_and_escapes_all_names(found, browser, tmp_path):
    path = found.page(tmp_path / "page.html")
    assert "<img src=x" not in path.read_text(encoding="utf-8")
    problems = []
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.absolute().as_uri())
    page.evaluate("ready")
    box = page.locator("#map").bounding_box()
    index = 7
    x, y = page.evaluate("(index) => screenOf(places[index])", index)
    listen = "document.getElementById('map').addEventListener('pointermove', (e) => (at = [e.offsetX, e.offsetY]))"
    page.evaluate(f"globalThis.at = null; {listen}")
    page.mouse.move(box["x"] + x, box["y"] + y)
    assert page.evaluate("at") == pytest.approx([x, y], abs=2)  # whole pixels, which may be of another image
    on_top = page.evaluate("names[imageAt(...at)]")
    assert on_top in page.text_content("#tooltip")
    page.mouse.click(box["x"] + x, box["y"] + y)
    assert on_top in page.text_content("#chosen")
    before = page.evaluate("view.scale")
    page.mouse.wheel(0, -300)
    page.wait_for_function("(before) => view.scale > before", arg=before)
    assert page.evaluate("screenOf(places[7])") == pytest.approx([x, y], abs=1)  # what is at the pointer stays there
    middle = page.evaluate("view.x")
    page.locator("#map").press("ArrowRight")
    assert page.evaluate("view.x") > middle
    shown = page.evaluate("[...thumbnail(50).getContext('2d').getImageData(0, 0, 32, 32).data]")
    difference = np.reshape(shown, (32, 32, 4))[..., :3] - found.images.images[50].astype(int)
    assert np.abs(difference).mean() < 12  # of the second row of the sheet
    page.locator("#map").press("0")
    assert page.evaluate("view.scale") == pytest.approx(before)
    page.locator("#map").press("Enter")
    page.get_by_role("button", name=EVIL, exact=True).click()
    assert page.evaluate("shownClass") == 0
    assert page.locator("#groups .group").count() == 2
    page.locator("#groups button").first.click()
    assert "Its copies" in page.text_content("#chosen") and page.locator("#chosen .sheet button").count() == 1
    kinds = page.locator("#groups .group > p").all_text_contents()
    assert sorted(kinds) == ["2 images, exact copies", "2 images, near-copies"]
    page.locator("#spreads button:enabled").first.click()
    assert page.locator("#spreads .sheet button").count() >= 1
    assert "a/broken.png" in page.text_content("body") and "1 .txt" in page.text_content("body")
    assert "1 exact copies and 1 near-copies." in page.text_content("body")
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []
    page.close()


def test_thumbnails_of_many_large_images_stay_small(found, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_gen.pages.collection.MAX_SHEETS_TEXT", 1)
    monkeypatch.setattr("keras_gen.pages.collection.SIDES", (64, 48, 16))
    assert MAX_SHEETS_TEXT < 20e6
    grouped = replace(found, groups=[[0, 1], [2, 3, 4]])
    page = grouped.page(tmp_path / "page.html").read_text(encoding="utf-8")
    assert '"side": 16' in page
    assert re.search(r'"groups": \[\[2, 3, 4\], \[0, 1\]\]', page)  # the largest first


def test_thumbnails_stand_beside_and_below_each_other_in_the_middle_of_their_squares(monkeypatch):
    monkeypatch.setattr(collection_page, "SHEET", 64)
    content = base64.b64decode(_sheet(np.zeros((3, 16, 32, 1), np.uint8), 32).partition(",")[2])
    sheet = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    assert sheet.shape == (64, 64)
    black = np.kron([[1, 1], [1, 0]], np.pad(np.ones((16, 32)), ((8, 8), (0, 0))))
    assert np.abs(sheet - 255.0 * (1 - black)).mean() < 10


def test_the_size_of_a_file_is_its_width_and_its_height(tmp_path):
    Image.new("L", (9, 5)).save(tmp_path / "wide.png")
    with image_tree(tmp_path) as tree:
        assert _file_sizes(tree, ["wide.png", "gone.png"]).tolist() == [[9, 5], [0, 0]]


def test_the_images_of_a_bar_are_those_that_it_counts():
    spread = _spread("width of the files", np.arange(BARS + 1), "pixels")
    assert list(map(len, spread["members"])) == spread["counts"] == [1] * (BARS - 1) + [2]


@pytest.mark.parametrize("wrong", [{"image_size": 0}, {"image_size": "x"}, {"channels": 2}])
def test_a_size_that_images_cannot_have_is_refused(folder, wrong):
    with pytest.raises(keras_gen.InputError, match=f"`{next(iter(wrong))}` must be None"):
        keras_gen.collection(folder, **wrong, say=lambda _: None)


def test_moved_data_of_a_run_and_what_cannot_be_asked_of_one(command_runs, tmp_path):
    run = shutil.copytree(command_runs["vae"], tmp_path / "run")
    moved = shutil.copy(keras_gen.load_run(run).record["source"]["dataset"], tmp_path / "moved.npz")
    keras_gen.load_run(run).folder.write(source={"dataset": str(tmp_path / "gone.npz")})
    with pytest.raises(keras_gen.InputError, match="say where they are with `dataset`"):
        keras_gen.collection(run)
    assert keras_gen.collection(run, dataset=moved).title == "run"
    with pytest.raises(keras_gen.InputError, match="`dataset` says where a run's images are now; leave it out"):
        keras_gen.collection(moved, dataset=moved)
    with pytest.raises(keras_gen.InputError, match="leave `image_size` and `channels` out"):
        keras_gen.collection(run, image_size=16)

"""The explorer in a real browser: what it shows is what Python decodes, and nothing leaves the page."""

import re

import numpy as np
import pytest

from keras_gen.latent import at_typical_length
from keras_gen.pages import run_explorer
from keras_gen.pages.explorer import LatentPlane, explorer_page, shrunk
from keras_gen.run import load_run
from tests.conftest import striped_images, train_small


@pytest.fixture
def open_page(browser):
    """Open a page; at the end, nothing may have been complained of, and nothing asked of the network."""
    problems, pages = [], []

    def opened(path, **options):
        page = browser.new_context(viewport={"width": 1200, "height": 900}, **options).new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request", lambda request: problems.append(request.url) if not request.is_navigation_request() else None
        )
        page.goto(path.absolute().as_uri())
        page.evaluate("explorer.ready")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
    ours = "willReadFrequently"  # a remark on how these tests read the canvases
    assert [problem for problem in problems if not problem.startswith("data:") and ours not in problem] == []


def pixels(page, canvas="here"):
    """Return what a canvas shows, uint8 (height, width, 3)."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    script = "id => { const c = document.getElementById(id); return [c.width, c.height, "
    script += "Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]; }"
    width, height, values = page.evaluate(script, canvas)
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def place_of(page, share_x, share_y):
    box = page.locator("#plane").bounding_box()
    return box["x"] + share_x * box["width"], box["y"] + share_y * box["height"]


def page_of(path, **options):
    """Make a run's explorer and return its path."""
    return load_run(path).explore(**options)


@pytest.fixture(scope="module")
def conv_run(tmp_path_factory):
    """A small convolutional VAE on colour images."""
    root = tmp_path_factory.mktemp("conv")
    images, labels = striped_images(60, size=16, channels=3)
    np.savez(root / "colours.npz", images=images, labels=labels)
    sizes = {"architecture": "conv", "filters": 4, "intermediate_dim": "8,6", "activation": "silu", "layer_norm": True}
    return train_small("vae", root / "colours.npz", root / "run", epochs=1, batch_size=18, **sizes)


@pytest.mark.parametrize("kind", ["vae", "vae3", "dcgan", "conv"])
def test_the_page_decodes_as_python_does(command_runs, conv_run, open_page, kind):
    path = conv_run if kind == "conv" else command_runs[kind]
    run = load_run(path)
    page = open_page(page_of(path))
    assert "decoded live" in page.text_content("body")
    points = run.draw(5, seed=1) * np.array([[1], [0.5], [2], [1], [3]], np.float32)
    wanted = run.decode(points if run.typical_length is None else at_typical_length(points))
    for point, image in zip(points, wanted, strict=True):
        shown = page.evaluate("z => Array.from(explorer.decodeLatent(z))", point.tolist())
        shown = np.array(shown).reshape(16, 16, 4)
        assert (shown[..., 3] == 255).all()
        assert np.abs(shown[..., :3] - image.astype(int)).max() <= 1


def test_the_pointer_decodes_and_shows_the_real_image_beside_its_reconstruction(command_runs, open_page):
    run = load_run(command_runs["vae"])
    _, held_out = run.datasets()
    codes = run.encode(held_out.images)
    page = open_page(page_of(command_runs["vae"]))
    page.mouse.move(*place_of(page, 0.1, 0.1))
    before = pixels(page)
    page.mouse.move(*place_of(page, 0.8, 0.7))
    assert not np.array_equal(pixels(page), before)
    for number in (0, 3):
        x, y = codes[number].tolist()
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [x, y])
        np.testing.assert_array_equal(pixels(page, "real")[..., :1], held_out.images[number])
        wanted = run.decode(codes[number : number + 1])[0].astype(int)
        assert np.abs(pixels(page, "rebuilt")[..., :1] - wanted).max() <= 1
        assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1
        label = held_out.class_names[held_out.labels[number]]
        assert page.text_content("#realtext") == f"held-out image {number}, label {label}"
        assert f"z[0] = {x:.2f}, z[1] = {y:.2f}".replace("-0.00", "0.00") in page.text_content("#where").replace(
            "-0.00", "0.00"
        )


def test_a_walk_between_two_clicked_points_and_a_concept(command_runs, open_page):
    run = load_run(command_runs["vae"])
    train, _ = run.datasets()
    page = open_page(page_of(command_runs["vae"]))
    assert page.is_hidden("#walker")
    page.mouse.click(*place_of(page, 0.02, 0.5))
    page.mouse.click(*place_of(page, 0.98, 0.5))
    page.wait_for_selector("#walker", state="visible")
    page.locator("#play").click()  # it had begun to play
    assert page.text_content("#play") == "Play"
    steps = []
    for share in (0, 0.5, 1):
        page.locator("#walkshare").fill(str(share))
        steps.append(pixels(page, "step"))
    assert not np.array_equal(steps[0], steps[1])
    assert not np.array_equal(steps[1], steps[2])
    page.locator("#clear").click()
    page.wait_for_selector("#walker", state="hidden")
    means = [run.encode(train.images[train.labels == label]).mean(axis=0) for label in (0, 1)]
    page.evaluate("([x, y]) => explorer.moveTo(x, y)", means[0].tolist())
    page.locator("#strength").fill("1")
    assert np.abs(pixels(page)[..., :1] - run.decode(means[1][np.newaxis])[0].astype(int)).max() <= 1


def test_it_works_by_keyboard_and_labels_can_be_hidden(command_runs, open_page):
    page = open_page(page_of(command_runs["vae"]), color_scheme="dark", reduced_motion="reduce")
    page.locator("#plane").focus()
    before, where = pixels(page), page.text_content("#where")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    assert not np.array_equal(pixels(page), before)
    assert page.text_content("#where") != where
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#walker", state="visible")
    assert page.text_content("#play") == "Play"  # whoever wants no motion gets none
    page.keyboard.press("Escape")
    page.wait_for_selector("#walker", state="hidden")
    plane = pixels(page, "plane")
    assert plane[3, 60].max() < 60  # dark
    page.get_by_label(re.compile(r"0 \(")).first.uncheck()
    assert not np.array_equal(pixels(page, "plane"), plane)


def test_more_dimensions_get_sliders_and_chosen_dimensions_the_plane(command_runs, open_page, monkeypatch):
    run = load_run(command_runs["vae3"])
    monkeypatch.setattr("keras_gen.evaluation.likelihood.ACTIVE_VARIANCE", 0)  # two epochs have not filled the third
    page = open_page(page_of(command_runs["vae3"]))
    (slider,) = page.locator("#others input").all()
    before = pixels(page)
    slider.fill(slider.get_attribute("max"))
    assert not np.array_equal(pixels(page), before)
    page = open_page(page_of(command_runs["vae3"], dimensions=(2, 0)))
    page.evaluate("explorer.moveTo(0.5, -0.25)")
    wanted = run.decode(np.array([[-0.25, 0, 0.5]]))[0].astype(int)
    assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1


@pytest.mark.parametrize("kind", ["vae", "vae3", "dcgan"])
def test_a_network_too_large_is_shown_by_tiles_and_the_page_says_so(command_runs, open_page, monkeypatch, kind):
    run = load_run(command_runs[kind])
    monkeypatch.setattr(run_explorer, "LIVE_WEIGHTS", 0)
    monkeypatch.setattr(run_explorer, "TILE_BYTES", 7 * 7 * 256)
    made = []
    decode = type(run).decode
    monkeypatch.setattr(
        type(run), "decode", lambda self, points, label=None: made.append(decode(self, points)) or made[-1]
    )
    page = open_page(page_of(command_runs[kind]))
    tiles = next(images for images in made if len(images) == 49)
    assert "blended from 7 x 7 images" in page.text_content("body")
    left, right, bottom, top = page.evaluate("data.range")
    xs, ys = np.linspace(left, right, 7), np.linspace(top, bottom, 7)
    for row, column in ((0, 0), (2, 5), (6, 6)):
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [xs[column], ys[row]])
        assert np.abs(pixels(page)[..., :1] - tiles[7 * row + column].astype(int)).max() <= 1
    page.evaluate("([x, y]) => explorer.moveTo(x, y)", [(xs[2] + xs[3]) / 2, ys[4]])
    wanted = (tiles[7 * 4 + 2].astype(float) + tiles[7 * 4 + 3]) / 2
    assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1
    if kind != "dcgan":
        _, held_out = run.datasets()
        point = page.evaluate("places[2]")
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [point["x"], point["y"]])
        rebuilt = run.decode(run.encode(held_out.images[2:3]))[0]
        np.testing.assert_array_equal(pixels(page, "rebuilt")[..., :1], rebuilt)


def test_the_plane_of_a_dcgan_goes_through_its_seeds(command_runs, open_page):
    run = load_run(command_runs["dcgan"])
    page = open_page(page_of(command_runs["dcgan"], seeds=(4, 9, 2)))
    marks = page.evaluate("data.marks")
    assert [mark["name"] for mark in marks] == ["seed 4", "seed 9", "seed 2"]
    for mark, seed in zip(marks, (4, 9, 2), strict=True):
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [mark["x"], mark["y"]])
        wanted = run.decode(at_typical_length(run.draw(1, seed)))[0].astype(int)
        assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1


def test_a_phone_sees_the_pictures_right_below_the_plane(command_runs, browser):
    path = page_of(command_runs["vae"])
    context = browser.new_context(viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(path.absolute().as_uri())
    page.evaluate("explorer.ready")
    plane, here = (page.locator(name).bounding_box() for name in ("#plane", "#here"))
    assert plane["width"] > 300
    assert here["y"] + here["height"] < 812
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    before = pixels(page)
    page.touchscreen.tap(*place_of(page, 0.2, 0.3))
    assert not np.array_equal(pixels(page), before)
    context.close()


def test_large_images_are_averaged_down_to_what_a_page_can_hold():
    large = np.zeros((2, 300, 512, 3), np.uint8)
    large[:, :4, :4] = 200
    small = shrunk(large)
    assert small.shape == (2, 75, 128, 3)
    assert small[0, 0, 0].tolist() == [200, 200, 200]
    assert small[0, 0, 1].tolist() == [0, 0, 0]
    fits = np.ones((1, 128, 128, 1), np.uint8)
    assert shrunk(fits) is fits


def test_a_page_that_is_still_loading_waits(command_runs, browser, monkeypatch):
    monkeypatch.setattr(run_explorer, "LIVE_WEIGHTS", 0)
    path = page_of(command_runs["vae"])
    page = browser.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    slow = "const decode = Image.prototype.decode; Image.prototype.decode = async function () {"
    page.add_init_script(slow + "await new Promise((done) => setTimeout(done, 600)); return decode.call(this); }")
    page.goto(path.absolute().as_uri())
    page.mouse.move(*place_of(page, 0.4, 0.4))
    page.evaluate("explorer.ready")
    page.mouse.move(*place_of(page, 0.5, 0.5))
    assert pixels(page).any()
    assert problems == []
    page.close()


def test_classes_beyond_the_tenth_have_another_shape_and_odd_names_stay_text(browser, tmp_path):
    names = (*(f"class {number}" for number in range(11)), "<b>cats & dogs</b> " + 100 * "x")
    codes = np.random.default_rng(0).normal(size=(120, 2))
    plane = LatentPlane(
        title="</script><script>alert(1)</script>",
        image_shape=(4, 4, 1),
        pixel_range=(0, 1),
        origin=np.zeros(2),
        directions=np.eye(2),
        axis_names=("z[0]", "z[1]"),
        extent=(-3, 3, -3, 3),
        codes=codes,
        numbers=np.arange(120),
        images=np.zeros((120, 4, 4, 1), np.uint8),
        rebuilt=np.zeros((120, 4, 4, 1), np.uint8),
        labels=np.arange(120) % 12,
        class_names=names,
        means=np.zeros((12, 2)),
        mean_names=names,
        tiles=np.zeros((25, 4, 4, 1), np.uint8),
    )
    (tmp_path / "page.html").write_text(explorer_page(plane), encoding="utf-8")
    page = browser.new_page(viewport={"width": 375, "height": 812})
    page.on("dialog", lambda _: pytest.fail("a name became code"))
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate("explorer.ready")
    swatches = [
        (swatch.text_content(), swatch.evaluate("s => s.style.color")) for swatch in page.locator(".swatch").all()
    ]
    assert len(set(swatches)) == 12
    assert swatches[0][1] == swatches[10][1]
    assert "<b>cats & dogs</b>" in page.text_content(".labels")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.close()


def test_a_page_stays_within_its_limit_whatever_the_images():
    random = np.random.default_rng(0)

    def noise(count, side):
        return random.integers(0, 256, (count, side, side, 3)).astype(np.uint8)

    for side, latent_dim in ((28, 20), (64, 20), (128, 20), (28, 4096)):  # noise: nothing compresses worse
        common = {
            "title": "<noise>",
            "pixel_range": (0, 1),
            "origin": np.zeros(latent_dim),
            "directions": random.normal(size=(20, latent_dim)),
            "axis_names": tuple(f"z[{number}]" for number in range(20)),
            "extent": (-3, 3, -3, 3),
        }
        pixels = 3 * side * side
        points = run_explorer.max_points(pixels, latent_dim)
        codes = random.normal(size=(points, latent_dim))
        shown = {"codes": codes, "numbers": np.arange(points), "images": noise(points, side)}
        tiles = int(np.clip((run_explorer.TILE_BYTES / pixels) ** 0.5, 5, run_explorer.MAX_TILES))
        shape = {"image_shape": (side, side, 3)}
        page = explorer_page(
            LatentPlane(**common, **shown, **shape, rebuilt=noise(points, side), tiles=noise(tiles**2, side))
        )
        assert len(page) < run_explorer.MAX_PAGE
        assert "<noise>" not in page
        network = [
            {"kind": "dense", "options": {}, "weights": {"kernel": random.normal(size=(run_explorer.LIVE_WEIGHTS, 1))}}
        ]
        assert len(explorer_page(LatentPlane(**common, **shown, **shape, network=network))) < run_explorer.MAX_PAGE

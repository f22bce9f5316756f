"""The explorer in a real browser: what it shows is what Python computes, and nothing leaves the page."""

import base64
import io
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen.latent import at_typical_length
from keras_gen.models.losses import RECONSTRUCTION_LOSSES
from keras_gen.pages import page_networks, run_explorer
from keras_gen.pages.explorer import Basis, Explorer, HeldOut, explorer_page, floats, shrunk
from keras_gen.run import load_run
from tests.conftest import made_once, striped_images, train_small, without_pictures

slow = pytest.mark.slow


def pixels(page, canvas="here"):
    """Return what a canvas shows, uint8 (height, width, 3)."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    address = page.evaluate("id => document.getElementById(id).toDataURL('image/png')", canvas)
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"))


def position(page, share_x, share_y, canvas="#plane"):
    box = page.locator(canvas).bounding_box()
    return box["x"] + share_x * box["width"], box["y"] + share_y * box["height"]


def latent_point(page):
    return np.array(page.evaluate("Array.from(explorer.state.z)"))


PAGES = {}  # that have been made


def page_of(path, fresh=False, **options):
    """Make a run's explorer, unless there is one with these options, and return its path."""
    key = (path, *options.items())
    if fresh or key not in PAGES:
        file = path.parent / f"{path.name}-{len(PAGES)}{'-fresh' * fresh}.html"
        page = load_run(path).explore(file, **options)
        if fresh:
            return page
        PAGES[key] = page
    return PAGES[key]


@pytest.fixture(scope="session")
def other_runs(tmp_path_factory):
    """Small runs with the layers that the default ones lack, by name."""

    def make(root):
        images, labels = striped_images(60, size=16, channels=3)
        np.savez(root / "colours.npz", images=images, labels=labels)
        common = {"epochs": 1, "batch_size": 18, "conditional": True, "doctor": False}
        sizes = {"filters": 4, "intermediate_dim": "8,6", "activation": "silu", "layer_norm": True}
        resize = {"upsampling": "resize", "generator_activation": "relu", "generator_extra_layers": 1}
        with pytest.MonkeyPatch.context() as patch:
            without_pictures(patch)
            train_small("vae", root / "colours.npz", root / "conv", architecture="conv", **common, **sizes)
            train_small("dcgan", root / "colours.npz", root / "resize", **common, **resize)

    root = made_once(tmp_path_factory, "explorer-runs", make)
    return {"conv": root / "conv", "resize": root / "resize"}


@pytest.fixture
def runs(command_runs, other_runs):
    return command_runs | other_runs


@pytest.fixture(scope="module")
def opened_once(browser):
    """Open a page for all tests that it does not matter to where its spot is: opening takes longer than most."""
    pages, problems = {}, []

    def opened(path):
        if path not in pages:
            page = pages[path] = browser.new_page(viewport={"width": 1200, "height": 1500})
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(path.absolute().as_uri())
            page.evaluate("explorer.ready")
        return pages[path]

    yield opened
    for page in pages.values():
        page.close()
    assert problems == []


@pytest.mark.parametrize("kind", ["vae", pytest.param("vae3", marks=slow), "dcgan", "conv", "resize"])
def test_the_page_decodes_as_python_does(runs, opened_once, kind):
    run = load_run(runs[kind])
    page = opened_once(page_of(runs[kind]))
    assert "computed live" in page.text_content("body")
    points = run.draw(5, seed=1) * np.array([[1], [0.5], [2], [1], [3]], np.float32)
    label = 1 if run.conditional else None
    wanted = run.decode(points if run.typical_length is None else at_typical_length(points), label)
    for point, image in zip(points, wanted, strict=True):
        shown = page.evaluate("([z, label]) => Array.from(explorer.decodeLatent(z, label))", [point.tolist(), label])
        shown = np.array(shown).reshape(16, 16, 4)
        assert (shown[..., 3] == 255).all()
        assert np.abs(shown[..., :3] - image.astype(int)).max() <= 1


@pytest.mark.parametrize("kind", ["vae", pytest.param("vae3", marks=slow), "conv"])
def test_the_page_encodes_as_python_does(runs, opened_once, kind):
    run = load_run(runs[kind])
    page = opened_once(page_of(runs[kind]))
    image = run.datasets()[1].images[:1]
    label = run.labels_of(run.datasets()[1])
    z_mean, z_log_var = run.encode_distribution(image, label[:1] if run.conditional else None)
    if run.conditional:
        page.evaluate("label => chooseClass(0, label)", int(label[0]))
    found = page.evaluate(
        "x => { const f = explorer.encodeImage(x); return { ...f, mean: [...f.mean], v: [...f.logVar] }; }",
        (image.ravel() / 255).tolist(),
    )
    np.testing.assert_allclose(found["mean"], z_mean[0], atol=0.01)
    np.testing.assert_allclose(found["v"], z_log_var[0], atol=0.02)
    kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var).sum()
    np.testing.assert_allclose(found["kl"], kl, rtol=0.02)
    decoded = np.clip(run.decode(z_mean, label[:1] if run.conditional else None) / 255, 1e-3, 1 - 1e-3)
    cross_entropy = -(image / 255 * np.log(decoded) + (1 - image / 255) * np.log(1 - decoded)).sum()
    np.testing.assert_allclose(found["reconstruction"], cross_entropy, rtol=0.02)
    np.testing.assert_allclose(found["loss"], found["reconstruction"] + found["kl"])
    page.evaluate("data.loss.beta = 3")
    found = page.evaluate("lossTerms(explorer.state.posterior)")
    page.evaluate("data.loss.beta = 1")
    np.testing.assert_allclose(found["loss"], found["reconstruction"] + 3 * found["kl"])


def test_the_page_computes_the_loss_of_each_likelihood_as_training_does(command_runs, opened_once):
    page = opened_once(page_of(command_runs["vae"]))
    random = np.random.default_rng(0)
    images = random.random((1, 4, 4, 1)).astype(np.float32)
    logits = (3 * random.normal(size=(1, 4, 4, 1))).astype(np.float32)
    logits[0, 0] = 0.01
    images[0, 1] = [[0], [1], [0], [1]]  # black and white
    for likelihood, loss in RECONSTRUCTION_LOSSES.items():
        scale = np.full_like(logits, -2)
        outputs = np.concatenate([logits, scale], axis=-1) if likelihood == "discretized_logistic" else logits
        found = page.evaluate(
            "arguments => reconstructionLoss(...arguments)",
            [images.ravel().tolist(), logits.ravel().tolist(), likelihood, -2],
        )
        np.testing.assert_allclose(found, keras.ops.convert_to_numpy(loss(images, outputs))[0], rtol=1e-4)


def test_float16_is_read_as_numpy_writes_it(command_runs, opened_once):
    page = opened_once(page_of(command_runs["vae"]))
    values = np.array([0, 1, -2.5, 6e-8, 1e-5, 65504, 1 / 3], np.float16)
    assert page.evaluate("text => Array.from(floats(text))", floats(values, "<f2")) == values.astype(float).tolist()


def test_weights_are_in_half_precision_only_where_no_image_shows_it(command_runs, monkeypatch):
    run = load_run(command_runs["vae"])
    images = run.datasets()[1].images
    networks, _ = page_networks.page_networks(run, images, None)
    assert networks["decoder"][0]["weights"]["kernel"].startswith("h:")
    assert not networks["decoder"][0]["weights"]["bias"].startswith("h:")
    half = page_networks._half
    monkeypatch.setattr(page_networks, "_half", lambda values: half(values) + 0.2)  # as if it were coarser
    networks, _ = page_networks.page_networks(run, images, None)
    assert not networks["decoder"][0]["weights"]["kernel"].startswith("h:")
    assert not networks["encoder"][1]["weights"]["kernel"].startswith("h:")


@pytest.mark.parametrize(("moved", "dtype"), [(0.1, "<f2"), (0.3, "<f4")])
def test_an_encoder_is_in_half_precision_if_no_code_moves_by_a_twentieth_of_its_deviation(monkeypatch, moved, dtype):
    log_var, images = np.full((2, 1), 2 * np.log(4)), np.zeros((2, 4, 4, 1), np.uint8)
    found = iter([(np.zeros((2, 1)), log_var), (np.full((2, 1), moved), log_var)])
    monkeypatch.setattr(page_networks, "encode", lambda *_: next(found))
    monkeypatch.setattr(page_networks, "rounded", lambda encoder: encoder)
    run = SimpleNamespace(pixel_range=(0, 1), decode=lambda codes, labels: images)
    assert page_networks._encoder_dtype(run, None, images, None) == dtype


def test_the_pointer_moves_the_spot_only_while_it_is_pressed_or_in_follow_mode(command_runs, open_page):
    page = open_page(page_of(command_runs["vae"]))
    before = latent_point(page)
    page.mouse.move(*position(page, 0.1, 0.1))
    page.mouse.move(*position(page, 0.8, 0.7), steps=5)
    page.mouse.down(button="right")
    page.mouse.up(button="right")
    np.testing.assert_array_equal(latent_point(page), before)
    page.mouse.down()
    pressed, shown = latent_point(page), pixels(page)
    assert not np.allclose(pressed, before)
    page.mouse.move(*position(page, 0.2, 0.3), steps=5)
    assert not np.array_equal(pixels(page), shown)
    page.mouse.up()
    dragged = latent_point(page)
    page.mouse.move(*position(page, 0.9, 0.9), steps=5)
    np.testing.assert_array_equal(latent_point(page), dragged)
    page.get_by_label("follow the pointer").check()
    page.mouse.move(*position(page, 0.6, 0.6))
    assert not np.allclose(latent_point(page), dragged)


def test_undo_and_the_address_bring_a_view_back(command_runs, open_page):
    path = page_of(command_runs["vae"])
    page = open_page(path)
    first = latent_point(page)
    page.mouse.click(*position(page, 0.1, 0.6))
    second = latent_point(page)
    page.locator("#seta").click()
    page.mouse.click(*position(page, 0.9, 0.1))
    page.locator("#setb").click()
    address = page.evaluate("location.hash")
    other = open_page(path, address)
    np.testing.assert_allclose(latent_point(other), latent_point(page), atol=1e-3)
    assert other.is_visible("#strip")
    np.testing.assert_allclose(other.evaluate("Array.from(explorer.state.ends[0])"), second, atol=1e-3)
    for _ in range(3):
        page.locator("#undo").click()
    np.testing.assert_array_equal(latent_point(page), second)
    page.wait_for_selector("#mixer", state="hidden")
    page.locator("#plane").focus()
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(latent_point(page), first)
    assert page.locator("#undo").is_disabled()
    for damaged in ("#z=1", "#z=a,b&plane=9,9,9", "#share=7&class=3", "#%%%"):
        other.goto("about:blank")
        other.goto(path.absolute().as_uri() + damaged)
        other.evaluate("explorer.ready")
        np.testing.assert_array_equal(latent_point(other), first)


def test_a_dot_shows_its_image_beside_its_reconstruction(command_runs, opened_once):
    run = load_run(command_runs["vae"])
    _, held_out = run.datasets()
    codes = run.encode(held_out.images)
    page = opened_once(page_of(command_runs["vae"]))
    for number in (0, 3):
        x, y = codes[number].tolist()
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [x, y])
        np.testing.assert_array_equal(pixels(page, "real")[..., :1], held_out.images[number])
        wanted = run.decode(codes[number : number + 1])[0].astype(int)
        assert np.abs(pixels(page, "rebuilt")[..., :1] - wanted).max() <= 1
        assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1
        label = held_out.class_names[held_out.labels[number]]
        assert page.text_content("#realtext") == f"held-out image {number}, label {label}"
    box = page.locator(".labels input").nth(int(held_out.labels[3]))
    box.uncheck()
    assert page.evaluate("visible(3)") is False
    assert page.evaluate("nearestDot(...dots[3])") != 3
    box.check()
    assert page.evaluate("nearestDot(...dots[3])") == 3


def test_a_mix_of_two_places_is_shown_as_a_strip_and_saved(command_runs, open_page, tmp_path):
    run = load_run(command_runs["vae"])
    page = open_page(page_of(command_runs["vae"]))
    page.wait_for_selector("#mixer", state="hidden")
    ends = []
    for button, x in (("A is here", 0.02), ("B is here", 0.98)):
        page.mouse.click(*position(page, x, 0.9))
        ends.append(latent_point(page))
        page.get_by_role("button", name=button).click()
    wanted = run.interpolate(*ends, steps=9)
    page.wait_for_function("() => strip.filled === 9")
    strip = pixels(page, "strip").astype(int)
    assert np.abs(strip[..., :1] - np.concatenate(list(wanted), axis=1)).max() <= 1
    page.get_by_role("slider", name="from A to B").fill("0.5")
    assert np.abs(pixels(page)[..., :1] - wanted[4].astype(int)).max() <= 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Save strip").click()
    download.value.save_as(tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as saved:
        assert saved.size == (9 * 16 * 4, 16 * 4)
        assert np.abs(np.asarray(saved.convert("RGB"))[::4, ::4].astype(int) - strip).max() == 0
    page.get_by_role("button", name="Play").first.click()
    page.wait_for_function("() => state.share !== 0.5")
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("location.hash === toAddress(state)")
    page.locator("#clearends").click()
    page.wait_for_selector("#mixer", state="hidden")


def test_a_concept_leads_from_one_label_to_another(command_runs, open_page):
    run = load_run(command_runs["vae"])
    train, _ = run.datasets()
    page = open_page(page_of(command_runs["vae"]))
    means = [run.encode(train.images[train.labels == label]).mean(axis=0) for label in (0, 1)]
    page.evaluate("([x, y]) => explorer.moveTo(x, y)", means[0].tolist())
    page.locator("#strength").fill("1")
    assert np.abs(pixels(page)[..., :1] - run.decode(means[1][np.newaxis])[0].astype(int)).max() <= 1


def test_it_works_by_keyboard_and_what_covers_the_plane_can_be_hidden(command_runs, open_page):
    page = open_page(page_of(command_runs["vae"]), color_scheme="dark")
    page.locator("#plane").focus()
    before, where, start = pixels(page), page.text_content("#where"), latent_point(page)
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    left, right, *_ = page.evaluate("planeRange()")
    moved = np.subtract(latent_point(page), start) / (right - left)
    np.testing.assert_allclose(moved, [0.25, 0.01], atol=1e-5)
    assert not np.array_equal(pixels(page), before)
    assert page.text_content("#where") != where
    page.keyboard.press("a")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("b")
    page.wait_for_selector("#mixer", state="visible")
    page.keyboard.press("Escape")
    page.wait_for_selector("#mixer", state="hidden")
    page.wait_for_function("() => mosaic.cells > 500")
    page.wait_for_timeout(300)
    for name in ("images", "dots", "prior"):
        plane = pixels(page, "plane")
        page.get_by_label(name, exact=True).uncheck()
        assert not np.array_equal(pixels(page, "plane"), plane), name
    assert pixels(page, "plane")[3, 60].max() < 60  # dark


def test_the_mosaic_shows_what_is_decoded_there(command_runs, opened_once):
    page = opened_once(page_of(command_runs["vae"]))
    page.wait_for_function("() => mosaic.cells === 24 * 24 + 12 * 12 + 6 * 6")
    left, right, bottom, top = page.evaluate("planeRange()")
    page.evaluate("basis().high[1] += 4")
    wider = page.evaluate("planeRange()")
    page.evaluate("basis().high[1] -= 4")
    low, high = page.evaluate("[basis().low, basis().high]")
    middle, half = np.add(low, [high[0], high[1] + 4]) / 2, (high[1] + 4 - low[1]) / 2
    square = [middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half]  # around all that there is
    np.testing.assert_allclose(wider, square)
    row, column = 5, 17
    page.evaluate("canvas = mosaic.canvas; canvas.id = 'mosaic'; document.body.append(canvas)")
    cell = pixels(page, "mosaic")[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
    page.evaluate(
        "([x, y]) => explorer.moveTo(x, y)",
        [left + (column + 0.5) / 24 * (right - left), top - (row + 0.5) / 24 * (top - bottom)],
    )
    assert np.abs(pixels(page) - cell.astype(int)).max() <= 1
    radii = page.evaluate(
        """() => {
          const context = make("canvas").getContext("2d"), radii = [];
          context.arc = (x, y, radius) => radii.push(radius);
          drawPrior(context, 400);
          return radii;
        }"""
    )
    shares = 1 - np.exp(-(((right - left) * np.array(radii) / 400) ** 2) / 2)
    np.testing.assert_allclose(shares, [0.5, 0.9, 0.99])  # of the prior, in two dimensions


def draw(page, *points):
    page.mouse.move(*position(page, *points[0], "#drawing"))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*position(page, *point, "#drawing"), steps=3)
    page.mouse.up()


def test_the_reader_s_drawing_is_encoded_and_sampled_again(command_runs, open_page):
    run = load_run(command_runs["vae"])
    page = open_page(page_of(command_runs["vae"]))
    page.wait_for_selector("#posterior", state="hidden")
    draw(page, (0.2, 0.2), (0.8, 0.2), (0.2, 0.8))
    page.wait_for_selector("#posterior", state="visible")
    seen = pixels(page, "own")[..., :1]
    assert seen.max() == 255
    z_mean, z_log_var = run.encode_distribution(seen[np.newaxis])
    np.testing.assert_allclose(latent_point(page), z_mean[0], atol=0.02)
    assert re.fullmatch(r"Loss [\d.]+ nats = reconstruction [\d.]+ \+ KL [\d.]+", page.text_content("#ownloss"))
    page.get_by_role("button", name="Sample again").click()
    shift = (latent_point(page) - z_mean[0]) / np.exp(z_log_var[0] / 2)
    epsilon = page.evaluate("Array.from(explorer.state.posterior.epsilon)")
    np.testing.assert_allclose(shift, epsilon, atol=0.1)
    assert "with ε =" in page.text_content("#ownsample")
    assert np.abs(pixels(page)[..., :1] - run.decode(latent_point(page)[np.newaxis])[0].astype(int)).max() <= 1
    page.get_by_role("button", name="Clear").first.click()
    page.wait_for_selector("#posterior", state="hidden")
    page.get_by_label("invert").check()
    page.wait_for_selector("#posterior", state="hidden")


def test_the_keyboard_draws_too_and_goes_on_to_the_plane(command_runs, open_page):
    page = open_page(page_of(command_runs["vae"]))
    page.locator("#drawing").focus()
    page.keyboard.press("ArrowRight")
    for _ in range(2):  # one that is held repeats
        page.keyboard.down(" ")
    page.keyboard.up(" ")
    for key in (*5 * ["ArrowDown"], " ", *3 * ["ArrowLeft"]):
        page.keyboard.press(key)
    own = pixels(page, "own")[..., 0].astype(int)
    ink = np.abs(own - own[0, 0])
    assert ink[5:9, 9].min() > 200
    assert max(ink[:, :8].max(), ink[:3].max(), ink[12:].max()) < 20
    page.get_by_role("button", name="Show in the plane").press("Enter")
    spot = latent_point(page)
    page.keyboard.press("ArrowUp")
    assert latent_point(page)[1] > spot[1]
    for _ in range(2):
        page.keyboard.press("Control+z")
    page.wait_for_selector("#posterior", state="hidden")


def test_an_image_file_is_scaled_like_the_training_data_and_others_are_refused(command_runs, open_page, tmp_path):
    run = load_run(command_runs["vae"])
    page = open_page(page_of(command_runs["vae"]))
    picture = np.zeros((200, 100, 3), np.uint8)
    picture[50:100] = (255, 128, 0)  # the upper half of the centre
    Image.fromarray(picture).save(tmp_path / "mine.png")
    page.locator("#file").set_input_files(tmp_path / "mine.png")
    page.wait_for_selector("#posterior", state="visible")
    own = pixels(page, "own")[..., 0].astype(int)
    grey = round(0.299 * 255 + 0.587 * 128)
    assert np.abs(own[:7] - grey).max() <= 2
    assert own[9:].max() <= 2
    np.testing.assert_allclose(
        latent_point(page), run.encode(own[np.newaxis, ..., np.newaxis].astype(np.uint8))[0], atol=0.02
    )
    page.get_by_label("invert").check()
    assert np.abs(pixels(page, "own")[..., 0] - (255 - own)).max() <= 1
    page.get_by_label("invert").uncheck()
    clear = Image.new("RGBA", (100, 100))
    clear.paste("black", (0, 50, 100, 100))
    clear.save(tmp_path / "clear.png")
    page.locator("#file").set_input_files(tmp_path / "clear.png")
    page.wait_for_function("() => explorer.state.posterior.image[0] > 0.99")  # what is transparent lies on white
    (tmp_path / "text.png").write_text("no image")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    page.get_by_text("text.png is not an image that this browser can read").wait_for()
    Image.new("L", (50, 50), 80).save(tmp_path / "grey.png")
    page.locator("#file").set_input_files(tmp_path / "grey.png")
    page.get_by_text("The image is empty").wait_for()


def test_more_dimensions_get_sliders_and_any_two_of_them_the_plane(command_runs, open_page, monkeypatch):
    run = load_run(command_runs["vae3"])
    monkeypatch.setattr("keras_gen.evaluation.likelihood.ACTIVE_VARIANCE", 0)  # two epochs have not filled the third
    monkeypatch.setattr("keras_gen.latent.DEAD", 0)
    page = open_page(page_of(command_runs["vae3"], fresh=True))
    (slider,) = page.locator("#sliders input").all()
    before = pixels(page)
    spot = page.evaluate("place(explorer.state.z)")
    slider.fill(slider.get_attribute("max"))
    assert not np.array_equal(pixels(page), before)
    np.testing.assert_allclose(page.evaluate("place(explorer.state.z)"), spot, atol=1e-5)  # a slider keeps the spot
    page.locator("#basis").select_option("latent dimensions")
    assert page.locator("#across option").all_text_contents() == page.evaluate("basis().names")
    page.locator("#across").select_option(page.evaluate("basis().names[2]"))
    assert page.evaluate("state.axes") == [2, 1]
    codes = run.encode(run.datasets()[1].images)
    share = page.evaluate("updateDots(), toScreen(dots[2], 1)")
    page.mouse.click(*position(page, *share))
    assert any(np.abs(code - latent_point(page)).max() < 1e-6 for code in codes)  # the whole code of a dot
    page = open_page(page_of(command_runs["vae3"], dimensions=(2, 0)))
    page.evaluate("explorer.moveTo(0.5, -0.25)")
    wanted = run.decode(np.array([[-0.25, 0, 0.5]]))[0].astype(int)
    assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1


@pytest.mark.parametrize("kind", ["vae", pytest.param("vae3", marks=slow), "dcgan"])
def test_a_network_too_large_is_shown_by_tiles_and_the_page_names_its_largest_layers(
    command_runs, open_page, monkeypatch, kind
):
    run = load_run(command_runs[kind])
    monkeypatch.setattr(page_networks, "LIVE_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(run_explorer, "TILE_BYTES", 7 * 7 * 256)
    page = open_page(page_of(command_runs[kind], fresh=True))
    assert "blended from images made beforehand" in page.text_content("footer")
    assert re.search(r"Its largest layers: \S+ with [\d,]+", page.text_content("footer"))
    left, right, bottom, top = page.evaluate("planeRange()")
    xs, ys = np.linspace(left, right, 7), np.linspace(top, bottom, 7)

    def decoded(x, y):
        point = np.array(page.evaluate("([x, y]) => Array.from(pointAt(x, y))", [x, y]))
        return run.decode(run.at_typical_length(point[np.newaxis]))[0].astype(float)

    for row, column in ((0, 0), (2, 5), (6, 6)):
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [xs[column], ys[row]])
        if kind != "vae3":  # whose start lies beside the plane
            assert np.abs(pixels(page)[..., :1] - decoded(xs[column], ys[row])).max() <= 1
    if kind != "vae3":
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [(xs[2] + xs[3]) / 2, ys[4]])
        wanted = (decoded(xs[2], ys[4]) + decoded(xs[3], ys[4])) / 2
        assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1
    if kind == "dcgan":
        page.get_by_role("button", name="seed 7", exact=True).click()
        np.testing.assert_array_equal(pixels(page)[..., :1], run.decode(run.draw_seeds([7]))[0])
        assert page.get_attribute("#seed", "max") == "23"  # of the others the page has no images
    else:
        _, held_out = run.datasets()
        x, y = page.evaluate("dots[2]")
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [x, y])
        np.testing.assert_array_equal(pixels(page, "rebuilt")[..., :1], run.decode(run.encode(held_out.images[2:3]))[0])
        assert page.locator("#drawing").count() == 0


def test_a_dcgan_opens_with_images_to_click_and_seeds_to_type(command_runs, open_page):
    run = load_run(command_runs["dcgan"])
    page = open_page(page_of(command_runs["dcgan"]))
    sheet = page.locator("#sheet button")
    assert sheet.count() == 24
    assert page.locator("#sliders input").count() == 8
    assert np.abs(pixels(page)[..., :1].astype(int) - run.generate(1, 0)[0]).max() <= 1
    assert sheet.nth(0).get_attribute("aria-pressed") == "true"
    sheet.nth(5).click()
    assert np.abs(pixels(page)[..., :1].astype(int) - run.generate(1, 5)[0]).max() <= 1
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.getElementById('seed').value === '6'")
    page.locator("#seed").fill("999")
    assert np.abs(pixels(page)[..., :1].astype(int) - run.generate(1, 999)[0]).max() <= 1
    assert page.evaluate("location.hash") == "#seed=999"
    page.locator("#seed").fill("1000")
    assert page.get_attribute("#seed", "aria-invalid") == "true"
    first = page.locator("#sliders input").first
    before = pixels(page)
    first.fill("3")
    assert not np.array_equal(pixels(page), before)
    assert page.input_value("#seed") == ""
    length = np.linalg.norm(run.draw(1, 999))  # which what is moved keeps
    assert f"length={round(length, 4):g}" in page.evaluate("location.hash")
    page.evaluate("setEnd(0)")
    assert page.evaluate("Math.hypot(...state.ends[0])") == pytest.approx(length, rel=1e-5)
    page.wait_for_function("() => mosaic.cells > 100")


def test_a_dcgan_takes_the_points_that_project_wrote(command_runs, open_page, tmp_path):
    run = load_run(command_runs["dcgan"])
    page = open_page(page_of(command_runs["dcgan"]))
    assert f"python -m keras_gen latent {run.folder.path} project IMAGE" in page.text_content("#pointbox")
    points = run.draw(2, seed=3)
    np.save(tmp_path / "found.npy", points)
    np.save(tmp_path / "images.npy", run.decode(points))
    np.save(tmp_path / "codes.npy", np.zeros((run.settings.latent_dim, 2), np.float32))  # as many numbers
    page.locator("#pointfile").set_input_files(tmp_path / "found.npy")
    page.wait_for_selector("#mixer", state="visible")
    assert np.abs(pixels(page)[..., :1].astype(int) - run.decode(points)[0]).max() <= 1
    np.testing.assert_array_equal(page.evaluate("state.ends.map((end) => Array.from(end))"), points)
    # The address brings a point back that is none of a seed.
    np.testing.assert_array_equal(page.evaluate("Array.from(textVector(vectorText(state.ends[1])))"), points[1])
    for name in ("images.npy", "codes.npy"):
        page.locator("#pointfile").set_input_files(tmp_path / name)
        page.get_by_text(f"{name} holds no latent points of this run").wait_for()


def test_the_plane_of_a_dcgan_goes_through_its_seeds(command_runs, open_page):
    run = load_run(command_runs["dcgan"])
    page = open_page(page_of(command_runs["dcgan"], seeds=(4, 9, 2)))
    marks = page.evaluate("basis().marks")
    assert [mark["name"] for mark in marks] == ["seed 4", "seed 9", "seed 2"]
    for mark, seed in zip(marks, (4, 9, 2), strict=True):
        page.evaluate("([x, y]) => explorer.moveTo(x, y)", [mark["x"], mark["y"]])
        wanted = run.decode(at_typical_length(run.draw(1, seed)))[0].astype(int)
        assert np.abs(pixels(page)[..., :1] - wanted).max() <= 1
        left, right, bottom, top = page.evaluate("planeRange()")
        assert left < mark["x"] < right and bottom < mark["y"] < top


@pytest.mark.parametrize("kind", ["conv", pytest.param("resize", marks=slow)])
def test_a_conditional_run_has_a_class_chooser_and_a_slider_between_classes(runs, open_page, kind):
    run = load_run(runs[kind])
    page = open_page(page_of(runs[kind]))
    first, second = page.get_by_role("group", name="class").get_by_role("button").all()
    assert first.get_attribute("aria-pressed") == "true"
    z = latent_point(page)[np.newaxis]
    z = z if run.typical_length is None else at_typical_length(z)
    for button, label in ((second, 1), (first, 0)):
        button.click()
        assert np.abs(pixels(page) - run.decode(z, label)[0].astype(int)).max() <= 1
    page.locator("#classto").select_option("1")
    page.locator("#classslider input").fill("1")
    assert np.abs(pixels(page) - run.decode(z, 1)[0].astype(int)).max() <= 1
    assert "class=0,1,1" in page.evaluate("location.hash")
    second.click()
    assert page.evaluate("[state.classes[0], state.mix]") == [1, 0]  # another class begins with itself


def an_explorer(count=120, classes=12, **options):
    """An explorer without a run."""
    names = (*(f"class {number}" for number in range(classes - 1)), "<b>cats & dogs</b> " + 100 * "x")
    codes = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    blank = np.zeros((count, 4, 4, 1), np.uint8)
    values = {
        "title": "</script><script>alert(1)</script>",
        "kind": "vae",
        "image_shape": (4, 4, 1),
        "pixel_range": (0, 1),
        "bases": [Basis("latent dimensions", np.zeros(2), np.eye(2), ("z[0]", "z[1]"), np.full(2, -3), np.full(2, 3))],
        "start": np.zeros(2, np.float32),
        "held_out": HeldOut(codes, np.arange(count), blank, count, np.arange(count) % classes, blank),
        "class_names": names,
        "means": np.zeros((classes, 2)),
        "mean_names": names,
        "tiles": np.zeros((25, 4, 4, 1), np.uint8),
    }
    return Explorer(**values | options)


def test_classes_beyond_the_tenth_have_another_shape_and_odd_names_stay_text(open_page, tmp_path):
    far_from_dots = an_explorer(count=125, start=np.full(2, 2.9, np.float32))
    (tmp_path / "page.html").write_text(explorer_page(far_from_dots), encoding="utf-8")
    page = open_page(tmp_path / "page.html", viewport={"width": 375, "height": 812})
    assert page.locator("#realtext").is_hidden()
    page.on("dialog", lambda _: pytest.fail("a name became code"))
    swatches = [
        (swatch.text_content(), swatch.evaluate("s => s.style.color")) for swatch in page.locator(".swatch").all()
    ]
    assert len(set(swatches)) == 12
    assert swatches[0][1] == swatches[10][1]
    assert "<b>cats & dogs</b>" in page.text_content(".labels")
    assert all(f"class {number} ({11 if number < 5 else 10})" in page.text_content(".labels") for number in range(11))
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_many_classes_are_searched_in_a_list(open_page, tmp_path):
    blank = np.zeros((40, 28, 28, 1), np.uint8)
    held_out = HeldOut(np.zeros((40, 2), np.float32), np.arange(40), blank, 40, np.arange(40), blank)
    digits = {"image_shape": (28, 28, 1), "tiles": blank[:25], "held_out": held_out}
    explorer = an_explorer(classes=40, present=tuple(range(40)), label=0, **digits)
    (tmp_path / "page.html").write_text(explorer_page(explorer), encoding="utf-8")
    page = open_page(tmp_path / "page.html")
    search = page.get_by_label("class; type to search")
    search.fill("Class 17")
    search.press("Enter")
    assert page.evaluate("state.classes[0]") == 17
    search.fill("lion")
    search.press("Enter")
    assert "There is no such class" in page.text_content("#classproblem")
    script = """() => {
      const drawn = make("canvas", { width: 280, height: 280 }), context = drawn.getContext("2d");
      context.fillRect(0, 0, 280, 280);
      context.fillStyle = "#fff";
      context.fillRect(20, 30, 40, 100);
      context.fillRect(20, 110, 100, 20);
      return [...centred(drawn).getContext("2d").getImageData(0, 0, 280, 280).data].filter((_, at) => at % 4 === 0);
    }"""
    pixels = np.reshape(page.evaluate(script), (280, 280)) / 255
    rows, columns = np.arange(280) + 0.5, np.arange(280) + 0.5
    centre = (pixels.sum(axis=1) @ rows) / pixels.sum(), (pixels.sum(axis=0) @ columns) / pixels.sum()
    assert centre == pytest.approx((140, 140), abs=1.5)  # as in MNIST, the centre of mass and a box of 20 pixels of 28
    assert [np.sum(pixels.max(axis=axis) > 0.5) for axis in (0, 1)] == pytest.approx([200, 200], abs=2)


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("vae", "light"),
        ("resize", "dark"),
        pytest.param("vae", "dark", marks=slow),
        pytest.param("resize", "light", marks=slow),
    ],
)
def test_nothing_overlaps_at_any_width(runs, open_page, overlaps, kind, scheme):
    page = open_page(page_of(runs[kind]), color_scheme=scheme)
    page.evaluate("setEnd(0); moveTo(1, 1); setEnd(1)")
    if kind == "vae":
        draw(page, (0.2, 0.2), (0.8, 0.2))
    for width in (360, 768, 1440, 2560, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert (width, overlaps(page)) == (width, [])
        if width >= 1440:
            assert page.locator("#here").bounding_box()["width"] >= 320
    assert page.evaluate("plane.getContext('2d').getTransform().a") == 1.5  # 4K: its texts are as large as the page's


def test_every_control_has_a_name(runs, opened_once):
    for kind in ("vae", "resize"):
        page = opened_once(page_of(runs[kind]))
        unnamed = """() => [...document.querySelectorAll("button, select, input, canvas[tabindex]")].filter((e) =>
          !(e.ariaLabel || e.labels?.length && [...e.labels].some((l) => l.textContent.trim()) || e.textContent.trim()))
          .map((e) => e.outerHTML)"""
        assert page.evaluate(unnamed) == []


def test_a_phone_sees_the_pictures_right_below_the_plane_and_a_laptop_all_of_them_beside_it(command_runs, browser):
    path = page_of(command_runs["vae"])
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(path.absolute().as_uri())
    page.evaluate("explorer.ready")
    plane, here = (page.locator(name).bounding_box() for name in ("#plane", "#here"))
    assert plane["width"] > 300
    assert here["y"] + here["height"] < 740
    before = pixels(page)
    page.touchscreen.tap(*position(page, 0.2, 0.3))
    assert not np.array_equal(pixels(page), before)
    page.set_viewport_size({"width": 1280, "height": 800})
    here, rebuilt, mix = (page.locator(name).bounding_box() for name in ("#here", "#rebuilt", "#mix"))
    assert here["x"] + here["width"] < rebuilt["x"]
    assert mix["y"] + mix["height"] < 800
    context.close()


def test_the_grids_of_the_epochs_are_there(command_runs, opened_once):
    page = opened_once(page_of(command_runs["dcgan"]))
    last = page.get_attribute("#grid", "src")
    page.locator("#epochplayer input").fill("0")
    assert page.get_attribute("#grid", "src") not in (last, None)


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
    monkeypatch.setattr(page_networks, "LIVE_MULTIPLY_ADDS", 0)
    path = page_of(command_runs["vae"], fresh=True)
    page = browser.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    slow = "const decode = Image.prototype.decode; Image.prototype.decode = async function () {"
    page.add_init_script(slow + "await new Promise((done) => setTimeout(done, 600)); return decode.call(this); }")
    page.goto(path.absolute().as_uri())
    page.mouse.click(*position(page, 0.4, 0.4))
    page.evaluate("explorer.ready")
    page.mouse.click(*position(page, 0.5, 0.5))
    assert pixels(page).any()
    assert problems == []
    page.close()


def test_without_workers_the_page_computes_itself(command_runs, browser):
    page = browser.new_page()
    page.add_init_script("delete window.Worker;")
    page.goto(page_of(command_runs["vae"]).absolute().as_uri())
    page.wait_for_function("() => mosaic.cells > 30")
    page.close()


def test_a_page_stays_within_its_limit_whatever_the_images():
    random = np.random.default_rng(0)

    def noise(count, side):
        return random.integers(0, 256, (count, side, side, 3)).astype(np.uint8)

    for side, latent_dim in ((28, 20), (64, 20), (128, 20), (28, 4096)):  # noise: nothing compresses worse
        directions = random.normal(size=(20, latent_dim))
        names = tuple(f"z[{number}]" for number in range(20))
        low, high = np.full(20, -3), np.full(20, 3)
        bases = [Basis("latent dimensions", np.zeros(latent_dim), directions, names, low, high)]
        points = run_explorer.max_points(3 * side * side, latent_dim)
        codes = random.normal(size=(points, latent_dim))
        held_out = HeldOut(codes, np.arange(points), noise(points, side), points, None, noise(points, side))
        tiles = int(np.clip((run_explorer.TILE_BYTES / (3 * side * side)) ** 0.5, 5, run_explorer.MAX_TILES))
        common = {"title": "<noise>", "bases": bases, "start": np.zeros(latent_dim), "image_shape": (side, side, 3)}
        common |= {"class_names": (), "means": None, "mean_names": (), "held_out": held_out}
        page = explorer_page(an_explorer(**common, tiles=noise(tiles**2, side)))
        assert len(page) < run_explorer.MAX_PAGE
        assert "<noise>" not in page
        held_out.rebuilt = None
        weights = {"kernel": "A" * page_networks.WEIGHT_TEXT}
        networks = {"decoder": [{"kind": "dense", "options": {}, "weights": weights}]}
        assert len(explorer_page(an_explorer(**common, tiles=None, networks=networks))) < run_explorer.MAX_PAGE


def test_the_means_of_labels_have_the_names_of_those_that_are_there():
    train = SimpleNamespace(images=np.arange(4), labels=np.array([3, 1, 3, 1]), class_names=tuple("abcd"))
    run = SimpleNamespace(
        datasets=lambda: (train, None),
        labels_of=lambda images, indices: None,
        encode=lambda images, labels: images[:, np.newaxis],
    )
    means, names = run_explorer._means(run)
    assert (means.tolist(), names) == ([[2.0], [1.0]], ("b", "d"))

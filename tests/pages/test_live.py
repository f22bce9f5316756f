"""The live GANs in a real browser: they train as NumPy does, and show what they do."""

import re

import numpy as np
import pytest

from keras_gen.cli.main import main
from keras_gen.minimal import faces, sine, trend
from keras_gen.minimal.sine import Faults
from keras_gen.minimal_runs import train_minimal
from tests.minimal.test_trend import PUBLISHED

RUN = """([system, seed, settings, epochs, moments]) => {
  const training = new Training(GANS[system], seed, settings, epochs);
  return moments.map((moment) => {
    training.advance((moment + 1) * training.gan.halves);
    const parameters = Object.entries(training.state.parameters).map(([name, values]) => [name, Array.from(values)]);
    const losses = [training.losses.discriminator[moment], training.losses.generator[moment]];
    return { losses, ...Object.fromEntries(parameters) };
  });
}"""
# What the page calls its settings, and minimal/ its arguments.
NAMES = {
    "smoothing": "label_smoothing",
    "discriminatorRate": "discriminator_learning_rate",
    "generatorRate": "generator_learning_rate",
    "batchSize": "batch_size",
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of each system, as the command writes it."""
    root = tmp_path_factory.mktemp("live")
    return {
        system: train_minimal(system, out=root / system, page=True, say=str) / "live.html"
        for system in ("trend", "faces", "sine")
    }


@pytest.fixture
def open_page(pages, open_page):
    """Open the page of a system; it may not complain, nor ask anything of the network."""
    return lambda system, **options: open_page(pages[system], **options)


@pytest.fixture(scope="module")
def one_page(pages, browser):
    """A page for all tests that leave it as it is: opening one takes longer than most of them."""
    problems = []
    page = browser.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(pages["trend"].as_uri())
    yield page
    page.close()
    assert problems == []


def trained(system, seed, epochs, settings):
    """Train in NumPy; yield after each epoch the losses, and the parameters by the names that the page gives them."""
    random = np.random.RandomState(seed)
    options = {NAMES.get(name, name): value for name, value in settings.items()}
    if system == "trend":
        slopes = options.pop("slopes", trend.SLOPES)
        gan, real = trend.start(random, slopes=slopes)
        steps = trend.train(gan, real, random, epochs, **options)
    elif system == "faces":
        gan = faces.start(random)
        if "faces" in options:
            options["faces"] = np.array(options["faces"])
        steps = faces.train(gan, random, epochs, **options)
    else:
        options["faults"] = Faults(**options.pop("faults", {}))
        networks = sine.start(random, options["faults"])
        steps = sine.train(*networks, random, epochs, **options)
    for losses in steps:
        if system == "sine":
            yield (
                losses,
                {
                    f"{name}_{kind}_{layer}": values
                    for name, network in zip(("generator", "discriminator"), networks, strict=True)
                    for kind in ("weights", "biases")
                    for layer, values in enumerate(getattr(network, kind))
                },
            )
        else:
            yield losses, vars(gan)


def assert_equal_to_numpy(page, system, seed, epochs, **settings):
    """Hold the page's losses and weights at eleven moments against NumPy's, and return the losses by moment."""
    moments = np.unique(np.linspace(0, epochs, 11).round().clip(max=epochs - 1).astype(int)).tolist()
    shown = dict(zip(moments, page.evaluate(RUN, [system, seed, settings, epochs, moments]), strict=True))
    for epoch, (losses, parameters) in enumerate(trained(system, seed, epochs, settings)):
        if epoch in shown:
            np.testing.assert_allclose(shown[epoch]["losses"], losses, rtol=0, atol=1e-6)
            assert shown[epoch].keys() == parameters.keys() | {"losses"}
            for name, values in parameters.items():
                np.testing.assert_allclose(shown[epoch][name], np.ravel(values), rtol=0, atol=1e-6)
    return shown


@pytest.mark.parametrize("seed", [0, 42, 2**32 - 2])
def test_the_random_numbers_are_those_of_numpy(one_page, seed):
    script = """seed => { const random = new RandomState(seed);
        const first = [random.normals(1001, 1, 2), random.uniforms(700, 0.4, -1), random.normals(3)];
        return [...first.flatMap((part) => [...part]), random.uniform()]; }"""
    random = np.random.RandomState(seed)
    expected = [random.normal(1, 2, 1001), random.uniform(0.4, -1, 700), random.normal(size=3), [random.uniform()]]
    np.testing.assert_allclose(one_page.evaluate(script, seed), np.concatenate(expected), rtol=1e-13)


@pytest.mark.parametrize("epochs", [10_001, pytest.param(50_000, marks=pytest.mark.slow)])
def test_the_trend_gan_trains_as_numpy_does_and_gives_the_published_losses(one_page, epochs):
    assert_equal_to_numpy(one_page, "trend", 42, 2000)
    published = {epoch: losses for epoch, losses in PUBLISHED.items() if epoch < epochs}
    shown = one_page.evaluate(RUN, ["trend", 42, {}, epochs, list(published)])  # which NumPy's are, too: test_trend.py
    assert [tuple(round(loss, 4) for loss in at["losses"]) for at in shown] == list(published.values())


def test_the_faces_gan_trains_as_numpy_does_and_ends_in_the_published_weights(one_page):
    shown = assert_equal_to_numpy(one_page, "faces", 42, 1000)
    published = (0.70702123, 0.03720449, -0.45703394, 0.79375751)
    np.testing.assert_allclose(shown[999]["generator_weights"], published, rtol=0, atol=6e-9)


@pytest.mark.parametrize("iterations", [1000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_the_sine_gan_trains_as_numpy_does(one_page, iterations):
    assert_equal_to_numpy(one_page, "sine", 42, iterations)


DARKER = [[1, 0, 0, 1], [0.9, 0.1, 0.2, 0.3], [0.9, 0.2, 0.1, 0.8], [0, 0.1, 1, 0.9], [0.8, 0.2, 0.1, 0.9]]


@pytest.mark.parametrize(
    ("system", "seed", "epochs", "settings"),
    [
        ("trend", 0, 200, {"slopes": [-0.1, 0.3], "saturating": True, "smoothing": 0.2}),
        ("trend", 2**32 - 2, 50, {"discriminatorRate": 0.1, "generatorRate": 0.03}),
        ("faces", 7, 100, {"faces": DARKER, "saturating": True, "smoothing": 0.3}),
        ("faces", 5, 100, {"discriminatorRate": 10, "generatorRate": 10}),
        ("sine", 1, 40, {"batchSize": 7, "smoothing": 0.1, "shape": [0.1, 0.9, -1, 0, 0.5, 1, -0.3, 0.2, 0, -0.8]}),
        *(("sine", 2, 40, {"batchSize": 20, "faults": {fault: True}}) for fault in Faults.__dataclass_fields__),
        ("sine", 3, 40, {"saturating": True, "faults": dict.fromkeys(Faults.__dataclass_fields__, True)}),
    ],
)
def test_other_seeds_and_every_change_train_as_numpy_does(one_page, system, seed, epochs, settings):
    if "faults" in settings:
        settings = settings | {"faults": dict.fromkeys(Faults.__dataclass_fields__, False) | settings["faults"]}
    assert_equal_to_numpy(one_page, system, seed, epochs, **settings)


@pytest.mark.parametrize(
    ("system", "settings"),
    [
        ("trend", {"smoothing": 0.1}),
        ("faces", {"saturating": True}),
        ("sine", {"batchSize": 6}),
        ("sine", {"batchSize": 6, "faults": dict.fromkeys(Faults.__dataclass_fields__, True)}),
    ],
)
def test_the_factors_of_every_weight_make_its_derivative(one_page, system, settings):
    script = """([system, settings]) => {
      const training = new Training(GANS[system], 1, settings);
      training.advance(6);
      return allItems(training.gan).map((item) => {
        const first = explainWeight(training, item);
        const all = Array.from({ length: first.examples }, (_, number) => explainWeight(training, item, number));
        const own = all.filter(({ derivative }) => derivative === first.derivative); // faces: one of two updates
        const sum = (parts) => parts.reduce((total, part) => total + part, 0);
        const shares = own.map(({ product, shared }) => (shared ? sum(shared) : product));
        const clipped = (value) => Math.min(Math.max(value, -WEIGHT_LIMIT), WEIGHT_LIMIT);
        const limit = system === "sine" ? clipped : (value) => value;
        const { before, rate, cut, derivative, after } = first;
        return [mean(shares), derivative, limit(before - rate * cut * derivative), after];
      });
    }"""
    rows = np.array(one_page.evaluate(script, [system, settings]))
    assert np.abs(rows[:, 1]).max() > 1e-3
    np.testing.assert_allclose(rows[:, 0], rows[:, 1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(rows[:, 2], rows[:, 3], rtol=0, atol=1e-12)


def test_any_moment_can_be_gone_back_to_and_the_training_goes_on_the_same(one_page):
    script = """() => {
      const training = new Training(TREND, 3);
      const at = () => JSON.stringify([training.position, training.state.parameters, training.state.traces]);
      training.advance(2001);
      training.change({ generatorRate: 0.1, slopes: [0, 0.2] });
      training.advance(3500);
      const there = at();
      training.advance(4500);
      const end = at();
      const same = [2, 3500, 1000, 1001, 3500].map((position) => {
        training.goBackFor(position);
        training.advance(position);
        return training.position;
      });
      const back = at() === there;
      training.advance(4500);
      return [same, back, at() === end];
    }"""
    assert one_page.evaluate(script) == [[2, 3500, 1000, 1001, 3500], True, True]


def wait_until(page, condition):
    """Wait for a condition in the page; its policy forbids Playwright's `wait_for_function`."""
    check = f"const check = () => ({condition}) ? done() : requestAnimationFrame(check); check();"
    page.evaluate(f"new Promise((done) => {{ {check} }})")


def settled(page):
    wait_until(page, "target === null && !playing && !scheduled")


def test_step_play_the_slider_and_reset(open_page):
    page = open_page("faces")
    assert "epoch 0 of 1,000" in page.text_content("#position")
    page.locator("#step").click()
    settled(page)
    assert "the generator is next" in page.text_content("#position")
    page.locator("#step").click()
    settled(page)
    assert "the discriminator is next" in page.text_content("#position")
    page.locator("#speed input").fill("7")
    page.locator("#play").click()
    wait_until(page, "training.epoch > 20")
    page.locator("#play").click()
    settled(page)
    page.locator("#moment input").fill("10000")
    settled(page)
    assert "epoch 1,000 of 1,000" in page.text_content("#position")
    assert "1.4474" in page.text_content("#loss-buttons")
    assert "0.6937" in page.text_content("#loss-buttons")
    page.locator("#moment input").fill("10")
    settled(page)
    assert "epoch 1 of 1,000" in page.text_content("#position")
    page.locator("#seed").fill("7")
    page.locator("#reset").click()
    settled(page)
    assert page.evaluate("[training.seed, training.position]") == [7, 0]


@pytest.mark.parametrize(
    ("field", "text", "line"),
    [
        ("#seed", "seven", "The seed must be a whole number from 0 to 4294967294; received seven"),
        ("#seed", "-1", "The seed must be a whole number from 0 to 4294967294; received -1"),
        ("#seed", "1.5", "The seed must be a whole number from 0 to 4294967294; received 1.5"),
        ("#seed", "", "The seed must be a whole number from 0 to 4294967294; received nothing"),
        ("#generator-rate", "11", "The generator's learning rate must be a number from 0 to 10; received 11"),
        ("#generator-rate", "NaN", "The generator's learning rate must be a number from 0 to 10; received NaN"),
    ],
)
def test_a_wrong_number_is_answered_by_one_line_and_changes_nothing(one_page, field, text, line):
    page = one_page
    page.locator("#published").click()
    before = page.evaluate("JSON.stringify([training.seed, training.settings])")
    assert page.is_hidden("#problem")
    page.locator(field).fill(text)
    page.locator(field).press("Enter")
    assert page.text_content("#problem") == line
    assert page.get_attribute(field, "aria-invalid") == "true"
    assert page.evaluate("JSON.stringify([training.seed, training.settings])") == before
    page.locator(field).fill("2")
    page.locator(field).press("Enter")
    assert page.is_hidden("#problem")


def test_a_weight_and_a_loss_are_explained_by_pointer_and_by_keyboard(open_page):
    page = open_page("faces")
    page.locator("#step").click()
    page.locator("#network").focus()
    page.keyboard.press("Home")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")  # from the discriminator's bias to its last weight
    settled(page)
    text = page.inner_text("#explanation")
    assert "v₄ of the discriminator" in text
    assert "0.8564 − 1" in text  # as docs/minimal.md works it out by hand
    assert re.search(r"\(−0\.1436\) × 1\.0000\s+−0\.1436", text)
    assert "1.523030 − 0.0100 × (−0.143614)" in text
    box = page.locator("#network").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    settled(page)
    assert "of the generator" in page.inner_text("#explanation")
    assert "has not taken a step yet" in page.inner_text("#explanation")
    page.locator("#step").click()
    settled(page)
    assert "z" in page.inner_text("#explanation table")
    page.evaluate("training.advance(40)")
    page.evaluate("show(0)")
    curves = page.locator("#losses")
    for share, network in ((0.9, "generator"), (0.05, "discriminator")):  # below both curves, and above
        curves.hover(position={"x": 300, "y": share * curves.bounding_box()["height"]})
        settled(page)
        assert f"The {network}'s loss" in page.inner_text("#explanation")
    page.locator("#loss-buttons button").first.focus()
    settled(page)
    formula = page.inner_text("#explanation")
    terms = [
        float(number)
        for number in re.findall(r"log (?:\(1 − )?(\d\.\d+)|log\(1 − (\d\.\d+)", formula)
        for number in number
        if number
    ]
    value = float(re.findall(r"= (\d\.\d+)\n", formula + "\n")[-1])
    assert value == pytest.approx(-np.log(terms[0]) - np.log(1 - terms[1]), abs=2e-3)


def test_the_real_data_can_be_changed(open_page):
    page = open_page("faces")
    page.locator("#real").scroll_into_view_if_needed()
    box = page.locator("#real").bounding_box()
    x, y = box["x"] + box["width"] * 0.09, box["y"] + box["height"] * 0.3  # top left pixel of the first face
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 40)
    page.mouse.up()
    assert page.evaluate("training.settings.faces[0]") == pytest.approx([0.5, 0, 0, 1])
    page.locator("#real").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("training.settings.faces[0][1]") == pytest.approx(0.05)
    page.locator("#published").click()
    assert page.evaluate("training.settings.faces[0]") == [1, 0, 0, 1]
    page = open_page("sine")
    page.locator("#real").scroll_into_view_if_needed()
    box = page.locator("#real").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.05, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + box["height"] * 0.25, steps=20)
    page.mouse.up()
    shape = page.evaluate("training.settings.shape")
    assert shape[0] == pytest.approx(0, abs=0.03)
    assert shape[9] == pytest.approx(0.55, abs=0.03)
    page.locator("#discriminator_climbs").check()
    assert page.evaluate("training.settings.faults.discriminator_climbs") is True


def test_a_card_answers_after_one_has_tried(open_page):
    page = open_page("faces")
    card = page.locator(".card").nth(2)
    assert card.locator("[role=status]").is_hidden()
    card.locator(".options button").nth(1).click()
    assert card.locator("[role=status]").is_visible()
    assert card.inner_text().count("Not quite.") == 1
    card.get_by_role("button", name="Try it here").click()
    assert page.evaluate("training.settings.generatorRate") == 1
    page.get_by_role("button", name="sine", exact=True).click()
    assert page.evaluate("training.gan.name") == "sine"


@pytest.mark.parametrize("system", [pytest.param("trend", marks=pytest.mark.slow), "faces", "sine"])
def test_a_phone_a_finger_and_large_type(open_page, overlaps, system):
    page = open_page(system, has_touch=True, is_mobile=True, color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 780})
    page.locator("#step").tap()
    box = page.locator("#network").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.5)
    settled(page)
    assert "of the discriminator" in page.inner_text("#explanation h3")
    size = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    for large in (False, True):
        page.locator("#large-type").set_checked(large)
        for width in (360, 768, 1440, 2560):
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("scrollTo(0, 0)")
            assert overlaps(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 360, "height": 780})
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 1.4 * size


def test_a_page_without_javascript_says_so(pages, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["sine"].as_uri())
    assert "needs JavaScript" in page.inner_text("noscript")
    assert page.locator("main").is_hidden()
    context.close()


def test_the_command_writes_one_page_with_its_options(tmp_path, capsys, open_page, pages):
    out = tmp_path / "page"
    assert (
        main(["minimal", "sine", "--page", "--seed", "5", "--epochs", "9", "--batch-size", "3", "--out", str(out)]) == 0
    )
    assert [path.name for path in out.iterdir()] == ["live.html"]
    assert str(out / "live.html") in capsys.readouterr().out
    pages["chosen"] = out / "live.html"
    page = open_page("chosen")
    shown = page.evaluate(
        "[training.seed, training.epochs, training.settings.batchSize, training.settings.discriminatorRate]"
    )
    assert shown == [5, 9, 3, 0.1]

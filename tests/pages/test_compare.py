"""The page of runs side by side, in a real browser."""

import shlex
import shutil
from types import SimpleNamespace

import pytest

import keras_gen
from keras_gen.pages.compare import _curves
from keras_gen.run import RunFolder

EVIL = "<img src=x onerror=alert(1)>&co"


@pytest.fixture
def open_page(browser):
    """Open a page; at the end, nothing may have been complained of, and nothing asked of the network."""
    problems, pages = [], []

    def opened(path, width=1200):
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.absolute().as_uri())
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
    assert problems == []


@pytest.fixture
def two_vaes(command_runs, tmp_path):
    """Two runs: the second has a name that is code, one epoch less, and another class of learning rate."""
    paths = [shutil.copytree(command_runs["vae"], tmp_path / name) for name in ("one", EVIL)]
    folder = RunFolder(paths[1])
    folder.write_table("history.csv", folder.read_table("history.csv")[:1])
    folder.epoch_image(2).unlink()
    settings = folder.read()["settings"]
    folder.write(settings=settings | {"recipe": "<script>alert(2)</script>"})
    return paths


def test_grids_of_the_same_epoch_and_curves_by_epoch_and_minute(two_vaes, open_page, tmp_path):
    path = keras_gen.compare(*two_vaes).page(tmp_path / "page.html", say=lambda _: None)
    assert "<img src=x" not in path.read_text() and "<script>alert" not in path.read_text()
    page = open_page(path)
    captions = page.locator("#grids figcaption")
    assert captions.all_text_contents() == ["A  one, epoch 2", f"B  {EVIL}, epoch 1"]  # it has no more
    page.locator("#player input").fill("0")
    assert captions.all_text_contents() == ["A  one, epoch 1", f"B  {EVIL}, epoch 1"]
    charts = page.locator("#curves .chart")
    assert charts.count() == 3  # loss, reconstruction, KL
    assert page.locator("#curves .chart").first.locator(".keys li").all_text_contents()[1].strip().startswith("A ")
    page.get_by_role("button", name="by minute").click()
    assert "minutes of training" in charts.first.text_content()
    assert "Settings that differ" in page.text_content("body")
    assert page.get_by_text(f"compare {shlex.join(map(str, two_vaes))} --evaluate").is_visible()
    page.get_by_role("link", name="report of B").click()
    assert page.url == (two_vaes[1] / "report.html").as_uri()
    assert page.evaluate("[...document.querySelectorAll('figure img')].every((image) => image.naturalWidth > 0)")


def test_a_vae_beside_a_dcgan_shows_images_and_no_curves_also_on_a_phone(command_runs, open_page, tmp_path):
    path = keras_gen.compare(command_runs["vae"], command_runs["dcgan"]).page(tmp_path / "page.html")
    page = open_page(path, width=360)
    assert page.locator("#grids img").count() == 2
    assert page.locator("#curves").count() == 0
    assert "no curves are drawn" in page.text_content("body")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_lies_beside_the_first_run_and_a_run_without_an_epoch_is_said(command_runs, tmp_path):
    one = shutil.copytree(command_runs["vae"], tmp_path / "one")
    two = RunFolder.create(tmp_path / "two", "vae", "stripes", facts=RunFolder(one).read()).path
    comparison = keras_gen.compare(one, two)
    assert "B has no finished epoch yet, so only its settings are compared" in comparison.notes
    assert comparison.page().samefile(tmp_path / "compare-one-two.html")


def test_curves_are_over_the_minutes_of_training_without_measuring():
    timing = [{"epoch": epoch, "train_seconds": 30 * epoch, "held_out_seconds": 99} for epoch in (1, 2)]
    history = [{"epoch": epoch, "loss": 1 / epoch} for epoch in (1, 2)]
    settings = SimpleNamespace(loss_unit="nats")
    run = SimpleNamespace(kind="vae", history=history, timing=timing, metrics=[], settings=settings)
    (chart,) = _curves([run, run])
    assert chart["lines"][0]["points"] == [[1, 0.5, 1.0], [2, 1.5, 0.5]]

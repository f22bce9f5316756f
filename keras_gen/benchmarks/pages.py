"""How fast the explorers draw in a real browser while the spot moves over the plane."""

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.cores import usable_cores
from keras_gen.errors import InputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 2
IMAGES = 64  # how fast a network draws does not depend on what it has learned


class Page(NamedTuple):
    """A run whose explorer is measured, and the pictures a second that are aimed at on two cores."""

    title: str
    kind: str
    image_shape: tuple[int, int, int]
    settings: dict[str, object]
    aim: int


PAGES = (
    Page("VAE of digits (tuned)", "vae", (28, 28, 1), {"recipe": "tuned"}, 60),
    Page("convolutional VAE of digits", "vae", (28, 28, 1), {"recipe": "chapter", "architecture": "conv"}, 60),
    Page("DCGAN of digits (chapter)", "dcgan", (28, 28, 1), {"recipe": "chapter"}, 30),
    Page("DCGAN of cars (chapter)", "dcgan", (32, 32, 3), {"recipe": "chapter"}, 15),
)


def page_table(rounds: int) -> list[str]:
    """Return a table of the pictures a second that each explorer shows; medians of the rounds.

    While a page opens it starts its workers and paints its mosaic, so the first seconds have a column of their own.

    Raises:
        InputError: There is no Chromium, or no playwright, which drives it.
    """
    executable = chromium()
    if executable is None:
        raise InputError("pages are measured in Chromium by playwright; install chromium, and pip install playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        rows = measure_pages(playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"]), rounds)
    return ["", f"## Explorers in Chromium, {usable_cores()} cores", "", *markdown_table(rows)]


def measure_pages(browser: object, rounds: int) -> list[dict[str, str]]:
    """Return the cells of each row of the table, measured in a browser that playwright started."""
    with tempfile.TemporaryDirectory() as folder:
        explorers = [(page, _explorer(page, Path(folder) / str(number))) for number, page in enumerate(PAGES)]
        rates = [np.median([_rates(browser, path) for _ in range(rounds)], axis=0) for _, path in explorers]
        return [
            {
                "": page.title,
                f"pictures/s, first {SECONDS} s": f"{opening:.0f}",
                "pictures/s": f"{later:.0f}",
                "aim": str(page.aim),
                "MB": f"{path.stat().st_size / 1e6:.1f}",
            }
            for (page, path), (opening, later) in zip(explorers, rates, strict=True)
        ]


def chromium() -> str | None:
    """Return the path of a Chromium that can be driven; None if there is none, or no playwright."""
    if not importlib.util.find_spec("playwright"):
        return None
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _explorer(page: Page, folder: Path) -> Path:
    import keras_gen

    train = keras_gen.train_vae if page.kind == "vae" else keras_gen.train_dcgan
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *page.image_shape)).astype(np.uint8)
    options = {"epochs": 1, "batch_size": 32, "doctor": False, "say": lambda line: None}
    run = train(images, images[: IMAGES // 4], folder=folder, **page.settings, **options)
    return run.explore()


def _rates(browser: object, path: Path) -> tuple[float, float]:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(path.absolute().as_uri())
    page.evaluate("explorer.ready")
    opening, later = (page.evaluate(f"explorer.measure({SECONDS})") for _ in range(2))
    page.close()
    return opening, later

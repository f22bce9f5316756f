"""The benchmark of the explorers in a browser."""

import pytest

from keras_gen.benchmarks import pages
from keras_gen.errors import InputError


def test_the_table_has_a_row_for_each_explorer_with_its_pictures_a_second(monkeypatch, browser):
    settings = {"recipe": "chapter", "intermediate_dim": 8, "jit": "off"}
    monkeypatch.setattr(pages, "PAGES", (pages.Page("a small VAE", "vae", (8, 8, 1), settings, 60),))
    monkeypatch.setattr(pages, "SECONDS", 0.3)
    (row,) = pages.measure_pages(browser, 1)
    assert (row[""], row["aim"]) == ("a small VAE", "60")
    assert float(row["pictures/s"]) > 1 and float(row["pictures/s, first 0.3 s"]) > 1 and 0 < float(row["MB"]) < 12


def test_without_a_browser_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pages.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="install chromium, and pip install playwright"):
        pages.page_table(1)

import html
import json
import re
import shutil
from pathlib import Path

import pytest

from keras_gen.pages import run_explorer
from keras_gen.pages.charts import score_charts, title_of
from keras_gen.pages.glossary import GLOSSARY
from keras_gen.run import RunFolder, load_run


def texts(path):
    """Return a page's text as a reader sees it."""
    page = re.sub(r"<(style|script).*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s*\n\s*", "\n", re.sub(r"<[^>]+>", "\n", page)))


@pytest.mark.parametrize("kind", ["vae", "vae3", "dcgan"])
def test_every_run_ends_with_a_report_of_settings_losses_pictures_and_commands(command_runs, kind):
    run = load_run(command_runs[kind])
    page = (run.folder.path / "report.html").read_text(encoding="utf-8")
    text = texts(run.folder.path / "report.html")
    assert "72 images of stripes (16 x 16 x 1; 8 held out)" in text
    assert "2 of 2 epochs: it finished." in text
    assert "batch_size = 24" in text
    assert all(f"{value:.5g}" in text for value in run.history[-1].values())
    assert "Losses after epoch 2, in nats" in text
    assert run.record["dataset"]["train"]["fingerprint"] in text
    resume = next(line for line in re.findall(r"python train_\S+ [^\n]+", text) if "--resume" in line)
    assert resume == f"python train_{run.kind}.py --resume {run.folder.path} --epochs 4"
    headings = {"vae": ["Latent space"], "vae3": ["Latent space"], "dcgan": []}[kind]
    places = [
        page.index(f"<h2>{heading}</h2>") for heading in ["Images in the course of training", "Losses", *headings]
    ]
    assert places == sorted(places)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    first, second = data["grids"]
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert first["source"] != second["source"]
    lines = {line["name"]: line["points"] for line in data["losses"][0]["series"]}
    name = "loss" if "loss" in run.history[0] else "discriminator_loss_real"
    assert lines["held-out"] == [[row["epoch"], row[f"held_out_{name}"]] for row in run.history]
    assert data["live"] is None
    assert not re.findall(r"""(?:src|url\()=?["']?(?!data:)(?:https?:|//|/|\w+\.)""", page)
    assert re.findall(r"""href=["']?(?!data:|#)([^"' >]+)""", page) == ["history.csv"]


def test_names_of_the_user_s_are_text_and_findings_and_metrics_are_shown(command_runs, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>&co"
    shutil.copytree(command_runs["vae"], path)
    folder = RunFolder(path)
    evil = "</script><script>alert(2)</script>\x1b[31m"
    folder.write(
        findings=[
            {"name": "generator wins", "epoch": 2, "text": "The <b>generator</b> wins.", "resolved": None},
            {"name": "dead", "epoch": 1, "text": "Dimensions are dead.", "resolved": 2},
        ],
        dataset=folder.read()["dataset"] | {"name": evil},
        commands=[f"python train_vae.py --dataset '{evil}'", "'\udce9'"],  # as Python reads a name that is not UTF-8
    )
    shutil.copy(folder.figures / "losses.png", folder.figures / "my <b>picture.png")
    folder.write(settings=folder.read()["settings"] | {"training": {"learning_rate_schedule": "cosine"}})
    folder.write_scores({"kid": {"value": 0.0123456, "error": 0.001}, "images": 500})
    page = load_run(path).report().read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "<b>generator" not in page
    text = texts(path / "report.html")
    assert "The <b>generator</b> wins. (from epoch 2)" in text
    assert text.index("Resolved findings: 1") < text.index("Dimensions are dead. (from epoch 1 to 2)")
    assert evil.replace("\x1b", "\\x1b") in text
    assert "'?'" in text
    assert "kid.value\n0.012346" in text
    assert text.index("What it was trained on") < text.index("More pictures") < text.index("figures/my <b>picture.png")
    assert "--resume" not in text  # with more epochs a learning rate that has fallen would rise again
    assert 'clip_norm = "none"' in text
    assert "images\n500" in text


def test_a_failed_run_has_its_report_too(command_runs, tmp_path):
    record = load_run(command_runs["vae"]).record | {"status": "failed", "commands": ["python train_vae.py"]}
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes", facts=record)
    text = texts(load_run(folder.path).report())
    assert "0 of 2 epochs: it failed." in text
    assert text.count("python ") == 1  # what made it; there is nothing yet to go on from, or to draw with


def test_a_finished_run_whose_checkpoint_is_gone_names_it(command_runs, tmp_path):
    """Its report has no command that continues it."""
    path = shutil.copytree(command_runs["vae"], tmp_path / "run")
    newest = max((path / "checkpoints").iterdir())
    shutil.rmtree(path / "checkpoints")
    said = []
    assert "--resume" not in texts(load_run(path).report(say=said.append))
    assert said == [f"Left out: {newest}, missing"]


@pytest.mark.parametrize("name", ["metrics.json", "metrics.csv", "explorer.html"])
def test_files_that_are_gone_are_named(command_runs, tmp_path, name):
    run = load_run(shutil.copytree(command_runs["vae"], tmp_path / "run"))
    run.folder.write_text("explorer.html", "a page")
    run.folder.write_scores({"models": "last"})
    run.folder.write_table("metrics.csv", [{"epoch": 1, "kid": 0.5}])
    said = []
    for present in (True, False):
        said.clear()
        if not present:
            (run.folder.path / name).unlink()
        if not present and name.endswith(".html"):
            (run.folder.path / name).mkdir()  # a folder is no page
        run.report(say=said.append)
        assert said == ([] if present else [f"Left out: {run.folder.path / name}, missing"])


@pytest.mark.parametrize("state", ["own", "damaged", "foreign"])
def test_a_report_leads_to_an_explorer_that_was_made_after_it(command_runs, tmp_path, monkeypatch, state):
    folder = RunFolder(shutil.copytree(command_runs["vae"], tmp_path / "run"))
    report = folder.path / "report.html"
    before = report.read_text(encoding="utf-8") + "x" * (state == "damaged")
    if state == "foreign":
        before = "my notes\r\n"
        sums = folder.path / "checksums.txt"
        lines = sums.read_text("utf-8").splitlines(keepends=True)
        sums.write_text("".join(line for line in lines if "report.html" not in line), "utf-8")
    report.write_bytes(before.encode())
    monkeypatch.setattr(run_explorer, "_explorer_of_vae", lambda *arguments: None)
    monkeypatch.setattr(run_explorer, "explorer_page", lambda explorer: "a page")
    for out in (tmp_path / "elsewhere.html", None, None):
        load_run(folder.path).explore(out)
        link = '<a href="explorer.html">explorer</a>\n' if out is None and state == "own" else ""
        assert report.read_bytes().decode() == before.replace('<a href="#recipe">', f'{link}<a href="#recipe">')
    assert state == "damaged" or folder.checked(report)
    assert ("report.html" in (folder.path / "checksums.txt").read_text("utf-8")) == (state != "foreign")


def test_the_grids_play_by_mouse_and_by_keyboard_and_pictures_open_large(command_runs, page):
    page.goto((command_runs["dcgan"] / "report.html").absolute().as_uri())
    slider = page.get_by_role("slider", name="epoch", exact=False).first
    last = page.get_attribute("#grid", "src")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "1"
    assert page.get_attribute("#grid", "src") != last
    page.keyboard.press(" ")  # plays
    page.wait_for_function("last => document.getElementById('grid').src === last", arg=last)
    page.get_by_role("button", name="Play").click()
    assert page.get_attribute("#grid", "src") != last
    pictures = page.locator(".gallery img")
    assert pictures.count() == page.locator("button.large").count() > 0
    page.locator("button.large").first.click()
    assert page.get_attribute("#large img", "src") == pictures.first.get_attribute("src")
    page.keyboard.press("Escape")
    assert page.locator("#large").is_hidden()
    play, grid = page.get_by_role("button", name="Play"), page.locator("#grid")
    assert play.bounding_box()["y"] < grid.bounding_box()["y"]  # a laptop shows it at once
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")


def test_the_band_of_a_score_reaches_two_standard_errors_to_each_side():
    (chart,) = score_charts([{"epoch": 1, "kid": 0.5, "kid_standard_error": 0.25, "kid_floor": 0.125}])
    assert [series["points"] for series in chart["series"]] == [[[1, value]] for value in (0.5, 1.0, 0.0, 0.125)]
    assert [title_of(name) for name in ("kid", "validation_kl", "fid")] == ["KID", "Validation kl", "FID"]


def test_charts_show_the_values_at_the_pointer_and_by_keyboard(command_runs, page):
    run = load_run(command_runs["vae"])
    page.goto((command_runs["vae"] / "report.html").absolute().as_uri())
    keys, chart = page.locator("#losses .keys").first, page.locator("#losses .chart > svg").first
    first, last = (f"{row['held_out_loss']:.4g}" for row in run.history)
    assert last in keys.text_content()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    assert first in keys.text_content()
    page.mouse.move(box["x"], box["y"] - 30)
    assert last in keys.text_content()
    chart.focus()
    page.keyboard.press("ArrowLeft")
    assert first in chart.get_attribute("aria-valuetext")


NAME = "agreement.kid_by_class.generated_of_class_0.standard_error"


@pytest.fixture(scope="module")
def measured_report(command_runs, tmp_path_factory):
    """The report of a run with forty scores, some with names longer than a phone is wide."""
    run = load_run(shutil.copytree(command_runs["vae3"], tmp_path_factory.mktemp("measured") / "run"))
    run.folder.write_scores({NAME.replace("0", str(number)): 0.5 for number in range(40)} | {"models": "last"})
    return run.report()


@pytest.mark.parametrize("width", [360, 768, 1440, 2560])
def test_nothing_overlaps_at_any_width(measured_report, page, overlaps, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(measured_report.absolute().as_uri())
    page.wait_for_selector("#losses svg text")
    page.get_by_text("17 more").click()
    assert page.get_by_text(NAME.replace("0", "39")).is_visible()
    assert overlaps(page) == []


def test_a_run_that_trains_says_so_refreshes_and_is_not_alive_for_ever(command_runs, page, tmp_path):
    path = shutil.copytree(command_runs["vae"], tmp_path / "run")
    RunFolder(path).write(status="running", settings={"training": {"epochs": 50}})
    run = load_run(path)
    page.clock.install()
    page.goto(run.report_progress("3 min", next_seconds=20).absolute().as_uri())
    assert "training, epoch 3 of 50, 3 min left. Written 20" in page.text_content("#state")
    page.evaluate("window.before = true")
    page.clock.run_for(12_000)  # it loads itself again
    page.wait_for_function("() => window.before === undefined")
    for _ in range(20):
        page.clock.run_for(10_000)
        page.wait_for_load_state()
    assert "It has not been written since" in page.text_content("#state")
    page.evaluate("window.before = true")
    page.clock.run_for(60_000)
    assert page.evaluate("window.before")  # and rests


def test_the_glossary_of_the_page_is_that_of_the_documentation():
    pages = Path(__file__).parents[2] / "docs" / "glossary.md"
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", pages.read_text(encoding="utf-8"), re.MULTILINE))
    assert {name: rows.get(name) for name in GLOSSARY} == GLOSSARY

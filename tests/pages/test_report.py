import html
import json
import re
import shutil

import pytest

from keras_gen import RunFolder
from keras_gen.cli.main import main
from keras_gen.cli.report import write_report


def texts(path):
    """Return a page's text as a reader sees it."""
    page = re.sub(r"<(style|script).*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s*\n\s*", "\n", re.sub(r"<[^>]+>", "\n", page)))


@pytest.mark.parametrize("kind", ["vae", "vae3", "dcgan"])
def test_every_run_ends_with_a_report_of_settings_losses_pictures_and_commands(command_runs, kind):
    folder = RunFolder(command_runs[kind])
    page = (folder.path / "report.html").read_text(encoding="utf-8")
    text = texts(folder.path / "report.html")
    assert "72 images of" in text
    assert "for 2 of 2 epochs: it finished." in text
    assert "--batch-size\n24" in text
    last = (folder.path / "history.csv").read_text().splitlines()[-1].split(",")
    assert all(f"{float(value):.5g}" in text for value in last)
    assert "Losses after epoch 2, in nats" in text
    assert folder.read()["dataset"]["train"]["fingerprint"] in text
    made, resume = re.findall(r"python train_\S+ [^\n]+", text)
    assert "--epochs 2 --batch-size 24" in made
    assert resume == f"python train_{kind.rstrip('3')}.py --resume {folder.path} --epochs 4"
    headings = {"vae": ["Latent space"], "vae3": ["Latent space"], "dcgan": []}[kind]
    for heading in ["The same latent points after each epoch", "Losses", *headings, "What it was trained on"]:
        assert f"<h2>{heading}</h2>" in page
    grids = json.loads(re.search(r'id="grids">(.*?)</script>', page, re.DOTALL).group(1))
    assert [grid["epoch"] for grid in grids] == [1, 2]
    assert grids[0]["source"] != grids[1]["source"]
    assert not re.findall(r"""(?:src|href|url\()=?["']?(?!data:)(?:https?:|//|/|\w+\.)""", page)


def test_names_of_the_user_s_are_text_and_findings_and_metrics_are_shown(command_runs, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>&co"
    shutil.copytree(command_runs["vae"], path)
    folder = RunFolder(path)
    facts = folder.read()
    evil = "</script><script>alert(2)</script>"
    no_text = "'\udce9'"  # as Python reads a file's name that is not UTF-8
    folder.write(
        findings=[{"ailment": "generator wins", "epoch": 2, "text": "The <b>generator</b> wins."}],
        dataset=facts["dataset"] | {"name": evil},
        commands=[f"python train_vae.py --dataset '{evil}'", no_text],
    )
    (path / "metrics.json").write_text(json.dumps({"kid": {"value": 0.0123456, "error": 0.001}, "images": 500}))
    page = write_report(folder).read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "<b>generator" not in page
    text = texts(path / "report.html")
    assert "The <b>generator</b> wins." in text
    assert evil in text
    assert "'?'" in text
    assert "kid.value\n0.012346" in text
    assert "images\n500" in text


def test_an_interrupted_run_and_a_failed_one_have_their_reports_too(command_runs, tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    folder.write(**RunFolder(command_runs["vae"]).read() | {"status": "failed"})
    text = texts(write_report(folder))
    assert "for 0 of 2 epochs: it failed." in text
    assert text.count("python ") == 1  # what made it; there is nothing yet to go on from, or to draw with
    assert main(["report", str(folder.path), "--out", str(tmp_path / "page.html")]) == 0
    assert texts(tmp_path / "page.html") == text


def test_the_slider_shows_the_grid_of_each_epoch_and_nothing_leaves_the_page(command_runs, browser):
    page = browser.new_page()
    problems = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    page.goto((command_runs["dcgan"] / "report.html").absolute().as_uri())
    last = page.get_attribute("#grid", "src")
    page.locator("#slider").fill("0")
    assert page.text_content("#epoch") == "1"
    assert page.get_attribute("#grid", "src") != last
    assert page.get_attribute("#slider", "aria-valuetext") == "epoch 1"
    page.locator("#slider").fill("1")
    assert page.get_attribute("#grid", "src") == last
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert problems == []
    page.close()

import html
import json
import re
import shutil

import pytest

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
    assert "for 2 of 2 epochs: it finished." in text
    assert "training.batch_size\n24" in text
    assert all(f"{value:.5g}" in text for value in run.history[-1].values())
    assert "Losses after epoch 2, in nats" in text
    assert run.record["dataset"]["train"]["fingerprint"] in text
    *_, resume = re.findall(r"python train_\S+ [^\n]+", text)
    assert resume == f"python train_{run.kind}.py --resume {run.folder.path} --epochs 4"
    headings = {"vae": ["Latent space"], "vae3": ["Latent space"], "dcgan": []}[kind]
    for heading in ["Images in the course of training", "Losses", *headings, "What it was trained on"]:
        assert f"<h2>{heading}</h2>" in page
    grids = json.loads(re.search(r'id="grids">(.*?)</script>', page, re.DOTALL).group(1))
    assert [grid["epoch"] for grid in grids] == [1, 2]
    assert grids[0]["source"] != grids[1]["source"]
    assert not re.findall(r"""(?:src|href|url\()=?["']?(?!data:)(?:https?:|//|/|\w+\.)""", page)


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
    assert "\nnone\n" in text and "\nNone\n" not in text
    assert "images\n500" in text


def test_a_failed_run_has_its_report_too(command_runs, tmp_path):
    record = load_run(command_runs["vae"]).record | {"status": "failed", "commands": ["python train_vae.py"]}
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes", facts=record)
    text = texts(load_run(folder.path).report())
    assert "for 0 of 2 epochs: it failed." in text
    assert text.count("python ") == 1  # what made it; there is nothing yet to go on from, or to draw with


def test_a_finished_run_whose_checkpoint_is_gone_names_it(command_runs, tmp_path):
    """Its report has no command that continues it."""
    path = shutil.copytree(command_runs["vae"], tmp_path / "run")
    newest = max((path / "checkpoints").iterdir())
    shutil.rmtree(path / "checkpoints")
    said = []
    assert "--resume" not in texts(load_run(path).report(say=said.append))
    assert said == [f"Left out: {newest}, missing"]


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
    assert page.locator(".pictures img").count() == page.locator(".pictures button").count() > 1
    page.locator(".pictures button").first.click()
    assert page.get_attribute("#large img", "src") == page.locator(".pictures img").first.get_attribute("src")
    page.locator("#large").click()
    assert page.locator("#large").is_hidden()
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert problems == []
    page.close()

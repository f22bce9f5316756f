"""What README and docs promise: their commands parse, their snippets run, their links and pictures are there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_gen.cli import benchmark, evaluate, explore, film, generate, latent, minimal, report
from keras_gen.cli.flags import replace_old_flags
from keras_gen.cli.main import COMMANDS
from keras_gen.cli.train import train_command, train_parser

PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]
PARSERS = {
    module.__name__.split(".")[-1]: module.parser
    for module in (generate, latent, film, explore, report, evaluate, minimal, benchmark)
}


def commands():
    """Every command of ours in any page, as lists of words."""
    for page in PAGES:
        if page.name == "errors.md":  # its commands are mistakes; test_errors.py runs them
            continue
        for line in re.findall(r"python (?:train_|-m keras_gen )[^`\n]*", page.read_text(encoding="utf-8")):
            yield shlex.split(line.split("&&")[0])[1:]


def test_every_command_in_the_docs_parses():
    found = list(commands())
    assert len(found) > 15
    for script, *arguments in found:
        if script == "-m":
            command, *arguments = arguments[1:]
            if command == "COMMAND":
                continue
            assert command in COMMANDS
            if "--help" not in arguments:
                PARSERS[command]().parse_args(arguments)
        else:
            kind = re.fullmatch(r"train_(vae|dcgan)\.py", script).group(1)
            train_parser(kind).parse_args(replace_old_flags(kind, arguments)[0])


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_and_pictures_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text):
        assert (page.parent / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]*)\)", text):
        headings = re.findall(
            r"^#+ (.*)$", (page.parent / target if target else page).read_text(encoding="utf-8"), re.M
        )
        assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_nothing_is_left_to_fill_in(page):
    environment = r"KERAS_GEN_TEST_DATA|KERAS_|TF_CONFIG|OMP_NUM_THREADS"
    text = re.sub(environment, "", page.read_text(encoding="utf-8"))
    assert not re.findall(r"\b(TODO|FIXME|[A-Z]+_[A-Z]+_?[A-Z]*)\b", text)


def test_the_readme_s_python_runs():
    (snippet,) = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(snippet, "README.md", "exec"), names)
    assert names["images"].shape == (16, 28, 28, 1)
    assert names["run"].history[-1]["held_out_loss"] < 200


def test_the_cookbook_s_python_runs(tmp_path, monkeypatch):
    snippets = re.findall(r"```python\n(.*?)```", Path("docs/cookbook.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) == 4
    monkeypatch.chdir(tmp_path)
    small = ["--generator-filters", "4", "--generator-base-filters", "4", "--discriminator-filters", "4"]
    assert train_command("vae", ["--epochs", "3"]) == 0
    assert train_command("dcgan", ["--epochs", "1", *small]) == 0
    Image.fromarray(np.full((40, 50, 3), 99, np.uint8)).save("photo.png")
    names = {}
    for snippet in snippets:
        exec(compile(snippet, "cookbook.md", "exec"), names)
    assert names["images"].shape == (16, 28, 28, 1)
    assert (names["codes"].shape, names["mine"].shape) == ((1000, 2), (1, 2))
    assert names["error"][names["worst"]].min() >= np.median(names["error"])
    assert names["changed"].shape == (36, 28, 28, 1)
    for name in ("walk.png", "walk.gif", "concept.png", "seeds.png"):
        assert Path(name).stat().st_size > 300


def test_the_course_s_step_by_hand_gives_the_numbers_beside_it(capsys):
    (snippet,) = re.findall(r"```python\n(.*?)```", Path("docs/minimal.md").read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(snippet, "minimal.md", "exec"), names)
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", capsys.readouterr().out)]
    promised = re.findall(r"^print.*# (.*)$", snippet, re.M)
    promised = [float(number) for line in promised for number in line.split()]
    assert numbers == pytest.approx(promised, abs=5e-5)
    assert float(names["a"]) == pytest.approx(1.7856, abs=5e-5)
    assert float(names["D"]) == pytest.approx(0.8564, abs=5e-5)


def test_the_architecture_names_every_module():
    """Room by room, for two rooms may have a module of the same name."""
    named, room = set(), ""
    lines = Path("docs/architecture.md").read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith("    tests/"))
    for line in lines[lines.index("    keras_gen/") + 1 : end]:
        if line.startswith("      ") and line[6] != " ":
            room = re.match(r" {6}(\w+/)?", line)[1] or ""
        named |= {room + name for name in re.findall(r"\b\w+\.py\b", line)}
    modules = (path.relative_to("keras_gen") for path in Path("keras_gen").rglob("*.py"))
    assert named == {path.as_posix() for path in modules if not path.name.startswith("_")}


def test_ci_runs_the_readme_s_test_command():
    (command,) = re.findall(r"^(python -m venv .*pytest)$", Path("README.md").read_text(encoding="utf-8"), re.M)
    assert "requirements-dev.txt" in command
    assert "-r requirements.txt" in Path("requirements-dev.txt").read_text(encoding="utf-8")

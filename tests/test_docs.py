"""What README and docs promise: their commands parse, their snippets run, their links and pictures are there."""

import importlib
import pkgutil
import re
import shlex
import textwrap
from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_gen
from keras_gen.cli import (
    benchmark,
    collection,
    compare,
    evaluate,
    explore,
    export,
    film,
    generate,
    latent,
    minimal,
    report,
)
from keras_gen.cli.flags import replace_old_flags, train_parser
from keras_gen.cli.main import COMMANDS
from keras_gen.cli.train import train_command
from keras_gen.data import load_dataset, loading
from keras_gen.settings import parse_sets, recipes, resolve_settings

README, ARCHITECTURE = Path("README.md"), Path("docs/architecture.md")
PAGES = [README, *sorted(Path("docs").glob("*.md"))]
PARSERS = {
    module.__name__.split(".")[-1]: module.parser
    for module in (generate, latent, film, explore, report, evaluate, compare, collection, export, minimal, benchmark)
}
MADE_BY_THE_READER = ("mine.toml",)


def text_of(page):
    return Path(page).read_text(encoding="utf-8")


def snippets(page, language="python"):
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text_of(page), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in blocks]


def commands():
    """Every command of ours in any page, as lists of words."""
    for page in PAGES:
        if page.name == "errors.md":  # its commands are mistakes; test_errors.py runs them
            continue
        for line in re.findall(r"(?:python (?:train_|-m keras_gen )|keras-gen )[^`\n]*", text_of(page)):
            line = line.replace("python -m keras_gen ", "keras-gen ").replace("keras-gen train-", "python train_")
            words = shlex.split(re.split(r"&&|;", line)[0])
            yield words if words[0] == "keras-gen" else [words[1].removesuffix(".py"), *words[2:]]


def test_every_command_in_the_docs_parses():
    found = list(commands())
    assert len(found) > 60
    for program, *arguments in found:
        if program == "keras-gen":
            command, *arguments = arguments
            if command == "COMMAND":
                continue
            assert command in COMMANDS
            if "--help" not in arguments:
                PARSERS[command]().parse_args(arguments)
        elif "--help" not in arguments and "--help-all" not in arguments:
            check_training_command(program.removeprefix("train_"), arguments)


def check_training_command(kind, arguments):
    """Parse a command, resolve its settings, and see that it uses no flag of an older version."""
    assert replace_old_flags(kind, arguments) == (arguments, [])
    options = vars(train_parser(kind).parse_args(arguments))
    overrides = parse_sets(kind, options["set"])
    for name, value in options.items():
        group, dot, field = name.partition(".")
        if dot:
            overrides.setdefault(group, {})[field] = value
    overrides |= overrides.pop("data", {})  # `data` is the name of an argument, too
    if options["recipe"] not in (None, *MADE_BY_THE_READER):
        overrides["recipe"] = options["recipe"]
    resolve_settings(kind, options["dataset"] or "mnist5k", **overrides)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_and_pictures_lead_somewhere(page):
    text = text_of(page)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text):
        assert target.startswith("https://") or (page.parent / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]*)\)", text):
        headings = re.findall(r"^#+ (.*)$", text_of(page.parent / target if target else page), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_nothing_is_left_to_fill_in(page):
    environment = r"KERAS_GEN_TEST_DATA|KERAS_GEN_CACHE_GB|KERAS_|TF_CONFIG|TF_CPP_MIN_LOG_LEVEL|OMP_NUM_THREADS"
    text = re.sub(environment, "", text_of(page))
    assert not re.findall(r"\b(TODO|FIXME|[A-Z]+_[A-Z]+_?[A-Z]*)\b", text.replace("PUBLIC_DATASETS", ""))


def test_the_readme_is_short():
    lines = text_of(README).splitlines()
    assert len(lines) <= 120
    assert len(text_of(README).split()) <= 1200
    assert max(map(len, lines)) <= 120


def test_the_chinese_readme_says_the_same():
    """Its commands, snippets, outputs, pictures, links and numbers are those of the README."""
    chinese, english = text_of(Path("docs/README.zh-CN.md")), text_of(README)
    english = english.replace(" [中文说明](docs/README.zh-CN.md)", "")
    for pattern in (r"^```.*?^```", r"`[^`\n]+`", r"!\[[^]]*\]\(([^)]*)\)"):
        expected, found = (re.findall(pattern, text, re.M | re.S) for text in (english, chinese))
        assert sorted(found) == sorted(name.removeprefix("docs/") for name in expected)
    links = [set(re.findall(r"\]\(([^)]*)\)", text)) for text in (english, chinese)]
    assert {link.removeprefix("docs/") for link in links[0]} == links[1]
    rows = [re.findall(r"^(#+|\|) ", text, re.M) for text in (english, chinese)]
    assert rows[0] == rows[1]  # headings and rows of tables, in the same order


def test_every_page_is_named_in_the_readme():
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= set(re.findall(r"\]\((docs/[\w.-]+\.md)\)", text_of(README)))


def run_snippets(page, names):
    for snippet in snippets(page):
        exec(compile(snippet, str(page), "exec"), names)
    return names


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, no_xla, no_pictures):
    """Paths of the pages. The working directory is a temporary folder, mnist5k has few images and the chapter's
    recipe, whose networks are small, and nothing is drawn.
    """
    monkeypatch.setattr(recipes, "default_recipe", lambda kind, dataset: ("chapter", "it is small"))
    train, held_out = load_dataset("mnist5k")
    monkeypatch.setattr(loading, "_mnist5k", lambda: (train[::10].with_source(None), held_out.with_source(None)))
    pages = {page.name: page.absolute() for page in PAGES}
    monkeypatch.chdir(tmp_path)
    return pages


def test_the_readme_s_python_runs(elsewhere):
    names = run_snippets(elsewhere["README.md"], {})
    assert names["images"].shape == (16, 28, 28, 1)
    assert len(names["run"].history) == 5
    assert not list(Path().iterdir())


def test_the_page_on_python_runs(elsewhere, capsys):
    names = run_snippets(elsewhere["python.md"], {})
    printed = capsys.readouterr().out
    for promised in ("<VAERun of mnist5k, 2 epochs in runs/digits>", "(200, 16, 16, 1) uint8"):
        assert promised in printed
    assert len(names["watcher"].kl) == 3
    assert len(Path("losses.csv").read_text(encoding="utf-8").splitlines()) == 4
    small = keras_gen.load_run("runs/noise")
    assert (len(small.datasets()[0]), small.class_names) == (180, ("dark", "bright"))
    assert keras_gen.load_run("runs/digits").epoch == 3


def test_the_cookbook_s_python_runs(elsewhere, monkeypatch):
    monkeypatch.setattr(keras_gen.Run, "project", partialmethod(keras_gen.Run.project, starts=1, steps=3))
    small = ["--batch-size", "200"]
    small += [f"--set={group}.{name}=4" for group, name in (("generator", "filters"), ("discriminator", "filters"))]
    assert train_command("vae", ["--epochs", "1", "--set=encoder.intermediate_dim=8"]) == 0
    assert train_command("dcgan", ["--epochs", "1", "--set", "generator.base_filters=4", *small]) == 0
    Image.fromarray(np.arange(0, 200, 4, dtype=np.uint8)[:, np.newaxis].repeat(40, axis=1)).save("photo.png")
    names = run_snippets(elsewhere["cookbook.md"], {})
    assert names["images"].shape == (16, 28, 28, 1)
    assert (names["codes"].shape, names["mine"].shape) == ((1000, 2), (1, 2))
    assert names["error"][names["worst"]].min() >= np.median(names["error"])
    assert names["changed"].shape == (36, 28, 28, 1)
    for name in ("walk.png", "walk.gif", "concept.png", "seeds.png", "directions.png"):
        assert Path(name).stat().st_size > 300
    run_snippets(elsewhere["runs.md"], names)
    assert names["images"].shape == (1, 28, 28, 1)


def test_the_recipes_in_the_docs_are_recipes(elsewhere, capsys):
    whole, part = snippets(elsewhere["settings.md"], "toml")
    Path("mine.toml").write_text(whole, encoding="utf-8")
    few = keras_gen.ImageSet(np.zeros((5, 32, 32, 3), np.uint8), name="photos")
    settings = resolve_settings("dcgan", few, "mine.toml")
    assert (settings.training.batch_size, settings.discriminator.filters) == (32, 32)
    assert settings.training.augment == "color,translation,cutout"
    Path("part.toml").write_text(part, encoding="utf-8")
    assert resolve_settings("vae", "mnist", "part.toml", latent_dim=3).encoder.activation == "silu"
    assert resolve_settings("vae", "mnist", "part.toml").encoder.activation == "relu"
    run_snippets(elsewhere["settings.md"], {})
    assert capsys.readouterr().out == "64 4 30\n"


def test_the_course_s_step_by_hand_gives_the_numbers_beside_it(capsys):
    (snippet,) = snippets("docs/minimal.md")
    names = {}
    exec(compile(snippet, "minimal.md", "exec"), names)
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", capsys.readouterr().out)]
    promised = re.findall(r"^print.*# (.*)$", snippet, re.M)
    promised = [float(number) for line in promised for number in line.split()]
    assert numbers == pytest.approx(promised, abs=5e-5)
    assert float(names["a"]) == pytest.approx(1.7856, abs=5e-5)
    assert float(names["D"]) == pytest.approx(0.8564, abs=5e-5)


def test_the_architecture_has_a_row_for_each_package():
    packages = {module.name for module in pkgutil.iter_modules(keras_gen.__path__) if module.ispkg}
    section = text_of(ARCHITECTURE).split("## Packages")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == packages


def test_what_the_architecture_names_exists():
    text, modules = text_of(ARCHITECTURE), {module.name for module in pkgutil.iter_modules(keras_gen.__path__)}
    names = [name for name in re.findall(r"`(\w+(?:\.\w+)+)`", text) if name.split(".")[0] in modules]
    assert len(names) > 40
    for name in names:
        assert found("keras_gen." + name), name
    for path in re.findall(r"`((?:keras_gen|tests|docs)/[\w/.]*)`", text) + re.findall(r"`(\w+\.py)`", text):
        assert Path(path).exists(), path
    for name in re.findall(r"`Run\.(\w+)`", text):
        assert hasattr(keras_gen.Run, name) or hasattr(keras_gen.VAERun, name), name


def found(name):
    """Whether a dotted name is a module, or something that is in one."""
    parent, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
        return True
    except ModuleNotFoundError:
        pass
    try:
        return hasattr(importlib.import_module(parent), last)
    except ModuleNotFoundError:
        module, _, owner = parent.rpartition(".")
        return hasattr(getattr(importlib.import_module(module), owner, None), last)


def test_every_setting_that_the_docs_name_exists():
    groups = [resolve_settings(kind).as_dict() for kind in ("vae", "dcgan")]
    names = (
        r"`(?:--set )?(data|training|encoder|decoder|generator|discriminator)\.(?!png|gif|npz|keras)(\w+)(?:=[^`]*)?`"
    )
    for page in PAGES:
        for group, name in re.findall(names, text_of(page)):
            known = any(name in settings.get(group, {}) for settings in groups)
            assert known or found(f"keras_gen.{group}.{name}"), f"{page}: {group}.{name}"


def test_ci_runs_the_readme_s_test_command():
    (command,) = re.findall(r"^(python -m venv .*pytest)$", text_of(README), re.M)
    assert "requirements-dev.txt" in command
    assert "-r requirements.txt" in text_of("requirements-dev.txt")

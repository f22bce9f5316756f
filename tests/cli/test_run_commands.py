"""The commands that look into a run: what they print, which files they take and make, and what they refuse."""

import shlex
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.cli import latent
from keras_gen.cli.evaluate import SCORES, _class_line, score_lines
from keras_gen.cli.main import main
from keras_gen.evaluation import features
from keras_gen.run import RunFolder, load_run


def printed(capsys, *arguments):
    """Run a command that succeeds, and return its lines."""
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_each_command_says_which_models_it_used_and_where_its_files_are(
    command_runs, capsys, monkeypatch, tmp_path, no_xla
):
    monkeypatch.setattr(features, "STEPS", 3)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = shutil.copytree(command_runs["vae3"], tmp_path / "run")
    figures = path / "figures"
    models, dead, *files = printed(capsys, "latent", path, "traverse", "--rows", 2, "--npy", tmp_path / "images.npy")
    assert models == "Models  epoch 2"
    assert dead.startswith("Dead dimensions (below 0.01 nats): ")
    expected = [figures / "traversal-rows-2.png", figures / "traversal-rows-2.gif", tmp_path / "images.npy"]
    assert files == [str(file) for file in expected]
    assert np.load(tmp_path / "images.npy").shape == (18, 16, 16, 1)
    models, page = printed(capsys, "explore", path, "--dimensions", "2,0")
    assert models == "Models  epoch 2"
    assert page.startswith(f"Open in a browser: {path / 'explorer.html'} (")
    assert printed(capsys, "report", path) == [f"Open in a browser: {path / 'report.html'}"]
    assert printed(capsys, "film", path, "--frames", 1)[0] == str(figures / "film.gif")
    lines = printed(capsys, "evaluate", path, "--importance-samples", 2, "--samples", 1, "--seed", 3)
    assert lines[0] == "Models  epoch 2"
    assert lines[1].startswith("Measuring on 8 held-out images; many take minutes")
    scores = load_run(path).folder.read_scores()
    bounds, priors = scores["likelihood"], scores["priors"]
    assert (bounds["samples"], bounds["importance_samples"], scores["seed"]) == (1, 2, 3)
    names = {"normal": "N(0, I)", "mixture": "the mixture prior", "reconstructions": "reconstructions"}
    (line,) = (line for line in lines if line.startswith("KID by prior  "))
    assert all(
        f"{priors[name]['value']:.4f} ± {priors[name]['standard_error']:.4f} {text}" in line
        for name, text in names.items()
    )
    assert "  active latent dimensions    " in "\n".join(lines)
    assert lines[-3:] == [
        f"Numbers: {path / 'metrics.json'}; of single images: {path / 'scores.npz'}",
        f"The generated images nearest to training images, with these: {figures / 'nearest.png'}",
        f"All of it on one page: {path / 'report.html'}",
    ]


def test_the_table_of_scores_has_generated_images_first_and_the_floor_beside_them():
    generated, floor = (dict.fromkeys(SCORES, value) for value in (0.25, 0.5))
    images = {"count": 100, "features": "own", "generated": generated, "floor": floor}
    dropped = {"train": 2, "held_out": 0, "both": 0, "generated": 1}
    lines = list(score_lines({"images": images, "memorising": {}, "dropped": dropped}, 2, ()))
    assert ["FID", "0.2500", "0.5000"] in [line.split() for line in lines]
    assert lines[-1] == (
        "Repeated images  2 training images are there more than once; 1 generated images equal an earlier one"
    )
    assert not any("these scores say little" in line for line in lines)


def test_classes_that_are_missing_or_too_rare_to_tell_are_not_counted():
    classes = {"shares": {0: 0.6, 1: 0.4, 2: 0.0, 3: 0.0}, "missing": [2], "undetermined": [3], "accuracy": 0.9}
    line = _class_line(classes, ())
    assert line.startswith("Classes  2 of 4 among the generated images; missing: 2; too few images to tell: 3 (")
    classes |= {"shares": {0: 0.6, 1: 0.1, 2: 0.3}, "missing": [], "undetermined": []}
    line = _class_line(classes, ("cat", "dog", "cow"))
    assert line.startswith("Classes  3 of 3 among the generated images; the rarest, dog, is 10.0% of them (")


def test_project_prints_errors_and_keeps_the_points_beside_the_picture(command_runs, capsys, tmp_path):
    run, out = load_run(command_runs["vae"]), tmp_path / "found.png"
    _, held_out = run.datasets()
    np.save(tmp_path / "mine.npy", held_out.images[2:4])
    images, files = (tmp_path / "mine.npy", "1"), (out, "--npy", tmp_path / "points.npy")
    lines = printed(capsys, "latent", "project", run.folder.path, *images, "--out", *files)
    errors = run.project([2, 3, 1]).errors
    assert lines[1] == f"Error   {errors[0]:.5f}  {tmp_path / 'mine.npy'}[0]"
    assert lines[3] == f"Error   {errors[2]:.5f}  held-out image 1"
    assert lines[-3:] == [str(out), str(tmp_path / "found.npy"), str(tmp_path / "points.npy")]
    for name in ("found.npy", "points.npy"):
        np.testing.assert_array_equal(np.load(tmp_path / name), run.encode(held_out.images[[2, 3, 1]]))


@pytest.mark.parametrize(
    ("words", "conditional", "flags"),
    [
        ("'a car.png'", False, ""),
        ("'a car.png' --best --data-dir 'my data'", False, " --best --data-dir 'my data'"),
        ("'a car.png' --label 7 --dataset cars", True, " --label 7 --dataset cars"),
        ("5", True, ""),
        ("'a car.png'", True, None),  # its label is not known
        ("cars.npy", False, None),  # may hold more than one
        (".", False, None),
    ],
)
def test_project_names_the_commands_that_move_what_it_found(words, conditional, flags):
    options = latent.parser().parse_args(["project", "my runs/a", *shlex.split(words)])
    run = SimpleNamespace(encodes=False, conditional=conditional, folder=RunFolder("my runs/a"))
    *along, browser = latent._next_commands(options, run, 1)
    image = words.split(" --")[0]
    directions = f"python -m keras_gen latent 'my runs/a' directions --at {image}{flags}"
    assert along == ([] if flags is None else [f"To move it along directions: {directions}"])
    assert browser.endswith(f"open the .npy file in: python -m keras_gen explore 'my runs/a'{flags or ''}")
    for line in along:
        assert latent.parser().parse_args(shlex.split(line)[9:]).at == shlex.split(image)[0]


def test_images_that_have_moved_are_found_by_dataset_and_other_ones_are_refused(command_runs, capsys, tmp_path):
    run = load_run(shutil.copytree(command_runs["vae"], tmp_path / "run"))
    moved = shutil.copy(run.record["source"]["dataset"], tmp_path / "moved.npz")
    run.update(source=run.record["source"] | {"dataset": str(tmp_path / "gone.npz")})
    with np.load(moved) as arrays:
        np.savez(tmp_path / "other.npz", images=255 - arrays["images"], labels=arrays["labels"])
    scatter = ["latent", str(run.folder.path), "scatter", "--out", str(tmp_path / "map.png")]
    assert main(scatter) == 2
    assert "put them back, or say where they are with --dataset" in capsys.readouterr().err
    assert main([*scatter, "--dataset", str(tmp_path / "other.npz")]) == 2
    assert "their fingerprint differs" in capsys.readouterr().err
    assert main([*scatter, "--dataset", str(moved)]) == 0
    assert (tmp_path / "map.png").exists()


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("vae", "latent RUN interpolate --from 0", "--from and --to belong together; give both"),
        ("vae", "latent RUN traverse --steps 1", "--steps must be a whole number from 2 to 100; received 1"),
        ("vae", "latent RUN scatter --projection tsne", "--projection tsne is for more than two latent dimensions"),
        ("vae", "latent RUN concept --strength 3", "--strength must be two numbers, such as -2:2; received 3"),
        ("vae", "latent RUN concept --from 0 --to 0", "the images without the concept and those with it are the same"),
        ("vae", "latent RUN scatter --out map.jpg", "--out map.jpg must end in .png"),
        ("vae", "latent RUN interpolate --out walk.png --npy walk.gif", "--npy walk.gif is where the GIF goes"),
        ("dcgan", "latent RUN scatter", "has no view 'scatter'; its views are interpolate, concept, traverse"),
        ("vae", "latent RUN project 0 --out a.png --npy a.npy --steps 0", "--steps must be a whole number from 1"),
        ("dcgan", "latent project RUN 0 --refine", "always found by gradient descent; leave --refine out"),
        ("vae", "film RUN --frames 0", "--frames must be a whole number from 1 to 1000; received 0"),
        ("vae", "film RUN --out film.mov", "--out film.mov must end in .gif"),
        ("vae", "explore RUN --seeds 0,1,2", "--seeds are for a DCGAN; the plane of a VAE is two dimensions, "),
        ("vae", "explore RUN --dimensions 0", "--dimensions must be two below 2, such as 0,1; received 0"),
        ("dcgan", "explore RUN --seeds 1,2", "--seeds must be three, such as 0,1,2; received 1,2"),
        ("dcgan", "explore RUN --dimensions 0,1", "goes through three seeds, --seeds 0,1,2"),
        ("vae", "explore RUN --out page.txt", "--out page.txt must end in .html"),
        ("vae", "report RUN --out page.png", "--out page.png must end in .html"),
        ("vae", "evaluate RUN --importance-samples 9000", "--importance-samples must be a whole number from 1 to 5000"),
        ("vae", "evaluate RUN --best", "has no best models; only --evaluate-every or --patience saves them"),
    ],
)
def test_mistakes_get_one_line_that_names_the_flag(
    command_runs, capsys, monkeypatch, tmp_path, kind, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert main([str(command_runs[kind]) if part == "RUN" else part for part in arguments.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not list(tmp_path.iterdir())

"""Every view, on a real run: its files, and the right pixels in them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from keras_gen import load_run
from keras_gen.cli import views
from keras_gen.cli.main import main
from keras_gen.errors import InputError
from keras_gen.latent import interpolate, manifold_latents

CELL = (16 + 2) * 4  # an image of 16 pixels and its gap, each pixel four times as large


def look(run, view, tmp_path, *arguments):
    """Run a view and return its array and its picture's path."""
    npy, png = tmp_path / "array.npy", tmp_path / "picture.png"
    assert main(["latent", str(run), view, "--npy", str(npy), "--out", str(png), *map(str, arguments)]) == 0
    return np.load(npy), png


def cells(path, columns):
    """Return the images of a grid's picture, at their own size."""
    pixels = np.asarray(Image.open(path))
    rows = (pixels.shape[0] + 8) // CELL
    return [
        pixels[row * CELL : row * CELL + 64 : 4, column * CELL : column * CELL + 64 : 4]
        for row in range(rows)
        for column in range(columns)
    ]


def frames(path):
    with Image.open(path) as film:
        return film.n_frames, film.info["loop"]


@pytest.mark.parametrize(
    ("kind", "view", "files"),
    [
        ("vae", "scatter", ["latent_space.png"]),
        ("vae3", "scatter", ["latent_space.png"]),
        ("vae", "manifold", ["manifold.png"]),
        ("vae", "reconstruct", ["reconstructions.png"]),
        ("vae", "interpolate", ["interpolation-0-1.png", "interpolation-0-1.gif"]),
        ("vae", "concept", ["concept-0-to-1.png", "concept-0-to-1.gif"]),
        ("vae3", "traverse", ["traversal.png", "traversal.gif"]),
        ("dcgan", "interpolate", ["interpolation-seeds-0-1.png", "interpolation-seeds-0-1.gif"]),
        ("dcgan", "concept", ["numbered.png"]),
        ("dcgan", "traverse", ["traversal-of-seed-0.png", "traversal-of-seed-0.gif"]),
    ],
)
def test_each_view_has_defaults_and_writes_into_the_run_s_figures(command_runs, capsys, kind, view, files):
    for _ in range(2):  # a second time it is made anew
        assert main(["latent", str(command_runs[kind]), view]) == 0
    paths = [command_runs[kind] / "figures" / name for name in files]
    assert all(path.stat().st_size > 300 for path in paths)
    printed = capsys.readouterr().out
    assert all(str(path) in printed for path in paths)


def test_scatter_keeps_the_codes_of_the_held_out_images(command_runs, tmp_path):
    run = load_run(command_runs["vae3"])
    _, held_out = run.datasets()
    codes, _ = look(run.folder.path, "scatter", tmp_path)
    np.testing.assert_array_equal(codes, run.encode(held_out.images))


def test_tsne_places_at_most_as_many_as_asked_for(command_runs, tmp_path):
    codes, path = look(command_runs["vae3"], "scatter", tmp_path, "--projection", "tsne", "--count", "6")
    assert codes.shape == (6, 3)
    assert path.exists()


def test_a_manifold_of_any_two_dimensions(command_runs, tmp_path):
    images, _ = look(command_runs["vae3"], "manifold", tmp_path, "--dimensions", "2,0", "--side", "4")
    np.testing.assert_array_equal(images, load_run(command_runs["vae3"]).decode(manifold_latents(4, 3, (2, 0))))


def test_reconstructions_stand_below_their_originals(command_runs, tmp_path):
    run = load_run(command_runs["vae"])
    _, held_out = run.datasets()
    wanted = [3, 1, 0]
    rebuilt, path = look(run.folder.path, "reconstruct", tmp_path, "--images", "3,1,0")
    np.testing.assert_array_equal(rebuilt, run.decode(run.encode(held_out.images[wanted])))
    np.testing.assert_array_equal(cells(path, 3), np.concatenate([held_out.images[wanted], rebuilt])[..., 0])


def test_a_walk_leads_from_an_image_of_the_data_set_to_a_file_of_the_user_s(command_runs, tmp_path):
    run = load_run(command_runs["vae"])
    _, held_out = run.datasets()
    mine = np.kron(held_out.images[5, ..., 0], np.ones((3, 3), np.uint8))  # three times as large
    Image.fromarray(np.pad(mine, ((0, 0), (7, 7)))).convert("RGB").save(tmp_path / "mine.png")  # wide, and in colour
    strip, path = look(run.folder.path, "interpolate", tmp_path, "--from", 2, "--to", tmp_path / "mine.png")
    np.testing.assert_array_equal(strip[0], run.decode(run.encode(held_out.images[2:3]))[0])
    end = run.decode(run.encode(held_out.images[5:6]))[0]
    assert np.abs(strip[-1].astype(int) - end).mean() < 3  # the file was cropped and resized back
    np.testing.assert_array_equal(cells(path, 9), strip[..., 0])
    assert frames(path.with_suffix(".gif")) == (64, 0)  # 33 there, 31 back


@pytest.mark.parametrize(("arguments", "method"), [([], "spherical"), (["--method", "linear"], "linear")])
def test_a_walk_between_seeds_starts_and_ends_with_what_generate_gives(command_runs, tmp_path, arguments, method):
    run = load_run(command_runs["dcgan"])
    strip, _ = look(run.folder.path, "interpolate", tmp_path, "--seeds", "7,3", "--steps", 5, *arguments)
    np.testing.assert_array_equal(strip[[0, -1]], np.concatenate([run.generate(1, 7), run.generate(1, 3)]))
    start, end = run.draw_seeds([7, 3])
    np.testing.assert_array_equal(strip, run.decode(interpolate(start, end, 17, method)[::4]))


def test_a_concept_turns_the_mean_of_one_label_into_the_mean_of_another(command_runs, tmp_path):
    run = load_run(command_runs["vae"])
    train, _ = run.datasets()
    means = [run.encode(train.images[train.labels == label]).mean(axis=0) for label in (1, 0)]
    strip, _ = look(run.folder.path, "concept", tmp_path, "--from", 1, "--to", 0, "--steps", 3)
    wanted = run.decode(np.stack([means[0], np.mean(means, axis=0), means[1]]))
    assert np.abs(strip.astype(int) - wanted).max() <= 1


def test_a_concept_of_folders_is_added_to_an_image_with_strengths_and_sums(command_runs, tmp_path):
    run = load_run(command_runs["vae3"])
    train, held_out = run.datasets()
    for label in (0, 1):
        (tmp_path / f"label{label}").mkdir()
        for number, image in enumerate(train.images[train.labels == label]):
            Image.fromarray(image[..., 0]).save(tmp_path / f"label{label}" / f"{number}.png")
    means = [run.encode(train.images[train.labels == label]).mean(axis=0) for label in (0, 1)]
    folders = ["--from", tmp_path / "label0", "--to", tmp_path / "label1"]
    end = ["--apply", 4, "--strength=-2:2", "--steps", 5]
    once, _ = look(run.folder.path, "concept", tmp_path, *folders, *end)
    code = run.encode(held_out.images[4:5])[0]
    points = code + np.arange(-2, 3)[:, np.newaxis] * (means[1] - means[0])
    assert np.abs(once.astype(int) - run.decode(points)).max() <= 1
    for path in tmp_path.glob("*.*"):
        path.unlink()
    twice, _ = look(run.folder.path, "concept", tmp_path, *folders, "--from", 0, "--to", 1, *end)
    points = code + 2 * np.arange(-2, 3)[:, np.newaxis] * (means[1] - means[0])
    assert np.abs(twice.astype(int) - run.decode(points)).max() <= 1


def test_a_dcgan_s_concept_is_made_of_seeds_and_its_points_are_as_long_as_draws(command_runs, tmp_path, monkeypatch):
    run = load_run(command_runs["dcgan"])
    seen = []
    decode = type(run).decode
    monkeypatch.setattr(type(run), "decode", lambda self, points: seen.append(points) or decode(self, points))
    look(run.folder.path, "concept", tmp_path, "--plus", "3,17", "--minus", "4,9-11", "--steps", 4)
    np.testing.assert_allclose(np.linalg.norm(seen[0], axis=1), np.sqrt(20), rtol=1e-5)
    for place, seeds in ((0, [4, 9, 10, 11]), (-1, [3, 17])):
        mean = run.draw_seeds(seeds).mean(axis=0)
        np.testing.assert_allclose(seen[0][place], mean * np.sqrt(20) / np.linalg.norm(mean), rtol=1e-3, atol=1e-4)


def test_seeds_to_pick_from_are_numbered_as_generate_numbers_them(command_runs):
    run = load_run(command_runs["dcgan"])
    view = views.numbered(run)
    assert [axes.get_title() for axes in view.picture.axes][:3] == ["0", "1", "2"]
    np.testing.assert_array_equal(view.array[5], run.generate(1, 5)[0])


def test_a_traversal_shows_what_carries_most_first_and_names_the_dead(command_runs, monkeypatch):
    run = load_run(command_runs["vae3"])
    _, held_out = run.datasets()
    z_mean = np.zeros((len(held_out), 3), np.float32)
    z_mean[:, 2] = np.linspace(-1.7, 1.7, len(held_out))
    z_log_var = np.tile(np.log(np.array([0.5, 1, 0.01], np.float32)), (len(held_out), 1))
    monkeypatch.setattr(run, "encode_distribution", lambda _: (z_mean, z_log_var))
    view = views.traverse(run, steps=3)
    names = [text.get_text().split()[0] for text in view.picture.axes[0].get_yticklabels()]
    assert names == ["z[2]", "z[0]", "z[1]"]
    assert view.picture.axes[0].get_yticklabels()[2].get_text() == "z[1]  dead"
    assert view.says == ("Dead dimensions (below 0.01 nats): z[1]",)
    reach = 2.33 * np.sqrt(z_mean[:, 2].var() + 0.01)
    np.testing.assert_array_equal(
        view.array[:3], run.decode(np.array([[0, 0, -reach], [0, 0, 0], [0, 0, reach]], np.float32))
    )
    assert len(views.traverse(run, rows=2).array) == 2 * 9


@pytest.mark.parametrize(("distribution", "last"), [("normal", "+2.3 sd"), ("uniform", "+1.0")])
def test_a_gan_s_dimensions_are_swept_over_their_range_and_none_is_called_dead(distribution, last):
    run = SimpleNamespace(
        kind="dcgan",
        settings=SimpleNamespace(latent_distribution=distribution),
        image_shape=(4, 4, 1),
        draw=lambda count, seed: np.zeros((count, 3), np.float32),
        decode=lambda latents: np.zeros((len(latents), 4, 4, 1), np.uint8),  # nothing changes anything
    )
    texts = [text.get_text() for text in views.traverse(run, steps=3).picture.findobj(Text)]
    assert last in texts
    assert "z[0]  0 levels" in texts


def test_a_dcgan_s_traversal_starts_from_its_seed(command_runs, tmp_path):
    images, path = look(command_runs["dcgan"], "traverse", tmp_path, "--seed", 5, "--rows", 3, "--steps", 5)
    run = load_run(command_runs["dcgan"])
    assert images.shape == (15, 16, 16, 1)
    point = run.draw(1, 5)[0]
    changes = []
    for dimension in range(20):
        ends = np.stack([point, point])
        ends[:, dimension] = -2, 2
        low, high = run.decode(ends).astype(float)
        changes.append(np.sqrt(np.mean((high - low) ** 2)))
    point[np.argmax(changes)] = -2.33
    np.testing.assert_array_equal(images[0], run.decode(point[np.newaxis])[0])
    assert frames(path.with_suffix(".gif"))[0] == 32


def test_without_labels_a_walk_ends_at_the_last_image(command_runs):
    run = load_run(command_runs["vae"])
    train, held_out = run.datasets()
    run._datasets = train, dataclasses.replace(held_out, labels=None, class_names=())
    assert views.interpolate(run).name == f"interpolation-0-{len(held_out) - 1}"


def test_what_is_a_label_is_no_folder_and_what_is_a_number_no_file(command_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "01":
        (tmp_path / name).mkdir()
    for view in ("concept", "interpolate"):
        assert main(["latent", str(command_runs["vae"]), view, "--from", "0", "--to", "1"]) == 0


def test_views_that_differ_have_files_that_differ(command_runs):
    run = load_run(command_runs["vae"])
    many = list(range(100))
    names = [
        views.scatter(run).name,
        views.scatter(run, count=5).name,
        views.traverse(run).name,
        views.traverse(run, steps=5).name,
        views.concept(run, [("0", "1")]).name,
        views.concept(run, [("0", "1")], strengths=(-1.0, 2.0)).name,
        views.concept(run, [("0", "1")], steps=3).name,
        views.concept(run, picked=(many, [101])).name,
        views.concept(run, picked=(many[:-1], [101])).name,
        views.interpolate(run, seeds=[0, 1]).name,
        views.interpolate(run, seeds=[0, 1], steps=4).name,
    ]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 150


def test_codes_that_are_all_the_same_are_not_laid_out(command_runs, monkeypatch):
    run = load_run(command_runs["vae3"])
    monkeypatch.setattr(run, "encode", lambda images: np.ones((len(images), 3), np.float32))
    with pytest.raises(InputError, match="all codes are the same"):
        views.scatter(run, "tsne")

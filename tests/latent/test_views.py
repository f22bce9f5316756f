"""Every view, on a real run: the right pixels in it."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from keras_gen.data import ImageSet
from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent import interpolate, manifold_latents
from keras_gen.latent.groups import label_of
from keras_gen.latent.view import image_labels
from keras_gen.latent.walks import numbered, traverse
from keras_gen.run import load_run

CELL = (16 + 2) * 4  # an image of 16 pixels and its gap, each pixel four times as large


@pytest.fixture(scope="module")
def runs(command_runs):
    """The small runs, loaded once."""
    return {name: load_run(path) for name, path in command_runs.items()}


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
    ("kind", "name", "files"),
    [
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
def test_each_view_has_defaults_is_shown_in_a_notebook_and_saved_in_the_run_s_figures(
    runs, kind, name, files, monkeypatch
):
    monkeypatch.setattr("keras_gen.latent.walks.numbered.__defaults__", (None, 12))
    view = runs[kind].view(name)
    assert view._repr_png_().startswith(b"\x89PNG")
    for _ in range(2):  # a second time it is replaced
        assert view.save() == [runs[kind].folder.figures / file for file in files]
    assert all((runs[kind].folder.figures / file).stat().st_size > 300 for file in files)
    runs[kind].folder.checked(runs[kind].folder.figures / files[0])


def test_a_scatter_has_the_codes_of_the_held_out_images_and_t_sne_at_most_as_many_as_asked_for(runs):
    run = runs["vae3"]
    np.testing.assert_array_equal(run.view("scatter").array, run.encode(run.datasets()[1].images))
    assert run.view("scatter", projection="tsne", count=6).array.shape == (6, 3)


def test_labels_without_names_are_called_by_their_numbers(runs, command_runs):
    run = load_run(command_runs["vae"])
    run._models = runs["vae"].models
    train, held_out = (ImageSet(images.images, images.labels + 3) for images in runs["vae"].datasets())
    run._datasets = train, held_out
    names = {text.get_text() for text in run.view("scatter").picture.findobj(Text)}
    assert {"3", "4"} <= names
    np.testing.assert_array_equal(run.view("concept", start="3", end=4).array, runs["vae"].view("concept").array)


def test_some_of_the_dots_have_the_colours_of_their_own_labels(runs):
    run = runs["vae"]
    _, held_out = run.datasets()
    view = run.view("scatter", count=4)
    indices = evenly_spaced_indices(len(held_out), 4)
    for dots in view.picture.axes[0].collections:
        label = held_out.class_names.index(dots.get_label())
        np.testing.assert_allclose(dots.get_offsets(), view.array[held_out.labels[indices] == label], rtol=1e-6)


def test_a_held_out_image_that_is_named_has_its_own_label():
    train, held_out = (ImageSet(np.zeros((3, 2, 2, 1), np.uint8), labels) for labels in ([0, 0, 0], [1, 2, 3]))
    run = SimpleNamespace(conditional=True, datasets=lambda: (train, held_out))
    assert image_labels(run, [2, "0"], None).tolist() == [3, 1]


def test_a_manifold_of_any_two_dimensions(runs):
    view = runs["vae3"].view("manifold", dimensions=(2, 0), side=4)
    np.testing.assert_array_equal(view.array, runs["vae3"].decode(manifold_latents(4, 3, (2, 0))))


def test_reconstructions_stand_below_their_originals(runs, tmp_path):
    run = runs["vae"]
    _, held_out = run.datasets()
    view = run.view("reconstruct", images=[3, 1, 0])
    (path,) = view.save(tmp_path / "picture.png")
    originals = held_out.images[[3, 1, 0]]
    np.testing.assert_array_equal(view.array, run.decode(run.encode(originals)))
    np.testing.assert_array_equal(cells(path, 3), np.concatenate([originals, view.array])[..., 0])


def test_a_walk_leads_from_an_image_of_the_data_set_to_a_file_of_the_user_s(runs, tmp_path):
    run = runs["vae"]
    _, held_out = run.datasets()
    pixels = np.kron(held_out.images[5, ..., 0], np.ones((3, 3), np.uint8))  # three times as large
    Image.fromarray(np.pad(pixels, ((0, 0), (7, 7)))).convert("RGB").save(tmp_path / "mine.png")  # wide, in colour
    view = run.view("interpolate", start=2, end=tmp_path / "mine.png")
    png, gif = view.save(tmp_path / "picture.png")
    strip = view.array
    np.testing.assert_array_equal(strip[0], run.decode(run.encode(held_out.images[2:3]))[0])
    end = run.decode(run.encode(held_out.images[5:6]))[0]
    assert np.abs(strip[-1].astype(int) - end).mean() < 3  # the file was cropped and resized back
    np.testing.assert_array_equal(cells(png, 9), strip[..., 0])
    with Image.open(gif) as film:
        assert film.info["loop"] == 0
        durations = []
        for number in range(film.n_frames):  # equal neighbours are one frame, shown for longer
            film.seek(number)
            durations.append(film.info["duration"])
    assert sum(durations) == 64 * 60  # 33 there, 31 back


@pytest.mark.parametrize(("options", "method"), [({}, "spherical"), ({"method": "linear"}, "linear")])
def test_a_walk_between_seeds_starts_and_ends_with_what_generate_gives(runs, options, method):
    run = runs["dcgan"]
    strip = run.view("interpolate", seeds=[7, 3], steps=5, **options).array
    np.testing.assert_array_equal(strip[[0, -1]], np.concatenate([run.generate(1, 7), run.generate(1, 3)]))
    start, end = run.draw_seeds([7, 3])
    np.testing.assert_array_equal(strip, run.decode(interpolate(start, end, 17, method)[::4]))


def test_a_concept_turns_the_mean_of_one_label_into_the_mean_of_another(runs):
    run = runs["vae"]
    train, _ = run.datasets()
    means = [run.encode(train.images[train.labels == label]).mean(axis=0) for label in (1, 0)]
    strip = run.view("concept", start=1, end=0, steps=3).array
    expected = run.decode(np.stack([means[0], np.mean(means, axis=0), means[1]]))
    assert np.abs(strip.astype(int) - expected).max() <= 1


def test_a_concept_of_folders_is_added_to_an_image_with_strengths_and_sums(runs, tmp_path):
    run = runs["vae3"]
    train, held_out = run.datasets()
    folders = [tmp_path / "label0", tmp_path / "label1"]
    for label, folder in enumerate(folders):
        folder.mkdir()
        for number, image in enumerate(train.images[train.labels == label]):
            Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    means = [run.encode(train.images[train.labels == label]).mean(axis=0) for label in (0, 1)]
    code = run.encode(held_out.images[4])[0]
    options = {"apply": 4, "strength": (-2, 2), "steps": 5}
    for concepts, (start, end) in enumerate(((folders[0], folders[1]), ([folders[0], 0], [folders[1], 1])), start=1):
        points = code + concepts * np.arange(-2, 3)[:, np.newaxis] * (means[1] - means[0])
        strip = run.view("concept", start=start, end=end, **options).array
        assert np.abs(strip.astype(int) - run.decode(points)).max() <= 1


@pytest.mark.parametrize(
    ("group", "label", "said"),
    [("3", 0, True), ("0", 0, False), (0, 0, False), (2, 2, False), ("cat", 3, False), ("9", None, False)],
)
def test_a_label_s_name_wins_over_another_label_s_number(group, label, said):
    remarks = []
    assert label_of(group, ("3", "5", "2", "cat"), remarks) == label
    assert bool(remarks) == said
    if said:
        assert "3 is taken for the label of that name (number 0)" in remarks[0]


def test_a_concept_is_never_zero(runs, command_runs):
    run = load_run(command_runs["vae"])
    run._models = runs["vae"].models
    run._datasets = tuple(dataclasses.replace(images, class_names=("1", "2")) for images in runs["vae"].datasets())
    np.testing.assert_array_equal(run.view("concept").array, runs["vae"].view("concept").array)  # the first two labels
    with pytest.raises(InputError, match=r"are the same; name others\. 1 is taken for the label of that name"):
        run.view("concept", start="0", end="1")
    assert run.view("concept", start="2", end="1").remarks[0].startswith("1 is taken for")


def test_a_dcgan_s_concept_is_made_of_seeds_and_its_points_are_as_long_as_draws(runs, monkeypatch):
    run, seen = runs["dcgan"], []
    decode = type(run).decode
    monkeypatch.setattr(type(run), "decode", lambda self, points, label: seen.append(points) or decode(self, points))
    run.view("concept", plus=[3, 17], minus=[4, 9, 10, 11], steps=4)
    np.testing.assert_allclose(np.linalg.norm(seen[0], axis=1), np.sqrt(20), rtol=1e-5)
    for index, seeds in ((0, [4, 9, 10, 11]), (-1, [3, 17])):
        mean = run.draw_seeds(seeds).mean(axis=0)
        np.testing.assert_allclose(seen[0][index], mean * np.sqrt(20) / np.linalg.norm(mean), rtol=1e-3, atol=1e-4)


def test_seeds_to_pick_from_are_numbered_as_generate_numbers_them(runs):
    run = runs["dcgan"]
    view = numbered(run, count=12)
    assert [axes.get_title() for axes in view.picture.axes][:3] == ["0", "1", "2"]
    np.testing.assert_array_equal(view.array[5], run.generate(1, 5)[0])


def test_a_traversal_shows_what_carries_most_first_and_names_the_dead(runs, monkeypatch):
    run = runs["vae3"]
    _, held_out = run.datasets()
    z_mean = np.zeros((len(held_out), 3), np.float32)
    z_mean[:, 2] = np.linspace(-1.2, 2.2, len(held_out))
    z_log_var = np.tile(np.log(np.array([0.5, 1, 0.01], np.float32)), (len(held_out), 1))
    monkeypatch.setattr(run, "encode_distribution", lambda *_: (z_mean, z_log_var))
    view = traverse(run, steps=3)
    names = [text.get_text().split()[0] for text in view.picture.axes[0].get_yticklabels()]
    assert names == ["z[2]", "z[0]", "z[1]"]
    assert view.picture.axes[0].get_yticklabels()[2].get_text() == "z[1]  dead"
    assert view.remarks == ("Dead dimensions (below 0.01 nats): z[1]",)
    reach = 2.33 * np.sqrt(z_mean[:, 2].var() + 0.01)
    np.testing.assert_array_equal(
        view.array[:3], run.decode(np.array([[0, 0, 0.5 - reach], [0, 0, 0.5], [0, 0, 0.5 + reach]], np.float32))
    )
    assert len(traverse(run, rows=2).array) == 2 * 9


@pytest.mark.parametrize(("distribution", "last"), [("normal", "+2.3 sd"), ("uniform", "+1.0")])
def test_a_gan_s_dimensions_are_swept_over_their_range_and_none_is_called_dead(distribution, last):
    run = SimpleNamespace(
        encodes=False,
        settings=SimpleNamespace(latent_distribution=distribution),
        conditional=False,
        image_shape=(4, 4, 1),
        draw=lambda count, seed: np.zeros((count, 3), np.float32),
        decode=lambda latents, label: np.zeros((len(latents), 4, 4, 1), np.uint8),  # nothing changes anything
    )
    texts = [text.get_text() for text in traverse(run, steps=3).picture.findobj(Text)]
    assert last in texts
    assert "z[0]  0 levels" in texts


def test_a_dcgan_s_traversal_starts_from_its_seed(runs):
    run = runs["dcgan"]
    view = run.view("traverse", seed=5, rows=3, steps=5)
    assert view.array.shape == (15, 16, 16, 1)
    assert len(view.frames) == 17
    points = np.repeat(run.draw(1, 5), 40, axis=0)
    points[np.arange(40), np.arange(40) // 2] = np.tile([-2.33, 2.33], 20)
    low, high = run.decode(points).reshape(20, 2, -1).astype(float).swapaxes(0, 1)
    strongest = np.argmax(np.sqrt(np.mean((high - low) ** 2, axis=1)))
    np.testing.assert_array_equal(view.array[0], run.decode(points[2 * strongest])[0])


def test_without_labels_a_walk_ends_at_the_last_image(runs, command_runs):
    run = load_run(command_runs["vae"])
    run._models = runs["vae"].models
    train, held_out = runs["vae"].datasets()
    run._datasets = train, dataclasses.replace(held_out, labels=None, class_names=())
    assert run.view("interpolate").name == f"interpolation-0-{len(held_out) - 1}"


def test_what_is_a_label_is_no_folder_and_what_is_a_number_no_file(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "01":
        (tmp_path / name).mkdir()
    for name in ("concept", "interpolate"):
        runs["vae"].view(name, start="0", end="1")


def test_views_that_differ_have_files_that_differ(runs):
    seeds = list(range(100))
    names = [
        runs["vae"].view(name, **options).name
        for name, options in [
            ("scatter", {}),
            ("scatter", {"count": 5}),
            ("traverse", {}),
            ("traverse", {"steps": 5}),
            ("concept", {}),
            ("concept", {"strength": (-1.0, 2.0)}),
            ("concept", {"steps": 3}),
            ("concept", {"plus": seeds, "minus": [101]}),
            ("concept", {"plus": seeds[:-1], "minus": [101]}),
            ("interpolate", {"seeds": [0, 1]}),
            ("interpolate", {"seeds": [0, 1], "steps": 4}),
        ]
    ]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 150


@pytest.mark.parametrize(
    ("kind", "name", "options", "message"),
    [
        ("dcgan", "manifold", {}, "has no view 'manifold'; its views are interpolate, concept, traverse"),
        ("vae", "interpolate", {"steps": 1}, "`steps` must be a whole number from 2 to 100; received 1"),
        ("vae", "interpolate", {"start": 0}, "`start` and `end` belong together"),
        ("vae", "interpolate", {"start": 0, "end": 1, "seeds": [0, 1]}, "choose one way"),
        ("vae", "interpolate", {"seeds": [1]}, "`seeds` must be two for a walk, such as 0,1; received 1"),
        ("vae", "interpolate", {"start": 0, "end": 8}, "there is no held-out image 8; they are numbered from 0 to 7"),
        ("vae", "interpolate", {"method": "bent"}, "`method` must be one of linear, spherical; received 'bent'"),
        ("vae", "manifold", {"dimensions": (0, 2)}, "`dimensions` must be two below 2, such as 0,1; received 0,2"),
        ("vae", "scatter", {"projection": "tsne"}, "is for more than two latent dimensions"),
        ("vae", "scatter", {"projection": "umap"}, "`projection` must be one of pca, tsne"),
        ("vae", "reconstruct", {"images": []}, "`images` must be 1 to 200 numbers of held-out images; received []"),
        ("vae", "reconstruct", {"images": 3}, "`images` must be 1 to 200 numbers of held-out images; received 3"),
        ("vae", "reconstruct", {"images": [-1]}, "`images` must be 1 to 200 numbers of held-out images; received -1"),
        ("vae", "manifold", {"dimensions": (1, 1)}, "`dimensions` must be two below 2, such as 0,1; received 1 twice"),
        ("vae", "manifold", {"dimensions": "01"}, "`dimensions` must be two below 2, such as 0,1; received '01'"),
        ("vae", "manifold", {"size": 3}, "the view manifold has no option `size`; it has side, dimensions"),
        (
            "vae",
            "traverse",
            {"start": 1.5},
            "`start` must be the number of a held-out image, or an image file; received",
        ),
        ("vae", "traverse", {"start": -1}, "there is no held-out image -1; they are numbered from 0 to 7"),
        ("vae", "concept", {"start": 1.5, "end": 2}, "`start` must be a label, a folder, or a list of these; received"),
        ("vae", "concept", {"strength": 3}, "`strength` must be two numbers within 100 of 0; received 3"),
        ("vae", "concept", {"strength": (0, "a")}, "`strength` must be two numbers within 100 of 0; received (0, 'a')"),
        ("vae", "concept", {"plus": [1]}, "`plus` and `minus` belong together"),
        ("vae", "concept", {"plus": [1], "minus": [2], "start": 0, "end": 1}, "choose one way"),
        ("vae", "concept", {"plus": [1], "minus": []}, "`minus` must be 1 to 200 seeds; received []"),
        ("vae", "concept", {"start": 0, "end": 1, "apply": 1, "seed": 2}, "choose one"),
        ("vae", "concept", {"strength": (0, float("nan"))}, "`strength` must be two numbers within 100 of 0"),
        ("vae", "concept", {"start": "cat", "end": "1"}, "cat is neither a label nor a folder; the labels are 0, 1"),
        ("dcgan", "concept", {"start": 7, "end": 0}, "7 is neither a label nor a folder; the labels are 0, 1"),
        ("dcgan", "concept", {"seed": 3}, "`seed` adds a concept to an image; say which concept"),
        ("dcgan", "concept", {"apply": 3}, "`apply` adds a concept to an image; say which concept"),
        ("vae", "traverse", {"start": 0, "seed": 1}, "`start` is a given image and `seed` a generated one"),
    ],
)
def test_mistakes_are_named_by_the_argument(runs, kind, name, options, message):
    with pytest.raises(InputError) as error:
        runs[kind].view(name, **options)
    assert message in str(error.value)


def test_codes_that_are_all_the_same_are_not_laid_out(runs, monkeypatch):
    monkeypatch.setattr(runs["vae3"], "encode", lambda images, labels: np.ones((len(images), 3), np.float32))
    with pytest.raises(InputError, match="all codes are the same"):
        runs["vae3"].view("scatter", projection="tsne")

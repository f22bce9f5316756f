"""Class choice without training again: mixtures fitted to the codes of a run's training images."""

import shutil

import numpy as np
import pytest

from keras_gen import ImageSet, load_run
from keras_gen.errors import InputError
from keras_gen.latent import prior
from keras_gen.latent.prior import fit_mixture
from tests.conftest import striped_images, without_pictures
from tests.small import train_small


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A VAE that can tell upright stripes from lying ones."""
    images, labels = striped_images(120)
    path = tmp_path_factory.mktemp("prior") / "stripes.npz"
    np.savez(path, images=images, labels=np.array(["upright", "lying"])[labels])
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        return train_small("vae", path, epochs=40, folder=path.parent / "run", learning_rate=0.01)


def upright(images):
    return images[:, :, :4].mean((1, 2, 3)) - images[:, :4].mean((1, 2, 3)) > 0


def test_a_mixture_has_as_many_components_as_held_out_codes_ask_for():
    random = np.random.default_rng(0)
    centres = np.array([[-4.0, 0.0], [4.0, 0.0]])
    codes = centres[np.arange(400) % 2] + 0.3 * random.normal(size=(400, 2))
    mixture = fit_mixture(codes)
    assert len(mixture.weights) == 2
    points = mixture.points(random.normal(size=(2000, 2)), random.random(2000))
    assert np.abs(np.abs(points[:, 0]) - 4).max() < 2
    assert points[:, 1].std() == pytest.approx(0.3, rel=0.1)


def test_points_of_a_mixture_lie_as_the_codes_do():
    random = np.random.default_rng(0)
    turn = np.array([[2.0, 1.5], [0.0, 0.5]])
    mixture = fit_mixture(random.normal(size=(2000, 2)) @ turn)
    points = mixture.points(random.normal(size=(5000, 2)), random.random(5000))
    np.testing.assert_allclose(np.cov(points.T), turn.T @ turn, atol=0.3)


def test_a_vae_draws_the_class_that_is_asked_for_though_it_was_never_told_labels(run):
    assert upright(run.generate(40, label="upright")).mean() > 0.9
    assert upright(run.generate(40, label=["lying"])).mean() < 0.1
    np.testing.assert_array_equal(upright(run.generate(6, label=["upright", "lying"])), [True, False] * 3)
    assert np.isin(run.draw_labels(50, prior="mixture"), (0, 1)).all()
    mixed, alike = (run.draw(4, 3, np.array(labels)) for labels in ([0, 1, 0, 1], [1] * 4))
    np.testing.assert_array_equal(mixed[1::2], alike[1::2])  # whatever stands beside it


def test_mixtures_are_fitted_once_and_kept_with_the_models_they_belong_to(run, tmp_path, monkeypatch):
    images = run.generate(8, seed=3, label=1)
    copy = shutil.copytree(run.folder.path, tmp_path / "copy")
    monkeypatch.setattr(prior, "fit_mixture", None)  # calling it would be an error
    np.testing.assert_array_equal(load_run(copy).generate(8, seed=3, label=1), images)
    np.testing.assert_array_equal(load_run(copy).generate(3, seed=3, label=1), images[:3])
    monkeypatch.undo()
    fitted = []
    monkeypatch.setattr(prior, "fit_mixture", lambda codes, seed: fitted.append(1) or fit_mixture(codes, seed))
    (copy / "prior.npz").write_bytes(b"damaged")
    np.testing.assert_array_equal(load_run(copy).generate(8, seed=3, label=1), images)
    other = load_run(copy)
    assert set(other.models) == {"encoder", "decoder"}
    other._model_facts = other._model_facts | {"epoch": 39}  # other models than those that they were fitted to
    other.generate(1, label=1)
    assert len(fitted) == 2
    other._model_facts = other._model_facts | {"epoch": 40}  # as of a live run that trains on
    other.generate(1, label=1)
    assert len(fitted) == 3


def test_each_seed_draws_a_component_of_the_mixture(run, monkeypatch):
    apart = prior.Mixture(np.full(2, 0.5), np.array([[-9.0, 0.0], [9.0, 0.0]]), np.stack([np.eye(2)] * 2))
    run.model("encoder")
    monkeypatch.setattr(run, "mixtures", (run.models_text, {None: apart}))
    points = run.draw_seeds(range(12), prior="mixture")
    np.testing.assert_array_equal(points[5:6], run.draw(1, 5, prior="mixture"))
    assert np.abs(points[:, 0]).min() > 4 and 2 < (points[:, 0] > 0).sum() < 10
    rare = prior.Mixture(np.array([0.9, 0.1]), apart.means, apart.factors)
    drawn = rare.points(np.zeros((10, 2)), np.arange(0.05, 1, 0.1))
    assert (drawn[:, 0] > 0).tolist() == [False] * 9 + [True]


def test_a_folder_that_cannot_be_written_keeps_its_mixtures_in_memory(run, tmp_path, monkeypatch):
    copy = load_run(shutil.copytree(run.folder.path, tmp_path / "copy"))
    (tmp_path / "copy" / "prior.npz").unlink(missing_ok=True)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(copy.folder, "replacing", refuse)
    images = copy.generate(4, label=0)
    monkeypatch.setattr(prior, "fit_mixture", None)
    np.testing.assert_array_equal(copy.generate(4, label=0), images)


def test_images_without_labels_have_one_mixture(eagerly):
    images, _ = striped_images(64)
    run = train_small("vae", images, epochs=1)
    assert run.draw_labels(5, prior="mixture") is None
    assert run.generate(5, prior="mixture").shape == (5, 8, 8, 1)
    with pytest.raises(InputError, match="images has no labels, so none can be chosen"):
        run.generate(1, label=0)


def test_a_name_wins_over_a_number_and_that_is_said(eagerly):
    images, labels = striped_images(64)
    labels[0] = 2  # a class of one image
    run = train_small("vae", ImageSet(images, labels, ("1", "0", "rare"), "swapped"), epochs=1)
    remarks = []
    np.testing.assert_array_equal(run.labels(["1", 1], remarks), [0, 1])
    assert remarks == ["1 is taken for the label of that name (number 0), not for number 1, which is called 0"]
    assert set(run.draw_labels(100, prior="mixture")) == {0, 1}  # of one image there is nothing to fit
    with pytest.raises(InputError, match="the label rare has 1 training image, and a mixture needs 2 or more; name"):
        run.generate(1, label="rare")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("uprigth", "there is no label uprigth; the nearest are upright"),
        (7, "there is no label 7; the labels are lying, upright|there is no label 7; the labels are upright, lying"),
        (1.5, r"`label` must be a label's number or name, or several; received 1\.5"),
        ([], r"`label` must be a label's number or name, or several; received \[\]"),
    ],
)
def test_labels_that_are_none_are_refused(run, label, message):
    with pytest.raises(InputError, match=message):
        run.generate(1, label=label)

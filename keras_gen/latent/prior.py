"""Gaussian mixtures in place of the prior N(0, I): what the codes of the training images really look like.

P. Ghosh et al., "From Variational to Deterministic Autoencoders" (2020): the decoder of a VAE has learned from codes,
which do not fill N(0, I) evenly; points drawn from a density that is fitted to them make better images. A mixture
fitted to the codes of one class draws images of that class, without training again.
"""

import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.run import Run
from keras_gen.seeds import random_stream
from keras_gen.text import counted

MAX_CODES = 5000  # that a mixture is fitted to
MIN_CODES = 2
COMPONENTS = (1, 2, 5, 10, 20, 30)
CODES_PER_COMPONENT = 20
REGULARISATION = 1e-3  # added to the variances; codes themselves are known to about 0.1


@dataclass(frozen=True)
class Mixture:
    """A mixture of k Gaussians over latent points."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, latent_dim)
    factors: np.ndarray  # lower Cholesky factors of the covariances, (k, latent_dim, latent_dim)

    def points(self, noise: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Return latent points for draws of N(0, I), (n, latent_dim), and of uniform(0, 1), (n,), for the component."""
        component = np.searchsorted(np.cumsum(self.weights)[:-1], shares)
        moved = np.einsum("nij,nj->ni", self.factors[component], noise)
        return (self.means[component] + moved).astype(np.float32)


def fit_mixture(codes: np.ndarray, seed: int = 0) -> Mixture:
    """Fit a mixture to codes, (n, latent_dim); a fifth of them, held out, says how many components it has."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    def fitted(count: int, part: np.ndarray) -> GaussianMixture:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of codes that are all alike, as of a collapsed VAE
            return GaussianMixture(count, reg_covar=REGULARISATION, tol=0.01, random_state=seed).fit(part)

    codes = np.random.default_rng(seed).permutation(np.asarray(codes, np.float64))
    held_out, others = np.split(codes, [len(codes) // 5])
    best, components = -np.inf, 1
    for count in COMPONENTS:
        if not len(held_out) or (count > 1 and count * CODES_PER_COMPONENT > len(others)):
            break
        score = fitted(count, others).score(held_out)
        if score <= best:
            break
        best, components = score, count
    found = fitted(components, codes)
    return Mixture(found.weights_, found.means_, np.linalg.cholesky(found.covariances_))


def run_mixtures(run: Run, labels: set[int | None]) -> dict[int | None, Mixture]:
    """Return the mixture of each label, and under None that of all training images.

    Each is fitted once and kept in the run folder, or with the run where that cannot be written.

    Raises:
        InputError: The run cannot encode images, or its training images have not these labels.
    """
    run.model("encoder")  # which epoch the models are of is known once they are loaded
    if run.mixtures[0] != run.models_text:  # it has been trained since
        run.mixtures = run.models_text, _read(run)
    known = run.mixtures[1]
    if missing := labels - set(known):
        known |= {label: _fit(run, label) for label in missing}
        _write(run, known)
    return known


def _fit(run: Run, label: int | None) -> Mixture:
    train, _ = run.datasets()
    indices = np.arange(len(train)) if label is None else np.flatnonzero(train.labels == label)
    if len(indices) < MIN_CODES:
        raise InputError(
            f"the label {run.label_names[label]} has {counted(len(indices), 'training image')}, and a "
            f"mixture needs {MIN_CODES} or more; name another label, or add images of it and train again"
        )
    chosen = indices[evenly_spaced_indices(len(indices), MAX_CODES)]
    codes = run.encode(train.images[chosen], run.labels_of(train, chosen))
    return fit_mixture(codes, run.settings.training.seed)


def _path(run: Run) -> Path:
    return run.folder.path / f"prior{'-best' if run.best else ''}.npz"


def _read(run: Run) -> dict[int | None, Mixture]:
    """Return the mixtures that were fitted to these models; none if the file is of others, or damaged."""
    if run.folder is None:
        return {}
    with suppress(InputError, ValueError, KeyError):
        content = run.folder.read_arrays(_path(run), {"models"}, "remove it")
        if content.pop("models").item() == run.models_text:
            names = {name.split("/")[0] for name in content}
            parts = [field.name for field in fields(Mixture)]
            return {
                None if name == "all" else int(name): Mixture(*(content[f"{name}/{part}"] for part in parts))
                for name in names
            }
    return {}


def _write(run: Run, mixtures: dict[int | None, Mixture]) -> None:
    if run.folder is None:
        return
    arrays = {
        f"{'all' if label is None else label}/{part}": array
        for label, mixture in mixtures.items()
        for part, array in asdict(mixture).items()
    }
    with suppress(OSError):
        run.folder.write_arrays(_path(run), models=run.models_text, **arrays)


def draw_shares(seed: int, count: int) -> np.ndarray:
    """Return which component each point comes from, as uniform(0, 1) of shape (count,)."""
    return random_stream(seed, "components").random(count)

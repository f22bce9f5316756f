"""The scores of a run: asks its networks for images and codes, and measures both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from keras_gen.data import ImageSet
from keras_gen.data.cache import own_cache
from keras_gen.data.image_set import label_names
from keras_gen.errors import InputError
from keras_gen.evaluation.classes import class_shares
from keras_gen.evaluation.distances import fid, kid, prdc
from keras_gen.evaluation.estimate import Estimate
from keras_gen.evaluation.features import FEATURES, feature_extractor
from keras_gen.evaluation.likelihood import active_units, elbo_terms, importance_weighted_bound
from keras_gen.evaluation.memorising import Copies, find_copies, repeated_images
from keras_gen.figures import image_table, save_figure
from keras_gen.latent import kl_per_dimension
from keras_gen.models.losses import observed
from keras_gen.run.arguments import check_count, check_one_of
from keras_gen.seeds import random_stream
from keras_gen.text import has_terminal

if TYPE_CHECKING:
    from keras_gen.run import Run, VAERun

MIN_IMAGES = 6  # to compare: each is held against its five nearest
IMAGES_PER_CLASS, MAX_FOR_CLASSES = 50, 5000  # generated images to look for classes in, if more than are compared
NEIGHBOURS_SHOWN = 16  # generated images whose nearest training images are drawn


def evaluate(
    run: Run,
    features: str = "own",
    count: int = 5000,
    samples: int = 10,
    importance_samples: int = 500,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> dict:
    """Measure a run on its held-out images; docs/metrics.md says what each number means.

    With a folder the scores are written to metrics.json, and generated images beside the training images nearest to
    them to figures/nearest.png.

    Args:
        run: The run.
        features: What distances are measured in: `own` or `inception`; see `feature_extractor`.
        count: Images to compare, at most.
        samples: Latent samples an image for the lower bound of a VAE.
        importance_samples: Samples an image for its importance-weighted bound.
        seed: Start of every random draw.
        say: Takes lines of text for the user.

    Returns:
        The scores, as metrics.json has them.

    Raises:
        InputError: There are too few images, or the features cannot be had.
    """
    check_one_of("features", features, FEATURES)
    count, seed = check_count("count", count, MIN_IMAGES, 50_000), check_count("seed", seed, 0)
    samples = check_count("samples", samples, 1, 10_000)
    importance_samples = check_count("importance_samples", importance_samples, 1, 5000)
    train, held_out = run.datasets()
    count = min(count, len(held_out), len(train))
    if count < MIN_IMAGES:
        part = "held-out" if len(held_out) <= len(train) else "training"
        raise InputError(f"{run.where} has {count} {part} images; {MIN_IMAGES} are the least to compare with")
    scores: dict = {"models": "best" if run.best else "last", "seed": seed}
    if run.encodes:
        scores["likelihood"] = likelihood_scores(
            run, held_out.images, samples, importance_samples, seed, run.labels_of(held_out)
        )
    features_of = features_for(features, train, seed, say)
    classes = label_names(train.labels, train.class_names) if train.has_classes and held_out.labels is not None else ()
    generated = run.generate(max(count, min(IMAGES_PER_CLASS * len(classes), MAX_FOR_CLASSES)), seed)
    scores["epoch"] = run.epoch
    all_generated_features = features_of(generated)
    generated, generated_features = generated[:count], all_generated_features[:count]
    held_out_features, train_features = features_of(held_out.images), features_of(train.images)
    real = held_out_features[random_indices(len(held_out), count, seed)]
    floor = train_features[random_indices(len(train), count, seed)]
    scores["images"] = {
        "features": features,
        "count": count,
        "generated": image_scores(generated_features, real),
        "floor": image_scores(floor, real),
    }
    if classes:
        shares = class_shares(all_generated_features, train_features, train.labels, held_out_features, held_out.labels)
        scores["classes"] = asdict(shares) | {"missing": shares.missing, "undetermined": shares.undetermined}
    repeated = repeated_images(train.images, held_out.images)
    copies = {
        "pixels": find_copies(generated, held_out.images, train.images, repeated),
        "features": find_copies(generated_features, held_out_features, train_features, repeated),
    }
    scores["memorising"] = {
        space: {"share": asdict(found.share), "memorising": found.found, "verdict": found.verdict}
        for space, found in copies.items()
    }
    if run.folder is not None:
        run.folder.write_scores(scores)
        _draw_nearest(run, generated, train, copies)
    return scores


def features_for(
    name: str, train: ImageSet, seed: int, say: Callable[[str], None] = print
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the feature extractor of a data set, from the cache or trained now."""
    return feature_extractor(name, train, seed, own_cache() / "features", say)


def random_indices(length: int, count: int, seed: int) -> np.ndarray:
    """Return indices drawn at random: data sets may come sorted by class, and distances take images in any order."""
    return random_stream(seed, "evaluate").permutation(length)[:count]


def likelihood_scores(
    run: VAERun,
    images: np.ndarray,
    samples: int,
    importance_samples: int,
    seed: int,
    labels: np.ndarray | None = None,
) -> dict:
    """Measure a VAE's bounds on held-out images, and what its latent dimensions carry."""
    networks, likelihood = (run.model("encoder"), run.model("decoder")), run.settings.decoder.likelihood
    reconstruction, kl = elbo_terms(*networks, images, likelihood, samples, seed, labels)
    bounds = importance_weighted_bound(
        *networks,
        images,
        likelihood,
        importance_samples,
        seed,
        progress=lambda rows: tqdm(
            rows, desc="importance-weighted bound", unit="image", leave=False, disable=not has_terminal(), delay=1
        ),
        labels=labels,
    )
    seen = observed(images, likelihood, random_stream(seed, "held_out"))  # as the bounds see them
    z_mean, z_log_var = run.encode_distribution(seen, labels)
    return {
        "likelihood": likelihood,
        "conditional": labels is not None,
        "images": len(images),
        "samples": samples,
        "elbo": asdict(Estimate.of_mean(-(reconstruction + kl))),
        "reconstruction": float(reconstruction.mean()),
        "kl": float(kl.mean()),
        "importance_samples": importance_samples,
        "importance_weighted_bound": asdict(Estimate.of_mean(bounds)),
        "kl_per_dimension": [round(float(value), 6) for value in kl_per_dimension(z_mean, z_log_var)],
        "active_units": int(active_units(z_mean).sum()),
    }


def image_scores(generated: np.ndarray, real: np.ndarray) -> dict:
    """Compare two sets of equally many images by their features, each of shape (n, d)."""
    return {"fid": fid(real, generated), "kid": asdict(kid(real, generated))} | asdict(prdc(real, generated))


def _draw_nearest(run: Run, generated: np.ndarray, train: ImageSet, copies: dict[str, Copies]) -> None:
    """Draw generated images in a row, their nearest training images below them."""
    shown = min(NEIGHBOURS_SHOWN, len(generated))
    rows = [generated[:shown], *(train.images[found.indices[:shown]] for found in copies.values())]
    names = ["generated", *(f"nearest in {space}" for space in copies)]
    figure = image_table(np.concatenate(rows), [""] * shown, names)
    save_figure(figure, run.folder.figures / "nearest.png", run.folder.replacing)

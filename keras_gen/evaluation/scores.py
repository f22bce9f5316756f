"""The scores of a run: asks its networks for images and codes, and measures both."""

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
from tqdm.auto import tqdm

from keras_gen.data import ImageSet
from keras_gen.data.cache import own_cache
from keras_gen.data.duplicates import exact_copies
from keras_gen.data.image_set import label_names
from keras_gen.errors import InputError
from keras_gen.evaluation.agreement import agreement_scores, prior_scores
from keras_gen.evaluation.classes import class_shares
from keras_gen.evaluation.distances import fid, kid, kid_permutation_p, kid_with_values, prdc, random_indices
from keras_gen.evaluation.estimate import Estimate
from keras_gen.evaluation.features import FEATURES, INCEPTION_SIZES, FeatureExtractor, feature_extractor
from keras_gen.evaluation.likelihood import (
    DENSITIES,
    ENOUGH_SAMPLES,
    active_units,
    bits_per_dimension,
    elbo_terms,
    importance_sampling,
)
from keras_gen.evaluation.memorising import Copies, distinct, find_copies
from keras_gen.evaluation.paired import IDENTITY, NAME
from keras_gen.figures import image_table, save_figure
from keras_gen.files import check_writable
from keras_gen.latent import kl_per_dimension
from keras_gen.models.losses import observed
from keras_gen.run import Run, VAERun
from keras_gen.run.arguments import check_count, check_one_of
from keras_gen.seeds import random_stream
from keras_gen.text import has_terminal
from keras_gen.transparency import on_white

MIN_IMAGES = 6  # to compare: each is held against its five nearest
IMAGES_PER_CLASS, MAX_FOR_CLASSES = 50, 5000  # generated images to look for classes in, if more than are compared
FEW_IMAGES = 300  # below it a KID's standard error is not enough to judge it by
AT_ONCE = 1000  # images whose pixels are compared as floats
PAIRS_SHOWN = 10  # of a generated image and the training image nearest to it


def evaluate(
    run: Run,
    features: str = "own",
    count: int = 5000,
    samples: int = 10,
    importance_samples: int = 500,
    seed: int = 0,
    inception_size: int = 299,
    say: Callable[[str], None] = print,
) -> dict:
    """Measure a run on its held-out images; docs/metrics.md says what each number means.

    With a folder the scores are written to metrics.json, the values of single images to scores.npz
    (`paired_differences` compares two runs by them), and the generated images that are nearest to training images,
    with these, to figures/nearest.png.

    Args:
        run: The run.
        features: What distances are measured in: `own` or `inception`; see `feature_extractor`.
        count: Images to compare, at most.
        samples: Latent samples an image for the lower bound of a VAE.
        importance_samples: Samples an image for its importance-weighted bound; more where they do not suffice.
        seed: Start of every random draw.
        inception_size: Side in pixels of the images that `inception` sees: 299 or 75.
        say: Takes lines of text for the user.

    Returns:
        The scores, as metrics.json has them.

    Raises:
        InputError: There are too few images, or the features cannot be had.
    """
    check_one_of("features", features, FEATURES)
    check_one_of("inception_size", inception_size, INCEPTION_SIZES)
    count, seed = check_count("count", count, MIN_IMAGES, 50_000), check_count("seed", seed, 0)
    samples = check_count("samples", samples, 1, 10_000)
    importance_samples = check_count("importance_samples", importance_samples, 1, 5000)
    if run.folder is not None:
        check_writable(run.folder.path / "metrics.json")
    train, held_out = run.datasets()
    count = min(count, _comparable(run, train, held_out))
    scores: dict = {"models": "best" if run.best else "last", "seed": seed}
    values: dict[str, np.ndarray] = {}
    if run.encodes:
        scores["likelihood"], values = likelihood_scores(
            run, held_out.images, samples, importance_samples, seed, run.labels_of(held_out)
        )
    features_of = features_for(features, train, say, inception_size)
    classes = label_names(train.labels, train.class_names) if train.has_classes and held_out.labels is not None else ()
    generated = run.generate(max(count, min(IMAGES_PER_CLASS * len(classes), MAX_FOR_CLASSES)), seed)
    scores["epoch"] = run.epoch
    all_generated_features = features_of(generated)
    generated, generated_features = generated[:count], all_generated_features[:count]
    held_out_features, train_features = features_of(held_out.images), features_of(train.images)
    drawn = random_indices(len(held_out), count, seed)
    real = held_out_features[drawn]
    scores["images"] = {
        "features": features if features == "own" else f"{features} {inception_size}",
        "count": count,
        "generated": image_scores(generated_features, real, seed),
        "floor": image_scores(train_features[features_of.unseen[:count]], real, seed),
    }
    values |= {IDENTITY: drawn, "kid": kid_with_values(real, generated_features)[1]}
    if classes:
        shares = class_shares(all_generated_features, train_features, train.labels, held_out_features, held_out.labels)
        scores["classes"] = asdict(shares) | {"missing": shares.missing, "undetermined": shares.undetermined}
        if run.conditional or run.encodes:
            features_of_sets = train_features, held_out_features
            scores["agreement"] = agreement_scores(run, features_of, (train, held_out), features_of_sets, seed)
    if run.encodes:
        scores["priors"] = prior_scores(run, features_of, real, generated_features, train, seed)
    copies, scores["dropped"] = copies_of(
        run, generated, features_of, (train, held_out), (generated_features, held_out_features, train_features)
    )
    scores["memorising"] = {
        space: {"memorising": found.found, "p_value": found.p_value, "copies": found.excess, "verdict": found.verdict}
        for space, found in copies.items()
    }
    if run.folder is not None:
        run.folder.write_scores(scores)
        run.folder.write_arrays(run.folder.path / NAME, **values)
        _draw_nearest(run, generated, train, copies)
    return scores


def _comparable(run: Run, train: ImageSet, held_out: ImageSet) -> int:
    """Return how many images can be compared at most: half of the training images are for the floor."""
    count = min(len(held_out), len(train) // 2)
    if count < MIN_IMAGES:
        found = f"{len(held_out)} held-out" if count == len(held_out) else f"{len(train)} training"
        raise InputError(
            f"{run.where} has {found} images; {MIN_IMAGES} held-out and {2 * MIN_IMAGES} training images are the "
            "least to compare with"
        )
    return count


def copies_of(
    run: Run,
    generated: np.ndarray,
    features_of: FeatureExtractor,
    sets: tuple[ImageSet, ImageSet],
    features: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[dict[str, Copies], dict[str, int]]:
    """Look for copies in pixels and in features, without images that the data has twice; return how many these are.

    Args:
        run: The run.
        generated: Its images.
        features_of: From images to features.
        sets: Training and held-out images.
        features: Of the generated, the held-out and the training images.
    """
    train, held_out = (on_white(images.images) for images in sets)
    generated = on_white(generated)
    stay, honest, dropped = distinct(train, held_out)
    reference = features_of.unseen[np.isin(features_of.unseen, stay)]  # the network knows the others
    options = [{"reference": np.searchsorted(stay, reference)} for _ in range(2)]
    if "mirror" in getattr(run.settings.training, "augment", ""):
        pair = generated[:, :, ::-1], held_out[honest][:, :, ::-1]
        options[0]["mirrored"], options[1]["mirrored"] = pair, tuple(map(features_of, pair))
    spaces = {"pixels": (generated, held_out, train), "features": features}
    found = {}
    for (space, (made, real, known)), given in zip(spaces.items(), options, strict=True):
        copies = find_copies(made, real[honest], known if len(stay) == len(known) else known[stay], **given)
        found[space] = replace(copies, indices=stay[copies.indices])
    return found, dropped | {"generated": len(exact_copies([generated])[1])}


def features_for(
    name: str, train: ImageSet, say: Callable[[str], None] = print, inception_size: int = 299
) -> FeatureExtractor:
    """Return the feature extractor of a data set, from the cache or trained now."""
    return feature_extractor(name, train, own_cache() / "features", say, inception_size)


def likelihood_scores(
    run: VAERun,
    images: np.ndarray,
    samples: int,
    importance_samples: int,
    seed: int,
    labels: np.ndarray | None = None,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Measure a VAE's bounds on held-out images, and what its latent dimensions carry.

    Returns:
        The scores, and the values of single images by name.
    """
    networks, likelihood = (run.model("encoder"), run.model("decoder")), run.settings.decoder.likelihood
    reconstruction, kl = elbo_terms(*networks, images, likelihood, samples, seed, dequantise=True, labels=labels)
    sampled = importance_sampling(
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
    values = {"elbo": -(reconstruction + kl), "reconstruction": reconstruction, "kl": kl}
    values["reconstruction_error"] = _errors(images, run.decode(z_mean, labels))
    values |= {"importance_weighted_bound": sampled.bounds, "effective_samples": sampled.effective}
    scores = {
        "likelihood": likelihood,
        "conditional": labels is not None,
        "images": len(images),
        "samples": samples,
        "elbo": asdict(Estimate.of_mean(values["elbo"])),
        "reconstruction": float(reconstruction.mean()),
        "kl": float(kl.mean()),
        "importance_samples": importance_samples,
        "most_importance_samples": int(sampled.samples.max()),
        "importance_weighted_bound": asdict(Estimate.of_mean(sampled.bounds)),
        "effective_samples": float(np.median(sampled.effective)),
        "too_few_effective_samples": int(np.sum(sampled.effective < ENOUGH_SAMPLES)),
        "kl_per_dimension": [round(float(value), 6) for value in kl_per_dimension(z_mean, z_log_var)],
        "active_units": int(active_units(z_mean).sum()),
        "reconstruction_error": asdict(Estimate.of_mean(values["reconstruction_error"])),
    }
    if bits := bits_per_dimension(sampled.bounds, images[0].size, likelihood):
        scores["bits_per_dimension"] = asdict(bits)
    if likelihood in DENSITIES:
        exact, _ = elbo_terms(*networks, images, likelihood, samples, seed, labels=labels)
        scores["gain_at_exact_levels"] = float(np.mean(reconstruction - exact))
    return scores, values


def _errors(images: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Return the root mean square over the pixels of each image of what was decoded, in grey levels."""
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(images), AT_ONCE)]
    off = (on_white(decoded[part]).astype(np.float32) - on_white(images[part]) for part in parts)
    return np.concatenate([np.sqrt(np.square(each).mean(axis=(1, 2, 3))) for each in off])


def image_scores(generated: np.ndarray, real: np.ndarray, seed: int = 0) -> dict:
    """Compare two sets of equally many images by their features, each of shape (n, d)."""
    distance = asdict(kid(real, generated))
    if len(real) < FEW_IMAGES:
        distance["p_value"] = kid_permutation_p(real, generated, seed)
    return {"fid": fid(real, generated), "kid": distance} | asdict(prdc(real, generated))


def _draw_nearest(run: Run, generated: np.ndarray, train: ImageSet, copies: dict[str, Copies]) -> None:
    """Draw the pairs of a generated and a training image that come nearest to a copy, in each space."""
    rows, names = [], []
    for space, found in copies.items():
        first = found.nearest_pairs()[:PAIRS_SHOWN]
        rows += [generated[first], train.images[found.indices[first]]]
        names += [f"generated, by {space}", "training image"]
    figure = image_table(np.concatenate(rows), [""] * len(rows[0]), names)
    save_figure(figure, run.folder.figures / "nearest.png", run.folder.replacing)

"""Whether generated images are of the label that was asked for, and what a better prior makes of a VAE."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from keras_gen.data import ImageSet
from keras_gen.evaluation.distances import kid, random_indices
from keras_gen.evaluation.estimate import Estimate
from keras_gen.evaluation.features import FeatureExtractor
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent.groups import linear_classifier
from keras_gen.run import Run

IMAGES_PER_CLASS, MAX_CLASSES = 100, 100
MAX_TRAINED = 20_000  # images that the classifier learns from
CONFUSED = 5  # pairs that are named
MIN_OF_CLASS = 10  # images of a class, of which a KID is worth a line


@dataclass(frozen=True)
class Agreement:
    """How often a classifier finds the label that images were drawn of.

    Attributes:
        ceiling: How often it finds that of held-out real images.
        overall: Of the generated images.
        by_class: Of those of each label.
        confused: The most frequent mistakes: the label asked for, the one found, and the share of the images of the
            former.
        count: Of generated images.
    """

    ceiling: Estimate
    overall: Estimate
    by_class: dict[int, Estimate]
    confused: list[tuple[int, int, float]]
    count: int


def label_agreement(
    generated: np.ndarray,
    wanted: np.ndarray,
    train: np.ndarray,
    train_labels: np.ndarray,
    held_out: np.ndarray,
    held_out_labels: np.ndarray,
) -> Agreement:
    """Train a linear classifier on the features of training images, and ask it about generated and held-out ones.

    Args:
        generated: Features, shape (n, d).
        wanted: The labels that the images were drawn of, (n,); each at least twice.
        train: Features of training images.
        train_labels: Their labels, of two classes or more.
        held_out: Features of held-out images.
        held_out_labels: Their labels.
    """
    learned = evenly_spaced_indices(len(train), MAX_TRAINED)
    classifier = linear_classifier(train[learned], train_labels[learned], iterations=300)
    found = classifier.predict(generated)
    labels = np.unique(wanted)
    mistakes = [
        (int(label), int(other), float(np.mean(found[wanted == label] == other)))
        for label in labels
        for other in np.unique(found[(wanted == label) & (found != label)])
    ]
    return Agreement(
        ceiling=Estimate.of_mean(classifier.predict(held_out) == held_out_labels),
        overall=Estimate.of_mean(found == wanted),
        by_class={int(label): Estimate.of_mean(found[wanted == label] == label) for label in labels},
        confused=sorted(mistakes, key=lambda mistake: -mistake[2])[:CONFUSED],
        count=len(wanted),
    )


def agreement_scores(
    run: Run,
    features_of: FeatureExtractor,
    sets: tuple[ImageSet, ImageSet],
    features: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> dict:
    """Measure `label_agreement` on images of each label, as many of each, and the KID of each label's images.

    Args:
        run: A conditional run, or a VAE's, on labelled images.
        features_of: From images to features.
        sets: Training and held-out images.
        features: Theirs.
        seed: Start of the draws.
    """
    labels, counts = run.label_counts
    labels = labels[counts > 1]  # of one image nothing can be fitted
    labels = labels[evenly_spaced_indices(len(labels), MAX_CLASSES)]
    wanted = np.tile(labels, IMAGES_PER_CLASS)
    generated = features_of(run.generate(len(wanted), seed, label=wanted))
    (train, held_out), (train_features, held_out_features) = sets, features
    found = label_agreement(generated, wanted, train_features, train.labels, held_out_features, held_out.labels)
    unseen = features_of.unseen
    of_sets = {"generated": (generated, wanted), "floor": (train_features[unseen], train.labels[unseen])}
    distances = {
        name: kid_by_class((held_out_features, held_out.labels), others, labels, seed)
        for name, others in of_sets.items()
    }
    return asdict(found) | {"kid_by_class": distances}


def kid_by_class(
    real: tuple[np.ndarray, np.ndarray], others: tuple[np.ndarray, np.ndarray], labels: np.ndarray, seed: int
) -> dict[int, dict]:
    """Return the KID of each label's images, of equally many of both sets; a label with too few images is left out.

    Args:
        real: Features and labels.
        others: Likewise.
        labels: Those to compare.
        seed: Draws the images that take part where one set has more.
    """
    distances = {}
    for label in labels.tolist():
        rows = [features[found == label] for features, found in (real, others)]
        count = min(IMAGES_PER_CLASS, *map(len, rows))
        if count >= MIN_OF_CLASS:
            drawn = (found[random_indices(len(found), count, seed)] for found in rows)
            distances[label] = asdict(kid(*drawn))
    return distances


def prior_scores(
    run: Run,
    features_of: Callable[[np.ndarray], np.ndarray],
    real: np.ndarray,
    generated: np.ndarray,
    train: ImageSet,
    seed: int,
) -> dict:
    """Return the KID of a VAE's images from N(0, I), from the mixture prior, and of reconstructions.

    Args:
        run: A VAE's.
        features_of: From images to features.
        real: Features of held-out images.
        generated: Of as many images from N(0, I).
        train: Training images, some of which are reconstructed.
        seed: Start of the draws.
    """
    indices = random_indices(len(train), len(real), seed)
    labels = run.labels_of(train, indices)
    features = {
        "normal": generated,
        "mixture": features_of(run.generate(len(real), seed, prior="mixture")),
        "reconstructions": features_of(run.decode(run.encode(train.images[indices], labels), labels)),
    }
    return {name: asdict(kid(real, found)) for name, found in features.items()}

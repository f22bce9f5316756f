"""Features: what distances between sets of images are measured in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import keras
import numpy as np
from keras import initializers, layers

from keras_gen.data.batches import epoch_batches
from keras_gen.data.image_set import ImageSet, fingerprint
from keras_gen.errors import InputError
from keras_gen.evaluation.pretext import SURFACE, ways_to_spoil
from keras_gen.files import replacing
from keras_gen.seeds import own_random_state, random_stream
from keras_gen.sizes import halvings, widths
from keras_gen.transparency import on_white

FEATURES = ("own", "inception")
VERSION = 3  # of the own features: raise it whenever they come out otherwise
OWN_DIMENSIONS = 64
LARGEST_SIDE = 64  # in pixels; larger images are averaged down to it
FILTERS, MAX_FILTERS = 32, 128
STEPS, BATCH, LEARNING_RATE = 400, 128, 2e-3
INCEPTION_SIZES = (299, 75)
SEED = 0  # of the network's, always: scores of runs with different seeds can be compared


@dataclass(frozen=True)
class FeatureExtractor:
    """A function from uint8 images (n, height, width, channels) to features, float32 (n, d); RGBA is seen on white.

    Attributes:
        network: The network.
        unseen: Indices of the training images that the network has not learned from, in random order.
    """

    network: keras.Model
    unseen: np.ndarray

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the images' features."""
        images = on_white(images)
        starts = range(0, len(images), BATCH)
        return np.concatenate([self.network.predict_on_batch(images[start : start + BATCH]) for start in starts])


def feature_extractor(
    name: str, train: ImageSet, cache: Path, say: Callable[[str], None] = print, inception_size: int = 299
) -> FeatureExtractor:
    """Return a function from images to features.

    `own` needs no download: the last hidden layer of a small network. It is trained on one half of the training images
    to tell images from spoiled ones (`pretext.py`) and, where there are labels, to tell the classes apart. Its seed is
    always 0: the same images give the same network, whatever the run. Each feature has about variance 1 before its
    rectifier. Scores in them can be compared for one data set, and with nothing published. Making them leaves the
    global random states alone.

    `inception` is the last pooling layer of InceptionV3 from Keras Applications, on images resized to
    299 pixels (or 75, as in keras.io's examples of GANs). It is not the network of the original FID, whose scores are
    near but not equal.

    Args:
        name: `own` or `inception`.
        train: The training images: `own` learns from half of them, never from those that are scored.
        cache: Folder that keeps the trained network; made if it is missing.
        say: Takes a line of text when a network has been trained.
        inception_size: Side in pixels that `inception` sees: one of `INCEPTION_SIZES`.

    Returns:
        A function from uint8 (n, height, width, channels) to float32 (n, 64), or (n, 2048) for `inception`.

    Raises:
        InputError: Inception's weights cannot be had, or the network in the cache is damaged.
        ValueError: The name is not known.
    """
    if name not in FEATURES:
        raise ValueError(f"name must be one of {', '.join(FEATURES)}. Received: {name}")
    train = replace(train, images=on_white(train.images))
    order = random_stream(SEED, "features").permutation(len(train))
    seen = np.sort(order[: -(-len(train) // 2)])
    with own_random_state(SEED):
        if name == "inception":
            return FeatureExtractor(_inception(train.image_shape, inception_size), order)
        return FeatureExtractor(_own(train, seen, cache, say), order[len(seen) :])


def _own(train: ImageSet, seen: np.ndarray, cache: Path, say: Callable[[str], None]) -> keras.Model:
    """Return the data set's own features: found in the cache, or trained and put there."""
    labels = train.labels if train.has_classes else None
    kind = "pretext" if labels is None else f"labels-{fingerprint(labels)[:8]}"
    path = cache / f"features-{VERSION}-{train.pixel_fingerprint[:16]}-{kind}.keras"
    if path.exists():
        try:
            return keras.models.load_model(path, compile=False)
        except Exception as error:  # a damaged archive shows in many ways
            raise InputError(f"{path} cannot be read ({type(error).__name__}); delete it to train it anew") from None
    features, accuracies = _train(train.images, labels, seen)
    cache.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        features.save(temporary)
    right = " and ".join(f"{task} ({accuracy:.0%} right)" for task, accuracy in accuracies.items())
    say(f"Features for the scores: a network that tells {right}; kept in {path}")
    return features


def _train(images: np.ndarray, labels: np.ndarray | None, seen: np.ndarray) -> tuple[keras.Model, dict[str, float]]:
    """Train a network to name how images were spoiled, and their labels; return its features and last accuracies."""
    ways, random = ways_to_spoil(*images.shape[1:3]), random_stream(SEED, "pretext")
    heads = {"how images were spoiled": len(ways)}
    targets = np.zeros(len(seen), np.int64)
    if labels is not None:
        names, targets = np.unique(labels[seen], return_inverse=True)
        heads["classes"] = len(names)
    features, network = _network(images.shape[1:], list(heads.values()))
    loss = [keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in heads]
    network.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss, weighted_metrics=[["accuracy"]] * len(heads)
    )
    step = 0
    for epoch in count(1):
        network.reset_metrics()
        for batch in epoch_batches(len(seen), min(BATCH, len(seen)), SEED, epoch, drop_last=True):
            way = (batch + epoch) % len(ways)  # every image is seen spoiled in every way
            x = np.stack([ways[number](image, random) for number, image in zip(way, images[seen[batch]], strict=True)])
            # A class is asked for only where it can still be told: a 6 upside down is none.
            weights = [np.ones(len(batch)), np.where(way < SURFACE, 1.0, 0.0)][: len(heads)]
            named = [way, targets[batch]][: len(heads)]
            if step == 0:
                _make_variables(network, x, named, weights)
            results = network.train_on_batch(x, named, weights, return_dict=True)
            step += 1
            if step == STEPS:
                accuracies = [value for name, value in results.items() if name.endswith("accuracy")]
                return features, dict(zip(heads, map(float, accuracies), strict=True))


def _make_variables(network: keras.Model, x: np.ndarray, named: list[np.ndarray], weights: list[np.ndarray]) -> None:
    """Make what the first step would make while it is traced: then it would be traced twice."""
    network.optimizer.build(network.trainable_variables)
    logits = network(x[:1])
    part = x[:1], [values[:1] for values in named], logits, [values[:1] for values in weights]
    network.compute_loss(*part)
    network.compute_metrics(*part)
    network.reset_metrics()


def _network(image_shape: tuple[int, int, int], heads: list[int]) -> tuple[keras.Model, keras.Model]:
    """Build a small convolutional network of uint8 images; return its features, and its logits for each head."""
    seeds = iter(np.random.SeedSequence(SEED).generate_state(12))  # or Keras would draw from the global state

    def options() -> dict:
        return {"kernel_initializer": initializers.HeNormal(int(next(seeds))), "dtype": "float32"}

    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = layers.Rescaling(1 / 127.5, -1, dtype="float32", name="rescale")(images)
    shrink = -(-max(image_shape[:2]) // LARGEST_SIDE)
    if shrink > 1:
        x = layers.AveragePooling2D(shrink, padding="same", dtype="float32", name="shrink")(x)
    depth = halvings(*x.shape[1:3])
    for number, width in enumerate(widths(FILTERS, depth, MAX_FILTERS), start=1):
        x = layers.Conv2D(width, 3, 2, "same", activation="relu", name=f"conv_{number}", **options())(x)
    x = layers.Flatten(dtype="float32", name="flatten")(x)
    x = layers.Dense(OWN_DIMENSIONS, use_bias=False, name="hidden", **options())(x)
    # Few steps: the moving averages have to keep up with them.
    x = layers.BatchNormalization(momentum=0.9, dtype="float32", name="norm")(x)
    features = layers.ReLU(dtype="float32", name="features")(x)
    logits = [layers.Dense(head, name=f"logits_{number}", **options())(features) for number, head in enumerate(heads)]
    return keras.Model(images, features, name="own_features"), keras.Model(images, logits, name="classifier")


def _inception(image_shape: tuple[int, int, int], size: int) -> keras.Model:
    """Return InceptionV3's pooled features of uint8 images."""
    try:
        network = keras.applications.InceptionV3(
            include_top=False, weights="imagenet", pooling="avg", input_shape=(size, size, 3)
        )
    except Exception as error:  # Keras raises a bare Exception when it cannot download
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"the weights of InceptionV3 cannot be had ({reason}); use `features='own'`") from None
    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = layers.Rescaling(1 / 127.5, -1, dtype="float32", name="rescale")(images)
    x = layers.Resizing(size, size, antialias=True, dtype="float32", name="resize")(x)
    if image_shape[-1] == 1:
        x = layers.Concatenate(dtype="float32", name="colour")([x, x, x])
    return keras.Model(images, network(x), name="inception_features")

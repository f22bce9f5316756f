"""Features: what distances between sets of images are measured in."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import keras
import numpy as np
from keras import initializers, layers

from keras_gen.data.batches import epoch_batches
from keras_gen.data.image_set import ImageSet, fingerprint
from keras_gen.errors import InputError
from keras_gen.evaluation.pretext import ways_to_spoil
from keras_gen.files import replacing
from keras_gen.seeds import own_random_state, random_stream
from keras_gen.sizes import halvings, widths

FEATURES = ("own", "inception")
VERSION = 2  # of the own features: raise it whenever they come out otherwise
OWN_DIMENSIONS = 64
LARGEST_SIDE = 64  # in pixels; larger images are averaged down to it
FILTERS, MAX_FILTERS = 32, 128
STEPS, BATCH, LEARNING_RATE = 400, 128, 2e-3
INCEPTION_SIDE = 299


def feature_extractor(
    name: str, train: ImageSet, seed: int, cache: Path, say: Callable[[str], None] = print
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images to features.

    `own` needs no download: the last hidden layer of a small classifier, trained on the data set's labels. Where there
    are none, or only one class, it is trained to tell images from spoiled ones (`pretext.py`). Each feature has about
    variance 1 before its rectifier. Scores in them can be compared for one data set and seed, and with nothing
    published. Making them leaves the global random states alone.

    `inception` is the last pooling layer of InceptionV3 from Keras Applications, on images resized to
    299 pixels. It is not the network of the original FID, whose scores are near but not equal.

    Args:
        name: `own` or `inception`.
        train: The training images: `own` learns from them, never from those that are scored.
        seed: Draws the classifier's first weights and the order of its images.
        cache: Folder that keeps the trained classifier; made if it is missing.
        say: Takes a line of text when a classifier has been trained.

    Returns:
        A function from uint8 (n, height, width, channels) to float32 (n, 64), or (n, 2048) for `inception`.

    Raises:
        InputError: Inception's weights cannot be had, or the classifier in the cache is damaged.
        ValueError: The name is not known.
    """
    if name not in FEATURES:
        raise ValueError(f"name must be one of {', '.join(FEATURES)}. Received: {name}")
    with own_random_state(seed):
        network = _inception(train.image_shape) if name == "inception" else _own(train, seed, cache, say)
    return lambda images: network.predict(images, batch_size=BATCH, verbose=0)


def _own(train: ImageSet, seed: int, cache: Path, say: Callable[[str], None]) -> keras.Model:
    """Return the data set's own features: found in the cache, or trained and put there."""
    labels = train.labels if train.has_classes else None
    task = "whole and spoiled images" if labels is None else "classes"
    kind = "pretext" if labels is None else f"labels-{fingerprint(labels)[:8]}"
    path = cache / f"features-{VERSION}-{train.pixel_fingerprint[:16]}-{kind}-seed-{seed}.keras"
    if path.exists():
        try:
            return keras.models.load_model(path, compile=False)
        except Exception as error:  # a damaged archive shows in many ways
            raise InputError(f"{path} cannot be read ({type(error).__name__}); delete it to train it anew") from None
    features, accuracy = _train(train.images, labels, seed)
    cache.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        features.save(temporary)
    say(f"Features for the scores: trained to tell {task} apart, right for {accuracy:.0%} of images; kept in {path}")
    return features


def _train(images: np.ndarray, labels: np.ndarray | None, seed: int) -> tuple[keras.Model, float]:
    """Train a classifier of labels, or without them of spoiled images; return its features and last accuracy."""
    if labels is None:
        ways = ways_to_spoil(*images.shape[1:3])
        classes = len(ways)
        random = random_stream(seed, "pretext")
    else:
        names, targets = np.unique(labels, return_inverse=True)
        classes = len(names)
    features, classifier = _classifier(images.shape[1:], classes, seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss, metrics=["accuracy"])
    step = 0
    for epoch in count(1):
        classifier.reset_metrics()
        for batch in epoch_batches(len(images), min(BATCH, len(images)), seed, epoch, drop_last=True):
            x = images[batch]
            if labels is None:
                target = (batch + epoch) % classes  # every image is seen spoiled in every way
                x = np.stack([ways[way](image, random) for image, way in zip(x, target, strict=True)])
            else:
                target = targets[batch]
            _, accuracy = classifier.train_on_batch(x, target)
            step += 1
            if step == STEPS:
                return features, float(accuracy)


def _classifier(image_shape: tuple[int, int, int], classes: int, seed: int) -> tuple[keras.Model, keras.Model]:
    """Build a small convolutional classifier of uint8 images; return its features and its logits."""
    seeds = iter(np.random.SeedSequence(seed).generate_state(10))  # or Keras would draw from the global state

    def options() -> dict:
        return {"kernel_initializer": initializers.HeNormal(int(next(seeds))), "dtype": "float32"}

    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = layers.Rescaling(1 / 127.5, -1, dtype="float32", name="rescale")(images)
    shrink = -(-max(image_shape[:2]) // LARGEST_SIDE)
    if shrink > 1:
        x = layers.AveragePooling2D(shrink, padding="same", dtype="float32", name="shrink")(x)
    depth = halvings(max(x.shape[1:3]))
    for number, width in enumerate(widths(FILTERS, depth, MAX_FILTERS), start=1):
        x = layers.Conv2D(width, 3, 2, "same", activation="relu", name=f"conv_{number}", **options())(x)
    x = layers.Flatten(dtype="float32", name="flatten")(x)
    x = layers.Dense(OWN_DIMENSIONS, use_bias=False, name="hidden", **options())(x)
    # Few steps: the moving averages have to keep up with them.
    x = layers.BatchNormalization(momentum=0.9, dtype="float32", name="norm")(x)
    features = layers.ReLU(dtype="float32", name="features")(x)
    logits = layers.Dense(classes, name="logits", **options())(features)
    return keras.Model(images, features, name="own_features"), keras.Model(images, logits, name="classifier")


def _inception(image_shape: tuple[int, int, int]) -> keras.Model:
    """Return InceptionV3's pooled features of uint8 images."""
    try:
        network = keras.applications.InceptionV3(include_top=False, weights="imagenet", pooling="avg")
    except Exception as error:  # Keras raises a bare Exception when it cannot download
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"--features inception: the weights of InceptionV3 cannot be had ({reason}); use --features own"
        ) from None
    images = keras.Input(image_shape, dtype="uint8", name="images")
    x = layers.Rescaling(1 / 127.5, -1, dtype="float32", name="rescale")(images)
    x = layers.Resizing(INCEPTION_SIDE, INCEPTION_SIDE, antialias=True, dtype="float32", name="resize")(x)
    if image_shape[-1] == 1:
        x = layers.Concatenate(dtype="float32", name="colour")([x, x, x])
    return keras.Model(images, network(x), name="inception_features")

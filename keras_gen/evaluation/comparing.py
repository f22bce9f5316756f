"""The scores of two sets of images, without a run."""

import os
import re
from collections.abc import Callable

import numpy as np

from keras_gen.data import ImageSet
from keras_gen.data.loading import read_sets
from keras_gen.data.resizing import fit
from keras_gen.errors import InputError
from keras_gen.evaluation.distances import random_indices
from keras_gen.evaluation.features import FEATURES, INCEPTION_SIZES
from keras_gen.evaluation.scores import features_for, image_scores
from keras_gen.run.arguments import as_path, check_count, check_one_of
from keras_gen.text import counted, printable

ADVICE = re.compile(r"(; | \()`[a-z_]+=?[^;()]*\)?")  # on arguments of `load_dataset`, which there are none of here
LEAST = 50  # images of a set: with fewer no score says anything


def compare_images(
    real: str | os.PathLike | np.ndarray | ImageSet,
    generated: str | os.PathLike | np.ndarray | ImageSet,
    *,
    features: str = "own",
    count: int = 5000,
    seed: int = 0,
    inception_size: int = 299,
    say: Callable[[str], None] = print,
) -> dict:
    """Return the scores of one set of images against another; docs/metrics.md says what each number means.

    The features are those of `real`: `own` learns from one half of these, and the other half is compared. So sets that
    are compared to the same `real` have scores that can be compared.

    Args:
        real: A folder of images, an .npy or another file that `load_dataset` takes, an array, or an ImageSet.
        generated: Likewise; images of the same shape.
        features: What distances are measured in: `own` or `inception`; see `feature_extractor`.
        count: Images to compare, at most.
        seed: Draws them where there are more.
        inception_size: Side in pixels of the images that `inception` sees: 299 or 75.
        say: Takes lines of text for the user.

    Returns:
        `count`, `features`, the scores (`fid`, `kid`, `precision` and so on), and `same`: how many of the generated
        images are exact copies of a real one.

    Raises:
        InputError: The images cannot be read, are too few, of different shapes, or the same.
    """
    check_one_of("features", features, FEATURES)
    check_one_of("inception_size", inception_size, INCEPTION_SIZES)
    count, seed = check_count("count", count, LEAST, 50_000), check_count("seed", seed, 0)
    sets = [_read(source, name, say) for name, source in (("real", real), ("generated", generated))]
    for images in sets:
        if len(images) < LEAST:
            raise InputError(
                f"{printable(images.name)} has {counted(len(images), 'image')}; {LEAST} are the least to compare"
            )
    first, second = sets
    if first.image_shape != second.image_shape:
        shapes = [" x ".join(map(str, images.image_shape)) for images in sets]
        raise InputError(
            f"the images of {printable(first.name)} are {shapes[0]} and those of {printable(second.name)} {shapes[1]} "
            "(height x width x channels); bring them to one shape"
        )
    if first.pixel_fingerprint == second.pixel_fingerprint:
        names = f"{printable(first.name)} and {printable(second.name)}"
        raise InputError(f"{names} hold the same images; compare two different sets")
    features_of = features_for(features, first, say, inception_size)
    count = min(count, len(second), len(features_of.unseen))
    drawn = second.images[random_indices(len(second), count, seed)]
    scores = image_scores(features_of(drawn), features_of(first.images[features_of.unseen[:count]]), seed)
    known = {image.tobytes() for image in first.images}
    same = sum(image.tobytes() in known for image in second.images)
    return {"count": count, "features": features, **scores, "same": same}


def _read(source: object, name: str, say: Callable[[str], None]) -> ImageSet:
    """Return all images of a folder, a file or an array as one set."""
    if isinstance(source, ImageSet):
        return fit(source)
    if not isinstance(source, str | os.PathLike):
        return fit(ImageSet.from_arrays(source, name=name))
    path = as_path(name, source)
    if not path.exists():
        raise InputError(f"{printable(path)} does not exist; name a folder of images or an .npy")
    sets = [fit(images) for images in read_sets(path, say=lambda line: say(ADVICE.sub("", line)))]
    return ImageSet(np.concatenate([images.images for images in sets]), name=str(path))

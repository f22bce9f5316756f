"""What the doctor finds in the training images themselves: repeated ones, and classes that are too small."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from keras_gen.data import ImageSet
from keras_gen.data.duplicates import exact_copies
from keras_gen.data.image_set import label_names
from keras_gen.indices import evenly_spaced_indices
from keras_gen.text import counted, printable
from keras_gen.training.findings import Finding

HASHED, HASHED_BYTES = 20_000, 2**28  # images, evenly spaced, at most
REPEATED, REPEATED_SHARE = 5, 0.01  # an image is repeated often if it is there so many times, and is such a share
HANDFUL = 10  # images of a class


def data_findings(train: ImageSet, conditional: bool) -> Iterator[Finding]:
    """Yield what is wrong with training images, whatever is trained on them."""
    indices = evenly_spaced_indices(len(train), min(HASHED, max(1, HASHED_BYTES // int(np.prod(train.image_shape)))))
    first, count = most_repeated(train.images, indices)
    if count >= max(REPEATED, REPEATED_SHARE * len(indices)):
        yield Finding(
            "repeated image",
            f"One image makes {count / len(indices):.1%} of the training images (it is there {count:,} times, first as "
            f"number {first}): it will be drawn as often; remove the copies.",
        )
    if train.labels is None:
        return
    labels, counts = np.unique(train.labels, return_counts=True)
    few = int(np.sum(counts < HANDFUL))
    if few and (conditional or few < len(labels) / 2):  # many small folders are no classes to learn
        smallest = labels[counts.argmin()]
        name = printable(label_names(train.labels, train.class_names)[smallest])
        others = f" ({few - 1:,} more have fewer than {HANDFUL})" if few > 1 else ""
        yield Finding(
            "class of a handful",
            f"The class {name} has only {counted(int(counts.min()), 'training image')}{others}: so few are memorised, "
            "or the class is missing from what is drawn; add images of it, or leave it out.",
        )


def most_repeated(images: np.ndarray, indices: np.ndarray) -> tuple[int, int]:
    """Return the first index of the image that is most often among some, pixel by pixel, and how often it is."""
    _, copies = exact_copies([(images[index] for index in indices)])
    counts = Counter(copies.values())  # by the place of the first
    first = max(sorted(counts), key=counts.get, default=0)
    return int(indices[first]), 1 + counts[first]

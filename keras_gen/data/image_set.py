"""The one type that images travel in."""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from keras_gen.data.arrays import Part, prepare
from keras_gen.errors import InputError
from keras_gen.indices import rows_at

MAX_LABEL = 999_999  # without class names, each number up to the highest is a label


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images as they came, with what is known about them.

    Scaling to [0, 1] or [-1, 1] is left to the model that wants it. The
    constructor takes uint8 alone; `from_arrays` takes the other common forms.

    Attributes:
        images: uint8, shape (n, height, width, channels), 0 to 255.
        labels: int64, shape (n,), or None when there are none.
        class_names: The name of each label; may be empty.
        name: The data set as the user names it, such as `cifar10:automobile`.
        source: The arguments with which `load_dataset` gives this set again; None
            for arrays and for sets derived from another (slices, `dataclasses.replace`).

    Example:
        >>> image_set = ImageSet.from_arrays(x_train, y_train, name="mine")
        >>> image_set[:100].fingerprint == image_set.fingerprint
        False
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    name: str = "images"
    source: dict | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        dtype, shape = getattr(self.images, "dtype", type(self.images).__name__), np.shape(self.images)
        if not isinstance(self.images, np.ndarray) or dtype != np.uint8 or len(shape) != 4:
            raise InputError(
                "images must be uint8 of shape (n, height, width, channels); "
                f"ImageSet.from_arrays converts other arrays. Received: {dtype} of shape {shape}"
            )
        object.__setattr__(self, "class_names", tuple(map(str, self.class_names)))
        if self.labels is not None:
            object.__setattr__(self, "labels", _checked_labels(self.labels, len(self.images), len(self.class_names)))

    @classmethod
    def from_arrays(
        cls,
        images: object,
        labels: object = None,
        class_names: Sequence[str] = (),
        name: str = "images",
        source: dict | None = None,
    ) -> "ImageSet":
        """Make an ImageSet from arrays in any of the forms that `load_dataset` reads from an .npz.

        Args:
            images: An array or nested list: (n, height, width), with channels last or
                first, or flat rows; uint8, bool, floats from 0 to 1 or -1 to 1, and so on.
            labels: Whole numbers, text or one-hot rows, one for each image.
            class_names: The name of each label; empty takes them from the labels.
            name: What to call the set.
            source: The arguments with which `load_dataset` gives this set again, if it can.

        Raises:
            InputError: The arrays cannot be read as images, or could be read in two ways.
        """
        if isinstance(images, ImageSet):
            raise InputError("images are an ImageSet already; give an array, or use it as it is")
        ((images, labels),), class_names = prepare([Part(images, labels)], class_names)
        return cls(images, labels, class_names, name).with_source(source)

    def with_source(self, source: dict | None) -> "ImageSet":
        """Return the same images with another `source`."""
        image_set = copy.copy(self)
        object.__setattr__(image_set, "source", source)
        return image_set

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: object) -> "ImageSet":
        """Return the images at a slice, a mask or indices as a set of their own."""
        if not isinstance(index, slice):
            index = np.atleast_1d(np.arange(len(self))[index])
        labels = rows_at(self.labels, index)
        return replace(self, images=self.images[index], labels=labels)

    def _repr_html_(self) -> str:
        from keras_gen.pages.notebook import image_set_html

        return image_set_html(self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        return self.images.shape[1:]

    @property
    def has_classes(self) -> bool:
        """Whether there are labels, and of more than one class."""
        return self.labels is not None and len(np.unique(self.labels)) > 1

    @property
    def pixel_fingerprint(self) -> str:
        """sha256 of the pixels' bytes alone, in hexadecimal: what runs of format version 1 recorded."""
        return fingerprint(self.images)

    @property
    def fingerprint(self) -> str:
        """sha256 of pixels, shape, labels and class names, in hexadecimal; computed anew, for arrays can change."""
        facts = [self.images.shape, self.class_names, self.labels is not None]
        digest = hashlib.sha256(json.dumps(facts).encode())
        digest.update(bytes.fromhex(self.pixel_fingerprint))
        if self.labels is not None:
            digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()


def with_common_classes(train: ImageSet, held_out: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Return both with the same class names, and so the same number for the same class.

    Sets that were made one by one number their classes each for itself.
    """
    known, others = train.class_names, held_out.class_names
    if held_out.labels is None or not known or not others or known == others:
        return train, held_out
    names = known + tuple(name for name in dict.fromkeys(others) if name not in set(known))
    numbers = np.array([names.index(name) for name in others])
    held_out = replace(held_out, labels=numbers[held_out.labels], class_names=names).with_source(held_out.source)
    return replace(train, class_names=names).with_source(train.source), held_out


def label_names(labels: np.ndarray | None, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the name of each label: its number, where the classes have no names."""
    if class_names or labels is None:
        return tuple(class_names)
    return tuple(map(str, range(int(labels.max(initial=-1)) + 1)))


def _checked_labels(labels: object, count: int, classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    top = (classes or MAX_LABEL + 1) - 1
    if labels.shape != (count,):
        raise InputError(f"{count} images need as many labels, in one row. Received: labels of shape {labels.shape}")
    if count and (labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > top):
        named = f", one of {classes} class names" if classes else "; ImageSet.from_arrays numbers others"
        limits = f"from 0 to {top}{named}"
        received = f"{labels.min()} to {labels.max()}" if labels.dtype.kind in "iu" else labels.dtype
        raise InputError(f"labels must be whole numbers {limits}. Received: {received!s:.60}")
    return labels.astype(np.int64)


def fingerprint(array: np.ndarray) -> str:
    """Return the sha256 of an array's bytes in C order, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()

"""The one type that images travel in."""

import hashlib
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class ImageSet:
    """Images as they came, with what is known about them.

    Scaling to [0, 1] or [-1, 1] is left to the model that wants it.

    Attributes:
        images: uint8, shape (n, height, width, channels), 0 to 255.
        labels: int64, shape (n,), or None when there are none.
        class_names: The name of each label; empty without labels.
        name: The data set as the user names it, such as `cifar10:automobile`.
        fingerprint: sha256 of the images' bytes, in hexadecimal.
    """

    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    name: str
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                "images must be uint8 of shape (n, height, width, channels). "
                f"Received: {self.images.dtype} of shape {self.images.shape}"
            )
        if self.labels is not None and len(self.labels) != len(self.images):
            raise ValueError(f"{len(self.images)} images need as many labels. Received: {len(self.labels)}")
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", fingerprint(self.images))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        return self.images.shape[1:]

    @property
    def has_classes(self) -> bool:
        """Whether there are labels, and of more than one class."""
        return self.labels is not None and len(np.unique(self.labels)) > 1


def fingerprint(array: np.ndarray) -> str:
    """Return the sha256 of an array's bytes in C order, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()

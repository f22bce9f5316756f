"""Which of the data set's classes a generator makes."""

from dataclasses import dataclass

import numpy as np

PRESENT = 0.1  # of a class's share of the training images; below it the class counts as missing
ENOUGH = 10  # images expected of a class; of fewer, hardly any may be there by chance


@dataclass(frozen=True)
class Classes:
    """How generated images are spread over the classes.

    Attributes:
        shares: Of the generated images, by class.
        training_shares: Of the training images, by class.
        accuracy: Share of the held-out images that the classifier puts into their class.
        count: Of generated images.
    """

    shares: dict[int, float]
    training_shares: dict[int, float]
    accuracy: float
    count: int

    @property
    def missing(self) -> list[int]:
        """Classes that the generator hardly makes: a tenth of their share of the training images, or less."""
        return [label for label in self._hardly_made if self._expected(label) >= ENOUGH]

    @property
    def undetermined(self) -> list[int]:
        """Classes that may be missing, or too rare among so few images."""
        return [label for label in self._hardly_made if self._expected(label) < ENOUGH]

    @property
    def _hardly_made(self) -> list[int]:
        return [label for label, share in self.shares.items() if share <= PRESENT * self.training_shares[label]]

    def _expected(self, label: int) -> float:
        return self.count * self.training_shares[label]


def class_shares(
    generated: np.ndarray,
    train: np.ndarray,
    train_labels: np.ndarray,
    held_out: np.ndarray,
    held_out_labels: np.ndarray,
) -> Classes:
    """Put images into classes by the nearest mean of the training images' features.

    Args:
        generated: Features, shape (n, d).
        train: Features of training images.
        train_labels: Their classes: whole numbers.
        held_out: Features of held-out images.
        held_out_labels: Their classes.

    Returns:
        The shares, and how well this classifier does on the held-out images.
    """
    labels, counts = np.unique(train_labels, return_counts=True)
    means = np.stack([train[train_labels == label].mean(axis=0) for label in labels]).astype(np.float64)

    def classes_of(features: np.ndarray) -> np.ndarray:
        distances = np.sum(means**2, axis=1) - 2 * features @ means.T  # but for what is the same for all classes
        return labels[np.argmin(distances, axis=1)]

    made = classes_of(generated)
    return Classes(
        shares={int(label): float(np.mean(made == label)) for label in labels},
        training_shares={int(label): float(count / len(train)) for label, count in zip(labels, counts, strict=True)},
        accuracy=float(np.mean(classes_of(held_out) == held_out_labels)),
        count=len(generated),
    )

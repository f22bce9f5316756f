"""The order in which images are shown."""

import numpy as np

from keras_gen.seeds import random_stream


def epoch_batches(
    count: int, batch_size: int, seed: int, epoch: int, drop_last: bool, balanced: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the indices of each batch of one epoch (they count from 1), shuffled afresh.

    The order is a pure function of the arguments, so a resumed epoch needs no stored state. Without the last batch, if
    it is not full, other images are left out each epoch.

    `balanced` are the labels of the images if each class is to be as frequent as any other.
    """
    random = random_stream(seed, "shuffle", epoch)
    order = random.permutation(count) if balanced is None else _balanced_order(balanced, random)
    end = count - count % batch_size if drop_last else count
    return [order[start : start + batch_size] for start in range(0, end, batch_size)]


def _balanced_order(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return as many indices as there are labels, of each class one in turn; those of small classes come again."""
    groups = [random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    rounds = -(-len(labels) // len(groups))
    table = np.stack([np.resize(group, rounds) for group in groups], axis=1)
    return random.permuted(table, axis=1).ravel()[: len(labels)]

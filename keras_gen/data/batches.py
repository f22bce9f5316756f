"""The order in which images are shown."""

import numpy as np

from keras_gen.seeds import random_stream


def epoch_batches(count: int, batch_size: int, seed: int, epoch: int, drop_last: bool) -> list[np.ndarray]:
    """Return the indices of each batch of one epoch (they count from 1), shuffled afresh.

    The order is a pure function of the arguments, so a resumed epoch needs no stored state. Without the last batch, if
    it is not full, other images are left out each epoch.
    """
    order = random_stream(seed, "shuffle", epoch).permutation(count)
    end = count - count % batch_size if drop_last else count
    return [order[start : start + batch_size] for start in range(0, end, batch_size)]

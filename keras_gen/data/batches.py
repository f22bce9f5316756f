"""The order in which images are shown."""

import numpy as np

from keras_gen.seeds import random_stream


def epoch_batches(count: int, batch_size: int, seed: int, epoch: int, drop_last: bool) -> list[np.ndarray]:
    """Return the indices of each batch of one epoch, shuffled afresh.

    The order is a pure function of the arguments, so a resumed epoch needs no stored state.

    Args:
        count: Number of images.
        batch_size: Images in a batch.
        seed: The run's seed.
        epoch: Epochs count from 1.
        drop_last: Leave out the last batch if it is not full. Each epoch is
            shuffled anew, so it is other images every time.

    Returns:
        int64 arrays of `batch_size` indices, the last of them shorter unless dropped.
    """
    order = random_stream(seed, "shuffle", epoch).permutation(count)
    end = count - count % batch_size if drop_last else count
    return [order[start : start + batch_size] for start in range(0, end, batch_size)]

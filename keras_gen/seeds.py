"""Every random stream of a run, each a pure function of the seed and of where the run stands.

Nothing has to be stored to go on where a run stopped, and drawing more from
one stream never shifts another.
"""

import numpy as np

STREAMS = (  # a stream's place here is part of its seed: add new ones at the end
    "shuffle",
    "split",
    "latents",
    "held_out",
    "grid",
    "generate",
    "mirror",
    "binarize",
    "validation",
    "evaluate",
    "pretext",
)


def random_stream(seed: int, stream: str, *position: int) -> np.random.Generator:
    """Return the generator of one stream at one place.

    Args:
        seed: The run's seed.
        stream: One of `STREAMS`.
        *position: Where the run stands, such as epoch and step; always as many for one stream.
    """
    return np.random.default_rng((STREAMS.index(stream) + 1, seed, *position))

"""Every random stream of a run, each a pure function of the seed and of where the run stands.

Nothing has to be stored to go on where a run stopped, and drawing more from
one stream never shifts another.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

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
    "features",
    "components",
    "labels",
    "binarized_data",
    "binarized_inputs",
)


def random_stream(seed: int, stream: str, *position: int) -> np.random.Generator:
    """Return the generator of one of `STREAMS` at one place.

    The position is where the run stands, such as epoch and step; always as many numbers for one stream.
    """
    return np.random.default_rng((STREAMS.index(stream) + 1, seed, *position))


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Seed Python's and NumPy's global generators inside the `with`; the user's states are back at its end.

    Keras draws the seeds of initializers and of dropout from Python's generator.
    """
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)

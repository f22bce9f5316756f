"""How the networks of this room are compiled."""

import keras


def compiled(model: keras.Model, **options: object) -> keras.Model:
    """Compile a model as it runs fastest and return it.

    XLA, which Keras chooses for TensorFlow, makes convolutions on a CPU several
    times slower and the wide dense layers of a decoder no faster.

    Args:
        model: Any model.
        **options: What `compile` takes besides, such as the loss.
    """
    model.compile(jit_compile=False if keras.backend.backend() == "tensorflow" else "auto", **options)
    return model

"""How networks are told the class: a second input `labels`, one-hot inside."""

import keras
from keras import layers, ops

from keras_gen.models.layers import PACKAGE

# Before a generator's first layer: beside a hundred numbers from N(0, 1) a single 1 would hardly be heard.
LABEL_SCALE = 10.0


@keras.saving.register_keras_serializable(PACKAGE)
class OneHot(keras.layers.Layer):
    """Turns labels, integers of shape (batch,), into rows with a one.

    A Dense layer behind it is an embedding, with dense gradients, which every optimiser and XLA take.

    Args:
        classes: How many labels there are.
    """

    def __init__(self, classes: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def call(self, inputs: object) -> object:
        """Return the rows, (batch, classes)."""
        return ops.one_hot(inputs, self.classes, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, classes)."""
        return (*input_shape, self.classes)

    def get_config(self) -> dict:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "classes": self.classes}


def label_rows(classes: int | None) -> tuple[object, object]:
    """Return the input `labels` of a network, and its rows with a one; None for one that is not conditional."""
    if classes is None:
        return None, None
    labels = keras.Input((), dtype="int32", name="labels")
    return labels, OneHot(classes, name="one_hot")(labels)


def joined(x: object, rows: object, scale: float = 1.0) -> object:
    """Return features, (batch, n), with the label's row behind them, if there is one, multiplied by a number."""
    if rows is None:
        return x
    rows = layers.Rescaling(scale, name="scaled_label")(rows) if scale != 1 else rows
    return layers.Concatenate(name="with_label")([x, rows])


def with_label_maps(images: object, rows: object) -> object:
    """Return images with a channel more for each class, of ones for the image's own, if there are rows of labels."""
    if rows is None:
        return images
    height, width = images.shape[1:3]
    maps = layers.RepeatVector(height * width, name="repeated_label")(rows)
    maps = layers.Reshape((height, width, rows.shape[-1]), name="label_maps")(maps)
    return layers.Concatenate(name="with_label_maps")([images, maps])


def with_rows(model: keras.Model) -> keras.Model:
    """Return a conditional network that takes rows of shares, float32 (batch, classes), in place of labels.

    A row of two classes' shares is a point between these.
    """
    return keras.Model([model.inputs[0], model.get_layer("one_hot").output], model.outputs[0])


def fresh_inputs(model: keras.Model) -> list[object]:
    """Return inputs like those of a network, for another one around it: images or latent points, and labels if any."""
    return [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in model.inputs]


def beside(inputs: object, labels: object = None) -> object:
    """Return what a network is called with: images or latent points, for a conditional one in a list with labels."""
    return inputs if labels is None else [inputs, labels]

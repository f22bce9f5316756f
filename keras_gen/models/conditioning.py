"""How networks are told the class: a second input `labels`, one-hot inside."""

import keras
from keras import layers, ops

from keras_gen.models.layers import PACKAGE


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


@keras.saving.register_keras_serializable(PACKAGE)
class ClassScaleShift(keras.layers.Layer):
    """Scales and shifts each channel, otherwise for each class: class-conditional BatchNormalization, behind the plain.

    V. Dumoulin, J. Shlens and M. Kudlur, "A Learned Representation for Artistic Style" (2017). A layer of its own, so
    that the fused kernel of BatchNormalization is used as it is. It starts as the identity.

    Call arguments:
        inputs: Maps, (batch, height, width, channels), and rows from `OneHot`.
    """

    def build(self, input_shape: list[tuple]) -> None:
        """Make a row of weights for each class."""
        maps, rows = input_shape
        shape = (rows[-1], maps[-1])
        self.scale = self.add_weight(shape=shape, initializer="zeros", name="scale")
        self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")

    def call(self, inputs: list) -> object:
        """Return the maps, scaled and shifted."""
        maps, rows = inputs
        scale, shift = (ops.matmul(rows, weights)[:, None, None] for weights in (self.scale, self.shift))
        return maps * (1 + scale) + shift

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        """Return the shape of the maps."""
        return input_shape[0]


def label_rows(classes: int | None) -> tuple[object, object]:
    """Return the input `labels` of a network, and its rows with a one; None for one that is not conditional."""
    if classes is None:
        return None, None
    labels = keras.Input((), dtype="int32", name="labels")
    return labels, OneHot(classes, name="one_hot")(labels)


def joined(x: object, rows: object) -> object:
    """Return features, (batch, n), with the label's row behind them, if there is one."""
    return x if rows is None else layers.Concatenate(name="with_label")([x, rows])


def beside(inputs: object, labels: object = None) -> object:
    """Return what a network is called with: images or latent points, for a conditional one in a list with labels."""
    return inputs if labels is None else [inputs, labels]

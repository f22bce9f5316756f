"""Augmentation that gradients pass through, so that real and generated images get the same.

S. Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training"
(2020). With few images a discriminator memorises them. Augmenting the real
ones alone would teach the generator to make augmented images; augmenting both, and
sending the generator's gradient through, does not.
"""

import keras
from keras import ops

from keras_gen.models.layers import PACKAGE

OPERATIONS = ("color", "translation", "cutout")
SHIFT, CUT = 1 / 8, 1 / 2  # of the side: how far translation goes at most, and how much cutout hides


@keras.saving.register_keras_serializable(PACKAGE)
class Augment(keras.layers.Layer):
    """Changes each image of a batch at random; at inference it does nothing.

    `color` shifts brightness by up to a quarter of the pixel range, scales
    saturation by 0 to 2 and contrast by 0.5 to 1.5; `translation` moves by up to an eighth of
    the side; `cutout` hides a square of half the side. What comes in is 0, as in the paper.

    Args:
        operations: Some of `color`, `translation`, `cutout`, applied in this order.
        pixel_range: Lowest and highest value of a pixel.
        seed: Integer seed; None draws one.

    Call arguments:
        inputs: Images, shape (batch, height, width, channels).
        training: Whether to change them.
    """

    def __init__(
        self,
        operations: tuple[str, ...] = OPERATIONS,
        pixel_range: tuple[float, float] = (-1.0, 1.0),
        seed: int | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.operations, self.pixel_range, self.seed = tuple(operations), tuple(pixel_range), seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: object, training: bool = False) -> object:
        """Augment the images."""
        if not training:
            return inputs
        changes = {"color": self._color, "translation": self._translate, "cutout": self._cut_out}
        for name in OPERATIONS:
            if name in self.operations:
                inputs = self._chosen(inputs, changes[name](inputs))
        return inputs

    def _chosen(self, images: object, changed: object) -> object:
        """Return, for each image, what is shown of it: as it was, or changed."""
        return changed

    def _color(self, x: object) -> object:
        low, high = self.pixel_range
        if x.shape[-1] == 4:  # transparency is no colour
            return ops.concatenate([self._color(x[..., :3]), x[..., 3:]], axis=-1)
        dtype, x = x.dtype, ops.cast(x, "float32")
        x = x + self._uniform(x, -0.25, 0.25) * (high - low)
        if x.shape[-1] == 3:
            grey = ops.mean(x, axis=-1, keepdims=True)
            x = (x - grey) * self._uniform(x, 0.0, 2.0) + grey
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        return ops.cast((x - mean) * self._uniform(x, 0.5, 1.5) + mean, dtype)

    def _translate(self, x: object) -> object:
        # Each axis is moved by a matrix with ones beside the diagonal: a product that every backend compiles.
        for axis, product in ((1, "bij,bjwc->biwc"), (2, "bij,bhjc->bhic")):
            side = x.shape[axis]
            most = int(side * SHIFT + 0.5)
            shift = ops.floor(self._uniform(x, -most, most + 1)[:, :, :, 0])
            pixels = ops.arange(side, dtype="float32")  # half precision cannot count to 512
            moved = ops.equal(pixels[None, :, None] - shift, pixels[None, None, :])
            x = ops.einsum(product, ops.cast(moved, x.dtype), x)
        return x

    def _cut_out(self, x: object) -> object:
        hidden = []
        for axis in (1, 2):
            side = x.shape[axis]
            length = int(side * CUT + 0.5)
            # The square's centre is anywhere in the image, so that at the border less is hidden.
            start = ops.floor(self._uniform(x, 0, side + 1 - length % 2)) - length // 2
            pixels = ops.reshape(ops.arange(side, dtype="float32"), [side if a == axis else 1 for a in range(4)])
            hidden.append(ops.logical_and(pixels >= start, pixels < start + length))
        return ops.where(ops.logical_and(*hidden), ops.zeros_like(x), x)

    def _uniform(self, x: object, low: float, high: float) -> object:
        """Draw a number for each image, shape (batch, 1, 1, 1)."""
        return keras.random.uniform((ops.shape(x)[0], 1, 1, 1), low, high, dtype="float32", seed=self.seed_generator)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict:
        """Return what rebuilds the layer."""
        own = {"operations": list(self.operations), "pixel_range": list(self.pixel_range), "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(PACKAGE)
class AdaptiveAugment(Augment):
    """Makes each change of `Augment` with a probability, `probability`, which training adapts.

    T. Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020). An image that is often
    shown unchanged stays the most probable one: below a probability of 0.8 the generator hardly learns to make changed
    images. At 0, where it starts, training is that without augmentation.
    """

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, **keywords)
        self.probability = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, autocast=False, name="probability"
        )

    def _chosen(self, images: object, changed: object) -> object:
        return ops.where(self._uniform(images, 0.0, 1.0) < self.probability, changed, images)

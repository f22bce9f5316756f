"""What the two networks of a GAN minimise, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from keras import ops

Loss = Callable[[object, object], object]  # of labels and logits, to one number for each image


@dataclass(frozen=True)
class AdversarialLoss:
    """A pair of losses, each of labels and logits of shape (n, 1), with one number for each image.

    Attributes:
        discriminator: A label above 0 means that the image is real.
        generator: Small where the discriminator takes an image for real.
    """

    discriminator: Loss
    generator: Loss

    def on_real(self, labels: object, logits: object) -> object:
        """Return the discriminator's loss on the real images of a batch, 0 for the others."""
        return ops.where(ops.convert_to_tensor(labels) > 0, self.discriminator(labels, logits), 0.0)


def _cross_entropy(labels: object, logits: object) -> object:
    logits = ops.convert_to_tensor(logits)
    return ops.binary_crossentropy(ops.cast(labels, logits.dtype), logits, from_logits=True)


def _hinge(labels: object, logits: object) -> object:
    return ops.relu(1 - ops.where(ops.convert_to_tensor(labels) > 0, logits, -logits))


def _unlike_real(labels: object, logits: object) -> object:
    return -logits


LOSSES = {
    # I. Goodfellow et al., "Generative Adversarial Networks" (2014), with the generator's loss that does not saturate
    "cross_entropy": AdversarialLoss(_cross_entropy, _cross_entropy),
    # J. H. Lim and J. C. Ye, "Geometric GAN" (2017)
    "hinge": AdversarialLoss(_hinge, _unlike_real),
}

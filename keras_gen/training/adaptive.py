"""How often the discriminator's images are augmented, adapted to how much it overfits."""

import keras
from keras import ops

ADJUST_EVERY = 4  # steps
RISE_IMAGES = 50_000  # real images in which the probability goes from 0 to 1 at most; Karras et al. have 500,000
MAX_PROBABILITY = 0.8  # above it, generated images would begin to look augmented


class AdaptiveProbability:
    """Lets the probability of augmentation follow the discriminator's sign on real images.

    The mean sign of its logits on (augmented) training images is 0 if it guesses, and 1 if it takes each of them for
    real, as it does once it knows them by heart. Above the target the probability rises by a fixed amount, below it
    falls: T. Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020).

    Args:
        probability: The variable of `AdaptiveAugment`.
        target: The mean sign to hold.
        images_per_step: Real images that the discriminator sees in a step.

    Attributes:
        variables: All that a checkpoint must keep of it, beside the probability.
    """

    def __init__(self, probability: keras.Variable, target: float, images_per_step: int) -> None:
        self.probability, self.target = probability, target
        self.change = ADJUST_EVERY * images_per_step / RISE_IMAGES
        self._sum, self._steps = (
            keras.Variable(0.0, trainable=False, dtype="float32", name=name) for name in ("sign_sum", "sign_steps")
        )
        self.variables = [self._sum, self._steps]

    def update(self, sign: object) -> None:
        """Take note of the mean sign of a step, and adjust the probability every `ADJUST_EVERY` steps."""
        total = self._sum + ops.cast(sign, "float32")
        steps = self._steps + 1
        due = steps >= ADJUST_EVERY
        change = self.change * ops.sign(total / ADJUST_EVERY - self.target)
        self.probability.assign(ops.clip(self.probability + ops.where(due, change, 0.0), 0.0, MAX_PROBABILITY))
        self._sum.assign(ops.where(due, 0.0, total))
        self._steps.assign(ops.where(due, 0.0, steps))

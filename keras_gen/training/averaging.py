"""A moving average of a network's weights."""

import keras
from keras import ops


class MovingAverage:
    """A copy of a network that follows it slowly: after each update it keeps a share, `decay`, of what it was.

    Training a GAN goes round in circles; the average of the generator's weights over the last steps makes better
    images than the weights of any one step: Y. Yazici et al., "The Unusual Effectiveness of Averaging in GAN
    Training" (2018). After n updates the decay is at most (1 + n) / (10 + n), so that the first weights are soon
    forgotten. All variables are averaged, BatchNormalization's statistics too.

    Attributes:
        model: The average, a network of its own.
        variables: All that a checkpoint must keep of it.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        self.decay = decay
        self.model = keras.models.clone_model(model)
        self.model.set_weights(model.get_weights())
        self._updates = keras.Variable(0.0, trainable=False, dtype="float32", name="updates")
        self._pairs = list(zip(self.model.variables, model.variables, strict=True))
        self.variables = [*self.model.variables, self._updates]

    def update(self) -> None:
        """Move the average towards the network as it is now."""
        self._updates.assign_add(1.0)
        count = ops.convert_to_tensor(self._updates)
        decay = ops.minimum(self.decay, (1 + count) / (10 + count))
        for mean, now in self._pairs:
            mean.assign(decay * mean + (1 - decay) * now)

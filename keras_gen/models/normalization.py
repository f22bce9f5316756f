"""BatchNormalization by TensorFlow's fused kernel."""

import keras
from keras import ops

DTYPES = ("float32", "bfloat16")
MIN_EPSILON = 1.001e-5  # cuDNN takes no smaller one


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, by one fused kernel forward and one backward where TensorFlow has them.

    Keras composes the layer of single operations, each of which reads and writes the whole tensor, and in half
    precision a float32 copy of it. Outputs, gradients and moving averages are the same but for rounding. Keras's own
    call is used where there is no kernel that equals it: other backends, dtypes, ranks and axes, masks, statistics over
    several devices, and XLA, which squares before it subtracts the mean (at a mean of 1,000 it returned NaN).
    """

    __module__ = "keras.layers"  # with the class's name it is what a saved model says: it loads as Keras's layer

    def call(self, inputs: object, training: bool | None = None, mask: object = None) -> object:
        """Normalise, by the batch's statistics in training mode, and update the moving averages."""
        if mask is not None or not self._has_kernel(inputs):
            return super().call(inputs, training, mask)
        import tensorflow as tf

        by_batch = bool(training and self.trainable)
        gamma, beta, moving_mean, moving_variance = (
            ops.cast(variable, "float32")
            for variable in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=gamma,
            offset=beta,
            mean=[] if by_batch else moving_mean,
            variance=[] if by_batch else moving_variance,
            epsilon=self.epsilon,
            is_training=by_batch,
        )
        if by_batch:
            count = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
            variance *= (count - 1) / count  # the kernel divides by count - 1, Keras by count
            self.moving_mean.assign(moving_mean * self.momentum + mean * (1 - self.momentum))
            self.moving_variance.assign(moving_variance * self.momentum + variance * (1 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

    def _has_kernel(self, inputs: object) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and keras.backend.standardize_dtype(inputs.dtype) in DTYPES
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and self.epsilon >= MIN_EPSILON
            and not (self.renorm or self.synchronized or _under_xla())
        )


def _under_xla() -> bool:
    import tensorflow as tf
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext  # no public function tells

    return GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.models.normalization import BatchNormalization

SHAPE = (3, 2, 2, 5)  # of few pixels: whether a variance is divided by n or n - 1 shows


def results(kind, dtype="float32", training=True, trainable=True, jit=False, shape=SHAPE, mean=3, mask=None, **options):
    """Outputs, gradients and moving averages of a layer that starts from weights of its own."""
    random = np.random.default_rng(0)
    layer = kind(momentum=0.8, dtype=dtype, **options)
    layer.build(shape)
    layer.set_weights([random.uniform(0.5, 2, weight.shape) for weight in layer.weights])
    layer.trainable = trainable
    x, gradient = (tf.cast(random.normal(loc, 2, shape), layer.compute_dtype) for loc in (mean, 0))

    @tf.function(jit_compile=jit)
    def computed(x, gradient):
        trained = [variable.value for variable in (layer.gamma, layer.beta) if variable is not None]
        with tf.GradientTape() as tape:
            tape.watch([x, *trained])
            y = layer(x, training=training, mask=mask)
        return y, *tape.gradient(y, [x, *trained], gradient)

    tensors = computed(x, gradient)
    assert {tensors[0].dtype, tensors[1].dtype} == {x.dtype}
    return [tf.cast(tensor, "float64").numpy() for tensor in (*tensors, *layer.non_trainable_variables)]


def both(**case):
    """Pairs of what the two layers compute."""
    return zip(*(results(kind, **case) for kind in (BatchNormalization, keras.layers.BatchNormalization)), strict=True)


@pytest.mark.parametrize("shape", [SHAPE, (1, 1, 1, 5)])
@pytest.mark.parametrize(("training", "trainable"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 1e-2)])
def test_the_kernel_computes_what_keras_does(dtype, tolerance, training, trainable, shape):
    case = {"dtype": dtype, "training": training, "trainable": trainable, "shape": shape}
    for ours, keras_s in both(**case):
        np.testing.assert_allclose(ours, keras_s, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "case",
    [
        {"dtype": "float64"},
        {"dtype": "mixed_float16"},
        {"axis": 1},
        {"shape": (8, 5)},
        {"shape": (4, 2, 2, 2, 5)},
        {"mask": np.arange(12).reshape(3, 2, 2) % 2},
        {"scale": False},
        {"center": False},
        {"epsilon": 1e-6},
        {"renorm": True},
        {"synchronized": True},
        {"jit": True, "mean": 1000},  # XLA's kernel returns NaN
    ],
    ids=str,
)
def test_elsewhere_the_call_is_keras_s(case, monkeypatch):
    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", None)  # calling it would be an error
    for ours, keras_s in both(**case):
        np.testing.assert_array_equal(ours, keras_s)

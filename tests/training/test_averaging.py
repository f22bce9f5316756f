import keras
import numpy as np

from keras_gen.training.averaging import MovingAverage


def small_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
    return keras.Model(model.inputs, model.outputs)


def test_the_average_follows_every_variable_by_the_formula():
    random = np.random.default_rng(0)
    model = small_model()
    average = MovingAverage(model, 0.3)
    wanted = model.get_weights()
    for update in range(1, 8):
        now = [random.normal(size=weight.shape) for weight in wanted]
        model.set_weights(now)
        average.update()
        decay = min(0.3, (1 + update) / (10 + update))  # the early ones forget sooner
        wanted = [decay * mean + (1 - decay) * new for mean, new in zip(wanted, now, strict=True)]
    for mean, value in zip(average.model.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(mean, value, rtol=1e-5)
    for weight, value in zip(model.get_weights(), now, strict=True):  # who is averaged is left alone
        np.testing.assert_allclose(weight, value, rtol=1e-6)


def test_a_checkpoint_keeps_how_many_updates_there_were():
    average = MovingAverage(small_model(), 0.999)
    average.update()
    average.update()
    assert [float(each) for each in average.variables if each.name == "updates"] == [2.0]

import numpy as np
import pytest

from keras_gen.training.adversarial import LOSSES

LOGITS = np.array([[-2.0], [-0.5], [0.5], [3.0]], np.float32)
SMOOTHED = np.array([[0.9], [0.9], [0.0], [0.0]], np.float32)  # two real images, two generated ones


def numbers(tensor):
    return np.asarray(tensor).ravel()


def test_cross_entropy_is_of_the_labels_that_are_given():
    loss = LOSSES["cross_entropy"]
    probability = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    wanted = -SMOOTHED * np.log(probability) - (1 - SMOOTHED) * np.log(1 - probability)
    np.testing.assert_allclose(numbers(loss.discriminator(SMOOTHED, LOGITS)), wanted.ravel(), rtol=1e-5)
    ones = np.ones_like(LOGITS)
    np.testing.assert_allclose(numbers(loss.generator(ones, LOGITS)), -np.log(probability).ravel(), rtol=1e-5)


def test_hinge_asks_for_logits_beyond_one_on_the_right_side():
    loss = LOSSES["hinge"]
    labels = np.array([[1], [1], [0], [0]], np.float32)
    np.testing.assert_allclose(numbers(loss.discriminator(labels, LOGITS)), [3, 1.5, 1.5, 4])
    far = loss.discriminator(labels, np.array([[1.5], [9], [-1.5], [-9]], np.float32))
    np.testing.assert_array_equal(numbers(far), 0)
    np.testing.assert_allclose(numbers(loss.generator(labels, LOGITS)), -LOGITS.ravel())


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_on_real_images_leaves_out_the_generated_ones(name):
    loss = LOSSES[name]
    on_real, all_of_it = numbers(loss.on_real(SMOOTHED, LOGITS)), numbers(loss.discriminator(SMOOTHED, LOGITS))
    np.testing.assert_array_equal(on_real, [*all_of_it[:2], 0, 0])

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.benchmarks.operations import dcgan_operations, forward, vae_operations
from keras_gen.models import build_decoder, build_discriminator, build_encoder, build_generator


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [4, 7, 8])
@pytest.mark.parametrize("kind", [layers.Conv2D, layers.Conv2DTranspose])
def test_a_convolution_is_counted_multiplication_by_multiplication(kind, size, strides, kernel):
    x = keras.Input((size, size, 3))
    layer = kind(2, kernel, strides, "same", kernel_initializer="ones", use_bias=False)
    model = keras.Model(x, layer(x))
    products = np.sum(model(np.ones((1, size, size, 3), np.float32)))  # each is one times one
    assert forward(model) == 2 * products


def test_a_vae_s_step_by_hand():
    sizes = {"latent_dim": 2, "intermediate_dim": 3}
    encoder, decoder = build_encoder((2, 2, 1), **sizes), build_decoder((2, 2, 1), **sizes)
    into, heads, out_of, pixels = 4 * 3, 2 * (3 * 2), 2 * 3, 3 * 4
    weights = into + heads + out_of + pixels
    # Forward, gradients of the weights, and of what is between the layers: all but the pixels that came in.
    assert vae_operations(encoder, decoder) == 2 * (weights + weights + weights - into)


def test_a_dcgan_s_step_by_hand():
    shape = (8, 8, 1)
    generator = build_generator(shape, latent_dim=3, filters=2, base_filters=2, kernel_size=1)
    discriminator = build_discriminator(shape, filters=2, kernel_size=1)
    g_first, g_last = 3 * (4 * 4 * 2), 4 * 4 * 2  # a dense layer; then every pixel becomes one of four
    d_first, d_last = 4 * 4 * 2, 4 * 4 * 2
    g, d = g_first + g_last, d_first + d_last
    on_shown = d + d + d_last
    by_hand = g + 2 * on_shown + g + d + d + g + g_last
    assert dcgan_operations(generator, discriminator, share_fakes=False) == 2 * by_hand
    assert dcgan_operations(generator, discriminator, share_fakes=True) == 2 * (by_hand - g)

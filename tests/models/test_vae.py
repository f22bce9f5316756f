import keras
import numpy as np
import pytest

from keras_gen.errors import InputError
from keras_gen.models import build_decoder, build_encoder, build_vae, build_vae_terms, reconstruction_loss
from keras_gen.models.vae import to_logits
from keras_gen.settings import DecoderSettings, EncoderSettings

IMAGES = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_the_chapter_s_net_has_the_chapter_s_parameters():
    encoder, decoder = build_encoder((28, 28, 1)), build_decoder((28, 28, 1))
    assert encoder.count_params() == 784 * 256 + 256 + 2 * (256 * 2 + 2)
    assert decoder.count_params() == 2 * 256 + 256 + 256 * 784 + 784


@pytest.mark.parametrize("architecture", ["dense", "conv"])
@pytest.mark.parametrize("image_shape", [(8, 8, 3), (28, 28, 1), (48, 48, 1)])
def test_shapes_for_every_architecture_and_latent_size(architecture, image_shape):
    encoder = build_encoder(image_shape, latent_dim=5, architecture=architecture, intermediate_dim=7, filters=2)
    decoder = build_decoder(image_shape, latent_dim=5, architecture=architecture, intermediate_dim=7, filters=2)
    assert [output.shape for output in encoder.outputs] == [(None, 5)] * 3
    images = numpy_of(decoder(np.zeros((3, 5), np.float32)))
    assert images.shape == (3, *image_shape)
    assert images.dtype == np.float32
    assert (images >= 0).all()
    assert (images <= 1).all()


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_a_learned_scale_goes_with_the_logits_and_changes_no_picture(architecture, tmp_path):
    decoder = build_decoder((8, 8, 3), architecture=architecture, filters=2, likelihood="discretized_logistic")
    z = np.ones((2, 2), np.float32)
    before = numpy_of(decoder(z))
    decoder.get_layer("noise_scale").weight.assign(0.1)
    np.testing.assert_array_equal(numpy_of(decoder(z)), before)
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.models.load_model(tmp_path / "decoder.keras", safe_mode=True)
    for model in (decoder, loaded):
        *logits, log_scale = np.moveaxis(numpy_of(to_logits(model)(z)), -1, 0)
        np.testing.assert_allclose(1 / (1 + np.exp(-np.stack(logits, axis=-1))), before, rtol=1e-5)
        np.testing.assert_allclose(log_scale, np.log(0.1) + 1, rtol=1e-6)


def test_several_widths_make_the_encoder_deeper_and_the_decoder_its_mirror():
    sizes = {"intermediate_dim": "9,7,5", "activation": "silu"}
    encoder = build_encoder((8, 8, 1), EncoderSettings(latent_dim=3, **sizes))
    decoder = build_decoder((8, 8, 1), DecoderSettings(latent_dim=3, **sizes))
    assert [encoder.get_layer(f"hidden_{number}").units for number in (1, 2, 3)] == [9, 7, 5]
    assert [decoder.get_layer(f"hidden_{number}").units for number in (1, 2, 3)] == [5, 7, 9]
    x = IMAGES.reshape(5, -1)
    for number in (1, 2, 3):
        layer = encoder.get_layer(f"hidden_{number}")
        before = x @ numpy_of(layer.kernel) + numpy_of(layer.bias)
        x = before / (1 + np.exp(-before))
    z_mean = encoder.get_layer("z_mean")
    wanted = x @ numpy_of(z_mean.kernel) + numpy_of(z_mean.bias)
    np.testing.assert_allclose(encoder.predict_on_batch(IMAGES)[0], wanted, atol=1e-5)


def test_layer_normalization_stands_between_each_hidden_layer_and_its_activation():
    sizes = {"latent_dim": 3, "intermediate_dim": "9,7", "layer_norm": True}
    encoder, decoder = build_encoder((8, 8, 1), **sizes), build_decoder((8, 8, 1), **sizes)
    for model, widths in ((encoder, (9, 7)), (decoder, (7, 9))):
        for number, width in enumerate(widths, start=1):
            hidden = model.get_layer(f"layer_norm_{number}").input
            assert hidden is model.get_layer(f"hidden_{number}").output
            assert hidden.shape == (None, width)
    activated = keras.Model(encoder.inputs, encoder.get_layer("activation_1").output).predict_on_batch(IMAGES)
    before = IMAGES.reshape(5, -1) @ numpy_of(encoder.get_layer("hidden_1").kernel)
    centred = before - before.mean(axis=1, keepdims=True)
    wanted = np.maximum(centred / np.sqrt(centred.var(axis=1, keepdims=True) + 1e-3), 0)
    np.testing.assert_allclose(activated, wanted, atol=1e-5)


def test_dense_nets_take_any_size_and_convolutional_ones_say_what_they_reach():
    assert build_encoder((5, 9, 1)).input_shape == (None, 5, 9, 1)
    with pytest.raises(InputError, match="cannot reach 30 pixels"):
        build_encoder((30, 30, 1), architecture="conv")
    with pytest.raises(InputError, match=r"`decoder\.architecture` must be one of dense, conv"):
        build_decoder((8, 8, 1), architecture="deep")


def test_convolutional_nets_halve_and_double_a_rectangle():
    shape, options = (16, 28, 4), {"architecture": "conv", "filters": 2}
    assert build_encoder(shape, **options).get_layer("flatten").input.shape[1:3] == (4, 7)
    decoder = build_decoder(shape, **options)
    assert decoder.output_shape == (None, *shape)
    assert decoder.get_layer("reshape").target_shape == (4, 7, 4)
    assert [decoder.get_layer(f"conv_transpose_{number}").filters for number in (1, 2)] == [4, 2]  # fewer outwards


def test_the_models_share_their_layers_and_the_loss_has_both_terms():
    encoder, decoder = build_encoder((8, 8, 1), seed=1), build_decoder((8, 8, 1))
    vae = build_vae(encoder, decoder, beta=2.0)
    kept = {id(weight) for weight in encoder.trainable_weights + decoder.trainable_weights}
    assert {id(weight) for weight in vae.trainable_weights} == kept
    # With the noise switched off by a tiny variance, the loss is known exactly.
    encoder.get_layer("z_log_var").bias.assign([-40.0, -40.0])
    vae.compile(loss=reconstruction_loss)
    loss = vae.test_on_batch(IMAGES, IMAGES)
    reconstruction, kl = build_vae_terms(encoder, decoder).predict_on_batch([IMAGES, np.zeros((5, 2), np.float32)])
    assert loss == pytest.approx(np.mean(reconstruction) + 2.0 * np.mean(kl), rel=1e-5)


def test_the_encoder_samples_afresh_around_z_mean():
    encoder = build_encoder((8, 8, 1), seed=1)
    z_mean, z_log_var, z = (numpy_of(output) for output in encoder(np.repeat(IMAGES[:1], 4000, axis=0)))
    assert z.std(axis=0) == pytest.approx(np.exp(z_log_var[0] / 2), rel=0.05)
    assert z.mean(axis=0) == pytest.approx(z_mean[0], abs=0.08)


def test_encoder_and_decoder_load_in_safe_mode_as_they_were(tmp_path):
    for architecture in ("dense", "conv"):
        encoder = build_encoder((8, 8, 1), architecture=architecture, seed=1)
        decoder = build_decoder((8, 8, 1), architecture=architecture)
        encoder.save(tmp_path / "encoder.keras")
        decoder.save(tmp_path / "decoder.keras")
        loaded = keras.models.load_model(tmp_path / "encoder.keras", safe_mode=True)
        np.testing.assert_allclose(numpy_of(loaded(IMAGES)[0]), numpy_of(encoder(IMAGES)[0]), rtol=1e-6)
        z = np.ones((2, 2), np.float32)
        loaded = keras.models.load_model(tmp_path / "decoder.keras", safe_mode=True)
        np.testing.assert_allclose(numpy_of(loaded(z)), numpy_of(decoder(z)), rtol=1e-6)

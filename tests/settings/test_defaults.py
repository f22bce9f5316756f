"""The default of every setting, which is the book chapter's value, and the values that it takes."""

import pytest

from keras_gen.settings import SETTINGS, fields_of

BOTH = """\
data image_size None: a whole number from 4 to 1024, or two as HEIGHTxWIDTH, or none
data channels None: one of 1, 3, 4, or none
data binarize False: true or false
data max_bad 50: a whole number from 0 to 1000000000
training minutes None: a number above 0 and up to 100000, or none
training patience None: a whole number from 1 to 1000000, or none
training start_from None: a path, or none
training seed 0: a whole number from 0 to 2147483647
training conditional False: true or false
training balance_classes False: true or false
training evaluate_every 0: a whole number from 0 to 1000000
training precision float32: one of float32, mixed_bfloat16, auto
training engine train_on_batch: one of train_on_batch, compiled
training distribute none: one of none, mirrored, multiworker
training jit auto: one of auto, on, off
"""
VAE = """\
training epochs 50: a whole number from 1 to 1000000
training batch_size 100: a whole number from 2 to 65536
training optimizer rmsprop: one of rmsprop, adam
training learning_rate 0.001: a number above 0 and up to 10
training learning_rate_schedule constant: one of constant, cosine, stepped
training adam_epsilon 1e-07: a number above 0 and up to 1
training clip_norm None: a number above 0 and up to 1e+09, or none
training beta 1.0: a number from 0 to 1e+06
training kl_warmup 0: a whole number from 0 to 1000000
training binarize_inputs 0.0: a number from 0 to 1
training importance_samples 1: a whole number from 1 to 1000
"""
NETWORK = """\
encoder latent_dim 2: a whole number from 1 to 4096
encoder architecture dense: one of dense, conv
encoder intermediate_dim 256: a whole number from 0 to 65536, or several with commas between
encoder activation relu: one of relu, silu, tanh
encoder layer_norm False: true or false
encoder filters 32: a whole number from 1 to 4096
encoder kernel_size 3: a whole number from 1 to 15
"""
DECODER = """\
decoder likelihood bernoulli: one of bernoulli, binarized, continuous_bernoulli, gaussian, discretized_logistic
"""
DCGAN = """\
training epochs 200: a whole number from 1 to 1000000
training batch_size 128: a whole number from 2 to 65536
training optimizer adam: one of adam, rmsprop
training generator_learning_rate 0.0001: a number above 0 and up to 10
training discriminator_learning_rate 0.001: a number above 0 and up to 10
training adam_beta_1 0.5: a number from 0 to 0.9999
training loss cross_entropy: one of cross_entropy, hinge
training label_smoothing 0.1: a number from 0 to 0.5
training discriminator_steps 1: a whole number from 1 to 1000
training concatenate_batches False: true or false
training augment none: none, or some of color,translation,cutout,mirror,auto with commas between
training augment_target 0.6: a number from -1 to 1
training ema 0.0: a number from 0 to 0.99999
training share_fakes False: true or false
generator latent_dim 100: a whole number from 1 to 4096
generator latent_distribution normal: one of normal, uniform
generator output_activation tanh: one of tanh, sigmoid
generator filters 128: a whole number from 1 to 4096
generator base_filters 192: a whole number from 1 to 8192
generator extra_layers 0: a whole number from 0 to 16
generator activation leaky_relu: one of leaky_relu, relu
generator upsampling conv_transpose: one of conv_transpose, resize
discriminator filters 64: a whole number from 1 to 4096
discriminator extra_layers 0: a whole number from 0 to 16
discriminator batch_norm True: true or false
discriminator activate_last True: true or false
discriminator spectral_norm False: true or false
discriminator dropout 0.2: a number from 0 to 0.95
"""
CONVOLUTIONS = """\
generator kernel_size 5: a whole number from 1 to 15
generator leaky_alpha 0.2: a number from 0 to 1
generator batch_norm_momentum 0.8: a number from 0 to 0.9999
generator init_stddev 0.02: a number above 0 and up to 10, or none
"""
EXPECTED = {
    "vae": BOTH + VAE + NETWORK + NETWORK.replace("encoder", "decoder") + DECODER,
    "dcgan": BOTH + DCGAN + CONVOLUTIONS + CONVOLUTIONS.replace("generator", "discriminator"),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_default_and_what_is_allowed(kind):
    values = SETTINGS[kind]().flat()
    found = {
        f"{group} {field.name} {values[f'{group}.{field.name}']}: {field.metadata['check'].expectation}"
        for group, field in fields_of(kind)
    }
    assert found == set(EXPECTED[kind].splitlines())

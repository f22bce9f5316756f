"""Functional-API builders and the few layers that Keras lacks.

Importing this package registers those layers and the losses, so that
`keras.models.load_model` finds them in safe mode.
"""

from keras_gen._keras import silence_retracing
from keras_gen.models.augmentation import AdaptiveAugment, Augment
from keras_gen.models.dcgan import build_augmented, build_discriminator, build_gan, build_generator
from keras_gen.models.layers import Binarization, KLDivergence, StandardNormal, kl_divergence, sample_latent
from keras_gen.models.losses import reconstruction_loss
from keras_gen.models.vae import (
    build_decoder,
    build_encoder,
    build_importance_weighted_vae,
    build_vae,
    build_vae_terms,
)

silence_retracing()

__all__ = [
    "AdaptiveAugment",
    "Augment",
    "Binarization",
    "KLDivergence",
    "StandardNormal",
    "build_augmented",
    "build_decoder",
    "build_discriminator",
    "build_encoder",
    "build_gan",
    "build_generator",
    "build_importance_weighted_vae",
    "build_vae",
    "build_vae_terms",
    "kl_divergence",
    "reconstruction_loss",
    "sample_latent",
]

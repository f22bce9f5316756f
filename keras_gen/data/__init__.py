"""Where images come from: public data sets by name, the embedded sample, a user's own folder, file or arrays."""

from keras_gen.data.batches import epoch_batches
from keras_gen.data.cache import clear_cache
from keras_gen.data.folder import read_image, read_images
from keras_gen.data.image_set import ImageSet
from keras_gen.data.loading import load_dataset, validation_split
from keras_gen.data.pixels import to_range, to_uint8

__all__ = [
    "ImageSet",
    "clear_cache",
    "epoch_batches",
    "load_dataset",
    "read_image",
    "read_images",
    "to_range",
    "to_uint8",
    "validation_split",
]

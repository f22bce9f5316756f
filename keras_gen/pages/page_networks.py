"""A run's networks as a page carries them: in half precision where no image shows it, or not at all."""

import keras
import numpy as np

from keras_gen.models.exporting import Operation, export, export_encoder, foreign_layers, largest_layers, multiply_adds
from keras_gen.models.inference import decode, encode
from keras_gen.pages.explorer import LARGEST_SIDE, floats
from keras_gen.run import Run
from keras_gen.text import listed, printable

WEIGHT_TEXT = 8_500_000  # letters of all networks of a page
# For one image: about a tenth of a second in a browser.
LIVE_MULTIPLY_ADDS = 150_000_000
CHECKED_POINTS = 1000  # latent points whose images are compared
LETTERS = {"<f2": 2.7, "<f4": 5.4}  # of a weight


def page_networks(run: Run, images: np.ndarray | None, labels: np.ndarray | None) -> tuple[dict, list[str]]:
    """Return the decoder, and of a VAE the encoder, as lists of operations with their weights as texts, or None.

    Besides, sentences that say what the page can compute.

    Args:
        run: The run.
        images: Images whose codes are compared, uint8, for a VAE.
        labels: Theirs, for a conditional run.
    """
    model = run.model(run.image_model)
    weights = f"{model.count_params():,} weights"
    operations = export(model, labels=True)
    if operations is None:
        return {}, [
            f"The {model.name} ({weights}) has layers that this page cannot compute "
            f"({printable(listed(foreign_layers(model), 3), 200)}): pictures are blended from images made beforehand."
        ]
    fits = (
        max(run.image_shape[:2]) <= LARGEST_SIDE
        and multiply_adds(model) <= LIVE_MULTIPLY_ADDS
        and LETTERS["<f2"] * model.count_params() <= WEIGHT_TEXT
    )
    dtype = _decoder_dtype(run, model) if fits else "<f4"
    letters = LETTERS[dtype] * model.count_params()
    if not fits or letters > WEIGHT_TEXT:
        layers = listed(f"{name} with {size:,}" for name, size in largest_layers(model))
        return {}, [
            f"The {model.name} ({weights}) is too large for this page: pictures are blended from images made "
            f"beforehand. Its largest layers: {layers}."
        ]
    remarks = [f"Every picture is computed live, in your browser, by the trained {model.name} ({weights})."]
    networks = {"decoder": _texts(operations, dtype)}
    if run.encodes:
        encoder = run.model("encoder")
        operations = export_encoder(encoder, labels=True)
        dtype = _encoder_dtype(run, encoder, images, labels)
        if operations is not None and letters + LETTERS[dtype] * encoder.count_params() <= WEIGHT_TEXT:
            networks["encoder"] = _texts(operations, dtype)
        else:
            layers = listed(f"{name} with {size:,}" for name, size in largest_layers(encoder))
            remarks.append(
                "The encoder is too large for this page, so an image of your own cannot be encoded here; the command "
                f"`latent project` can. Its largest layers: {layers}."
            )
    return networks, remarks


def rounded(model: keras.Model) -> keras.Model:
    """Return a copy of a network whose kernels are in half precision."""
    copy = keras.models.clone_model(model)
    copy.set_weights([_half(values) if values.ndim > 1 else values for values in model.get_weights()])
    return copy


def _half(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what becomes infinite is seen in the images
        return values.astype(np.float16).astype(values.dtype)


def _decoder_dtype(run: Run, model: keras.Model) -> str:
    points = run.at_typical_length(run.draw(CHECKED_POINTS, 0))
    labels = run.draw_labels(CHECKED_POINTS, 0) if run.conditional else None
    images = (decode(network, points, run.pixel_range, labels) for network in (model, rounded(model)))
    return _dtype(*images)


def _encoder_dtype(run: Run, encoder: keras.Model, images: np.ndarray, labels: np.ndarray | None) -> str:
    """Return half precision if reconstructions do not show it, and no code moves by a twentieth of its deviation."""
    images, labels = images[:CHECKED_POINTS], None if labels is None else labels[:CHECKED_POINTS]
    (full, log_var), (half, half_log_var) = (
        encode(network, images, run.pixel_range, labels) for network in (encoder, rounded(encoder))
    )
    if not np.all(np.abs(half - full) <= 0.05 * np.exp(log_var / 2)) or not np.all(
        np.abs(half_log_var - log_var) < 0.1
    ):
        return "<f4"
    return _dtype(*(run.decode(codes, labels) for codes in (full, half)))


def _dtype(images: np.ndarray, rounded_images: np.ndarray) -> str:
    return "<f2" if np.abs(images.astype(int) - rounded_images).max() <= 1 else "<f4"


def _texts(operations: list[Operation], dtype: str) -> list[dict]:
    """Return operations as network.js reads them; what is no kernel stays in float32."""
    result = []
    for operation in operations:
        kernel = operation.weights.get("kernel")
        shape = {} if kernel is None else {"kernelShape": kernel.shape}
        weights = {
            name: floats(values, dtype if name == "kernel" else "<f4") for name, values in operation.weights.items()
        }
        result.append({"kind": operation.kind, "options": operation.options | shape, "weights": weights})
    return result

"""What differs between the runs of a VAE and of a DCGAN, and the function that loads either."""

import math
from pathlib import Path

import numpy as np

from keras_gen.errors import InputError
from keras_gen.run.arguments import as_images, as_path
from keras_gen.run.folder import RunFolder
from keras_gen.run.run import Run

MIN_TYPICAL = 16  # dimensions, from which on the lengths of draws differ by less than a fifth


class VAERun(Run):
    """A variational autoencoder's run."""

    kind, image_model, method, encodes, criterion = "vae", "decoder", "linear", True, "validation_loss"
    views = ("scatter", "manifold", "reconstruct", "interpolate", "concept", "traverse", "project", "directions")

    @property
    def final_views(self) -> tuple[str, ...]:
        """Those that are drawn when it ends."""
        plane = {1: (), 2: ("manifold",)}.get(self.settings.latent_dim, ("traverse",))
        return ("scatter", *plane, "reconstruct")

    def encode(self, images: np.ndarray, labels: object = None) -> np.ndarray:
        """Return the mean codes of images, float32 of shape (n, latent_dim).

        Args:
            images: One image or several of the run's shape: uint8 from 0 to 255, floats from 0 to 1, or bool.
            labels: For a conditional run, the label of each image, or one for all.

        Raises:
            InputError: The images have another shape, or values that could mean several things.
        """
        return self.encode_distribution(images, labels)[0]

    def encode_distribution(self, images: np.ndarray, labels: object = None) -> tuple[np.ndarray, np.ndarray]:
        """Return z_mean and z_log_var of images (see `encode`), each float32 of shape (n, latent_dim)."""
        from keras_gen.models.inference import encode

        images = as_images(images, self.image_shape)
        labels = self.network_labels(labels, len(images))
        return encode(self.model("encoder"), images, self.pixel_range, labels)

    @property
    def held_out_bits(self) -> float | None:
        """Bits per dimension by the last held-out losses; None if these are of no likelihood of 256 levels."""
        if self.settings.decoder.likelihood != "discretized_logistic" or not self.history:
            return None
        nats = self.history[-1]["held_out_reconstruction"] + self.history[-1]["held_out_kl"]
        return nats / math.log(2) / math.prod(self.image_shape)


class DCGANRun(Run):
    """A DCGAN's run."""

    kind, image_model, method, encodes, criterion = "dcgan", "generator", "spherical", False, "kid"
    views = ("interpolate", "concept", "traverse", "project", "directions")

    def encode(self, images: np.ndarray, labels: object = None) -> np.ndarray:
        """Raise InputError: a DCGAN has no encoder."""
        raise InputError(
            f"{self.where} is a DCGAN's run, which cannot encode images; use `project`, which looks for them"
        )

    encode_distribution = encode

    @property
    def typical_length(self) -> float | None:
        """The length of draws from N(0, 1) in many dimensions; None in few, or for another distribution."""
        if self.settings.latent_distribution == "normal" and self.settings.latent_dim >= MIN_TYPICAL:
            return float(np.sqrt(self.settings.latent_dim))
        return None


RUNS = {"vae": VAERun, "dcgan": DCGANRun}


def load_run(path: str | Path, best: bool = False) -> Run:
    """Load a run to make images from it, to look into its latent space, and to measure it.

    Args:
        path: The run folder, such as `runs/0001-vae-mnist5k`.
        best: Use the best models, which `evaluate_every` or `patience` saves, instead of the last.

    Returns:
        A `VAERun` or a `DCGANRun`.

    Raises:
        InputError: The folder holds no run, or none with best models.
    """
    folder = RunFolder(as_path("path", path))
    record = folder.read()
    if best and not isinstance(record.get("best"), dict):
        raise InputError(f"{path} has no best models; only `evaluate_every` or `patience` saves them")
    return RUNS[record["kind"]](record, folder, best=best)

"""A run that has been trained, loaded to make images from and to look into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.errors import InputError
from keras_gen.latent import at_typical_length, draw_latents, interpolate
from keras_gen.seeds import random_stream
from keras_gen.training.recipes import settings_of
from keras_gen.training.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

    from keras_gen.data import ImageSet

MANY = 16  # dimensions, from which on the lengths of draws differ by less than a fifth
IMAGE_MODEL = {"vae": "decoder", "dcgan": "generator"}


class TrainedRun:
    """A run's networks, with what is needed to use them; its models are loaded when they are first asked for.

    Args:
        path: The run folder.
        models: Models that are in memory already, by name; others are loaded when they are asked for.
        datasets: Its training and held-out images, if they are in memory already.
        best: Load the best models, which `--evaluate-every` keeps, instead of the last.

    Attributes:
        folder: The run folder.
        kind: `vae` or `dcgan`.
        settings: What it was trained with.
        image_shape: Height, width and channels.
        pixel_range: Lowest and highest value of a pixel, as the networks see it.

    Raises:
        InputError: The folder holds no run.
    """

    def __init__(
        self,
        path: str | Path,
        models: dict[str, keras.Model] | None = None,
        datasets: tuple[ImageSet, ImageSet] | None = None,
        best: bool = False,
    ) -> None:
        self.folder = RunFolder(path)
        self._facts = self.folder.read()
        self.kind = self._facts["kind"]
        self.settings = settings_of(self._facts)
        self.pixel_range = tuple(self._facts["pixel_range"])
        self.image_shape = tuple(self._facts["dataset"]["train"]["image_shape"])
        self._models = dict(models or {})
        self._datasets = datasets
        self._best = best

    def model(self, name: str) -> keras.Model:
        """Return a saved model: `generator`, `discriminator`, `encoder` or `decoder`.

        Raises:
            InputError: The run has no such model, or it cannot be loaded safely.
        """
        if name not in self._models:
            self._models[name] = self.folder.load_model(name, self._best)
        return self._models[name]

    @property
    def epoch(self) -> int:
        """The last whole epoch that its models have seen, or the best; 0 if it was stopped in its first."""
        if self._best:
            return self._facts["best"]["epoch"]
        history = self.folder.read_table("history.csv")
        return int(history[-1]["epoch"]) if history else 0

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        """Return latent points, float32 of shape (count, latent_dim), drawn as in training.

        The first point of a seed is the same whatever the count: it is what `--seeds` names an image by.
        """
        random = random_stream(seed, "generate")
        return draw_latents(random, count, self.settings.latent_dim, self.settings.latent_distribution)

    def draw_seeds(self, seeds: Sequence[int]) -> np.ndarray:
        """Return the latent point of each seed, float32 of shape (len(seeds), latent_dim)."""
        return np.concatenate([self.draw(1, seed) for seed in seeds])

    def generate(self, count: int = 64, seed: int = 0) -> np.ndarray:
        """Return new images, uint8 of shape (count, height, width, channels)."""
        return self.decode(self.draw(count, seed))

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Return the images at latent points of shape (n, latent_dim), uint8 (n, height, width, channels)."""
        from keras_gen.models.inference import decode

        latents = np.asarray(latents, np.float32)
        return decode(self.model(IMAGE_MODEL[self.kind]), latents, self.pixel_range)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return the mean codes of uint8 images, float32 of shape (n, latent_dim).

        Raises:
            InputError: The run is a DCGAN's, which has no encoder.
        """
        return self.encode_distribution(images)[0]

    def encode_distribution(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return z_mean and z_log_var of uint8 images, each float32 of shape (n, latent_dim).

        Raises:
            InputError: The run is a DCGAN's, which has no encoder.
        """
        if self.kind != "vae":
            raise InputError(f"{self.folder.path} is a DCGAN's run, which cannot encode images; use a VAE's, or seeds")
        from keras_gen.models.inference import encode

        return encode(self.model("encoder"), images, self.pixel_range)

    def interpolate(self, start: np.ndarray, end: np.ndarray, steps: int = 9, method: str | None = None) -> np.ndarray:
        """Return the images on the way from one latent point to another.

        Args:
            start: Shape (latent_dim,).
            end: Shape (latent_dim,).
            steps: Images, both ends among them.
            method: `linear` or `spherical`; None is linear for a VAE, spherical for a DCGAN.

        Returns:
            uint8, shape (steps, height, width, channels).
        """
        return self.decode(interpolate(start, end, steps, method or self.method))

    @property
    def typical_length(self) -> float | None:
        """How long nearly all latent points are that a generator was trained on, where they share a length.

        Draws of N(0, 1) in many dimensions do. None in few dimensions, and for a
        VAE, whose encoder fills the space inside too.
        """
        many = self.settings.latent_dim >= MANY
        if self.kind == "dcgan" and self.settings.latent_distribution == "normal" and many:
            return float(np.sqrt(self.settings.latent_dim))
        return None

    def at_typical_length(self, latents: np.ndarray) -> np.ndarray:
        """Return latent points, shape (n, latent_dim), brought to the length that draws share, where they do."""
        return latents if self.typical_length is None else at_typical_length(latents)

    @property
    def method(self) -> str:
        """How its latent points are best joined."""
        return "linear" if self.kind == "vae" else "spherical"

    def datasets(self) -> tuple[ImageSet, ImageSet]:
        """Return the training and held-out images again; they are loaded once.

        Raises:
            InputError: The run was made from Python, or the images are no longer where they were, or other ones.
        """
        if self._datasets is None:
            self._datasets = self._load_datasets()
        return self._datasets

    def _load_datasets(self) -> tuple[ImageSet, ImageSet]:
        from keras_gen.data import load_dataset, set_aside

        if "source" not in self._facts:
            raise InputError(f"{self.folder.path} was made from Python and does not know where its images came from")
        source = dict(self._facts["source"])
        name = source.pop("dataset")
        try:
            train, held_out = load_dataset(name, seed=self.settings.seed, say=lambda _: None, **source)
        except InputError as error:
            raise InputError(
                f"{self.folder.path} was trained on images that cannot be had ({error}); put them back where they were"
            ) from None
        if self.settings.evaluate_every:
            train, _ = set_aside(train, self.settings.seed)
        sets = train, held_out
        if self.folder.foreign_part(*sets):
            raise InputError(f"the images of {name} are no longer those of {self.folder.path}")
        return sets


def load_run(path: str | Path, best: bool = False) -> TrainedRun:
    """Load a run to make images from it and to look into its latent space.

    Args:
        path: The run folder, such as `runs/0001-vae-mnist5k`.
        best: Load the best models, which `--evaluate-every` keeps, instead of the last.

    Raises:
        InputError: The folder holds no run.
    """
    return TrainedRun(path, best=best)

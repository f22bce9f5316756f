"""What a run makes: latent points, labels, and the images at them."""

import difflib
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from keras_gen.data import ImageSet
from keras_gen.data.image_set import label_names
from keras_gen.data.labels import label_of
from keras_gen.errors import InputError
from keras_gen.run.arguments import PRIORS, as_latents, as_point, check_count, check_numbers, check_one_of
from keras_gen.seeds import random_stream
from keras_gen.text import listed, printable

MAX_MIXTURES = 100  # classes that each have one, if no label is given
Label = int | str  # a label's number or name


class RunDraws:
    """The methods of a run that draw latent points and labels, and make images of them."""

    encodes: bool
    mixtures: tuple[str, dict] = ("", {})  # of which models, and what `latent.prior` fitted to their codes

    @property
    def conditional(self) -> bool:
        """Whether its networks take the label beside the image or the latent point."""
        return self.settings.training.conditional

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The name of each label, or its number where the classes have no names; none if the images have no labels."""
        if self.class_names:
            return self.class_names
        if counts := self.record["dataset"].get("class_counts"):
            return tuple(map(str, range(len(counts))))
        train, _ = self.datasets()
        return label_names(train.labels, ())

    @cached_property
    def label_counts(self) -> tuple[np.ndarray, np.ndarray]:
        """The labels that training images have, rising, and how many have each; empty if they have no labels."""
        if counts := self.record["dataset"].get("class_counts"):
            return np.flatnonzero(counts), np.array(counts)[np.flatnonzero(counts)]
        train, _ = self.datasets()
        return np.unique([] if train.labels is None else train.labels, return_counts=True)

    def labels(self, label: Label | Sequence[Label], remarks: list[str] | None = None) -> np.ndarray:
        """Return the numbers of labels, int64 (n,), that are given by number or name, one or several.

        `remarks` is given what the user should know of how a name was understood.
        """
        given = [label] if isinstance(label, int | str) else np.asarray(label, object).ravel().tolist()
        given = [int(one) if isinstance(one, np.integer) else one for one in given]
        if not given or not all(type(one) in (int, str) for one in given):
            raise InputError(f"`label` must be a label's number or name, or several; received {printable(repr(label))}")
        names = self.label_names
        if not names:
            raise InputError(f"{self.name} has no labels, so none can be chosen; train with images that have some")
        numbers = {one: self._label(one, names, [] if remarks is None else remarks) for one in dict.fromkeys(given)}
        for one, number in numbers.items():
            if self.conditional and number not in self.label_counts[0]:
                raise InputError(f"the run has seen no image of the label {printable(one)}; name another")
        return np.array([numbers[one] for one in given], np.int64)

    def labels_of(self, images: ImageSet, indices: object = slice(None)) -> np.ndarray | None:
        """Return the labels of some images of the run's data, if its networks take them."""
        return images.labels[indices] if self.conditional else None

    def _label(self, label: Label, names: tuple[str, ...], remarks: list[str]) -> int:
        number = label_of(label, names, remarks)
        if number is None:
            near = difflib.get_close_matches(str(label), names, n=3)
            known = f"the nearest are {listed(near)}" if near else f"the labels are {listed(names)}"
            raise InputError(f"there is no label {printable(label)}; {known}")
        return number

    def draw_labels(
        self,
        count: int,
        seed: int = 0,
        label: Label | Sequence[Label] | None = None,
        prior: str | None = None,
        remarks: list[str] | None = None,
    ) -> np.ndarray | None:
        """Return the label of each of `count` images: those that are given, in turn, or as often as in training.

        Returns:
            int64 of shape (count,), or None if none is given and the images are drawn without.
        """
        if label is not None:
            return np.resize(self.labels(label, remarks), count)
        if not self.conditional and (prior != "mixture" or not self.encodes):
            return None
        labels, counts = self.label_counts
        if not self.conditional:  # each class has a mixture of its own, unless they are too many or too small
            labels, counts = labels[counts > 1], counts[counts > 1]
            if not 0 < len(labels) <= MAX_MIXTURES:
                return None
        return random_stream(seed, "labels").choice(labels, count, p=counts / counts.sum())

    def draw(self, count: int, seed: int = 0, labels: np.ndarray | None = None, prior: str | None = None) -> np.ndarray:
        """Return latent points, float32 of shape (count, latent_dim).

        The first point of a seed is the same whatever the count: it is what `generate --seeds` names an image by.

        Args:
            count: How many.
            seed: Start of the draws.
            labels: Of the images to come, int64 (count,), or None.
            prior: `normal`, as in training, or `mixture`: a Gaussian mixture fitted to the codes of the training images
                (VAE). None is `mixture` where only that gives images of a label, else `normal`.
        """
        from keras_gen.latent.sampling import draw_latents

        count, seed = check_count("count", count, 1), check_count("seed", seed, 0)
        settings = self.settings
        latents = draw_latents(
            random_stream(seed, "generate"), count, settings.latent_dim, settings.latent_distribution
        )
        chosen = labels is not None and not self.conditional
        prior = check_one_of("prior", prior or ("mixture" if chosen else "normal"), PRIORS)
        if prior == "normal" and not chosen:
            return latents
        self._check_mixture(prior, chosen)
        from keras_gen.latent.prior import draw_shares, run_mixtures

        groups = np.full(count, -1) if labels is None else self._one_each(labels, count)
        mixtures = run_mixtures(self, {None if group < 0 else group for group in np.unique(groups).tolist()})
        points, shares = latents.copy(), draw_shares(seed, count)
        for group in np.unique(groups).tolist():
            rows = groups == group
            points[rows] = mixtures[None if group < 0 else group].points(latents[rows], shares[rows])
        return points

    def _check_mixture(self, prior: str, chosen: bool) -> None:
        if not self.encodes and chosen:
            raise InputError(
                f"{self.where} is a DCGAN's run that knows no labels; train one that does with `conditional`, or a VAE"
            )
        if not self.encodes:
            raise InputError(
                f"{self.where} is a DCGAN's run, which cannot encode images; leave `prior` out, or use a VAE's"
            )
        if prior == "normal":
            raise InputError(
                f'{self.where} knows no labels: a label is drawn by `prior="mixture"` there; leave `prior` out'
            )

    def draw_seeds(
        self, seeds: Sequence[int], labels: np.ndarray | None = None, prior: str | None = None
    ) -> np.ndarray:
        """Return the latent point of each seed, float32 of shape (len(seeds), latent_dim); see `draw`."""
        seeds = check_numbers("seeds", seeds, "whole numbers from 0 to 2147483647")
        parts = [None] * len(seeds) if labels is None else np.split(labels, len(seeds))
        return np.concatenate([self.draw(1, seed, part, prior) for seed, part in zip(seeds, parts, strict=True)])

    def generate(
        self,
        count: int = 64,
        seed: int = 0,
        label: Label | Sequence[Label] | None = None,
        prior: str | None = None,
    ) -> np.ndarray:
        """Return new images, uint8 of shape (count, height, width, channels).

        Args:
            count: How many.
            seed: Start of the draws.
            label: The label that they are to have, by number or name, or several, in turn. A VAE that was not trained
                with `conditional` draws them from a mixture fitted to the codes of each class.
            prior: See `draw`.
        """
        labels = self.draw_labels(check_count("count", count, 1), check_count("seed", seed, 0), label, prior)
        return self.decode(self.draw(count, seed, labels, prior), labels if self.conditional else None)

    def decode(self, latents: np.ndarray, label: Label | Sequence[Label] | None = None) -> np.ndarray:
        """Return the images, uint8 (n, height, width, channels), at latent points.

        Args:
            latents: Numbers of shape (n, latent_dim), or one point of shape (latent_dim,).
            label: For a conditional run, the label of each point, or one for all.
        """
        from keras_gen.models.inference import decode

        latents = as_latents(latents, self.settings.latent_dim)
        return decode(self.model(self.image_model), latents, self.pixel_range, self.network_labels(label, len(latents)))

    def network_labels(
        self, label: Label | Sequence[Label] | None, count: int, remarks: list[str] | None = None
    ) -> np.ndarray | None:
        """Return what the networks take beside `count` images or points: a label each, or None if they take none.

        `remarks` is as for `labels`.
        """
        if self.conditional and label is None:
            raise InputError(f"{self.where} is a conditional run; say of which label the images are with `label`")
        if label is not None and not self.conditional:
            raise InputError(
                f"{self.where} is not conditional, so its networks take no label; leave it out, or train a run with "
                "`conditional`"
            )
        return None if label is None else self._one_each(label, count, remarks)

    def _one_each(self, label: Label | Sequence[Label], count: int, remarks: list[str] | None = None) -> np.ndarray:
        labels = self.labels(label, remarks)
        if len(labels) not in (1, count):
            raise InputError(f"`label` must be one label, or {count}, one for each; received {len(labels)}")
        return np.resize(labels, count)

    def interpolate(
        self,
        start: np.ndarray,
        end: np.ndarray,
        steps: int = 9,
        method: str | None = None,
        label: Label | None = None,
        to_label: Label | None = None,
    ) -> np.ndarray:
        """Return `steps` images, uint8, on the way from one latent point to another, both ends among them.

        Args:
            start: Shape (latent_dim,).
            end: Shape (latent_dim,).
            steps: Images.
            method: `linear` or `spherical`; None is what suits the model.
            label: For a conditional run, the label of all images.
            to_label: For a conditional run, the label at the end, if it is to change evenly on the way.
        """
        from keras_gen.latent.interpolation import METHODS, interpolate

        latent_dim = self.settings.latent_dim
        ends = as_point("start", start, latent_dim), as_point("end", end, latent_dim)
        method = check_one_of("method", method or self.method, METHODS)
        points = interpolate(*ends, check_count("steps", steps, 2), method)
        if to_label is None:
            return self.decode(points, label)
        last, first = (self.network_labels(one, 1)[0] for one in (to_label, label))
        return self._decode_between(points, first, last)

    def _decode_between(self, latents: np.ndarray, first: int, last: int) -> np.ndarray:
        """Return the images at latent points, the first of one label, the last of another, and between of both."""
        from keras_gen.models.conditioning import with_rows
        from keras_gen.models.inference import decode

        share = np.linspace(0, 1, len(latents), dtype=np.float32)
        rows = np.zeros((len(latents), len(self.label_names)), np.float32)
        rows[:, first] += 1 - share
        rows[:, last] += share
        return decode(with_rows(self.model(self.image_model)), latents, self.pixel_range, rows)

    @property
    def typical_length(self) -> float | None:
        """Length that nearly all latent points share that the generator was trained on, or None."""
        return None

    def at_typical_length(self, latents: np.ndarray) -> np.ndarray:
        """Return latent points, shape (n, latent_dim), brought to the length that draws share, where they do."""
        from keras_gen.latent.sampling import at_typical_length

        return latents if self.typical_length is None else at_typical_length(latents)

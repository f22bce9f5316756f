"""What a run shows and measures: each method imports what it needs when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.errors import InputError
from keras_gen.run.arguments import check_count

if TYPE_CHECKING:
    from keras_gen.data import ImageSet
    from keras_gen.figures import Figure
    from keras_gen.latent.directions import Directions
    from keras_gen.latent.inversion import Projection
    from keras_gen.latent.view import View
    from keras_gen.run.folder import RunFolder
    from keras_gen.run.run import Run


class RunResults:
    """The methods of a run that draw, measure, or write pages and films."""

    def grid(self, count: int = 64, seed: int = 0) -> Figure:
        """Return a figure of new images; a notebook shows it.

        Args:
            count: Images.
            seed: Start of the latent points; the same images as `generate(count, seed)`.
        """
        from keras_gen.figures import image_table

        images = self.generate(check_count("count", count, 1, 400), seed)
        columns = -int(-(count**0.5) // 1)
        return image_table(images, [""] * columns, [""] * -(-count // columns))

    def show(self, count: int = 64, seed: int = 0) -> None:
        """Show new images, in the middle of a notebook's cell, too; see `grid`.

        Raises:
            InputError: Nothing can show a picture here; `grid` and `report` are for other places.
        """
        if "IPython" not in sys.modules:
            raise InputError("show() needs a notebook; use grid(...).savefig(path), or report()")
        from IPython.display import display

        display(self.grid(count, seed))

    def _repr_html_(self) -> str:
        from keras_gen.pages.notebook import run_html

        return run_html(self)

    def plot_history(self) -> Figure:
        """Return a figure of the losses after each epoch; a notebook shows it."""
        from keras_gen.figures import loss_curves

        if not self.history:
            raise InputError(f"{self.where} has no finished epoch yet, so there are no losses to plot")
        return loss_curves(self.history, self.settings.loss_unit)

    def view(self, name: str, **options: object) -> View:
        """Return a view of the latent space: a picture that a notebook shows, and that `save()` writes.

        Args:
            name: One of `views`: `interpolate`, `concept`, `traverse`; a VAE has `scatter`, `manifold`, `reconstruct`.
            **options: Arguments of the function of that name in `keras_gen.latent.maps` or `keras_gen.latent.walks`.

        Raises:
            InputError: The run has no such view, or not with these options.

        Example:
            >>> run.view("interpolate", start=0, end="my-seven.png").save("walk.png")
        """
        from keras_gen.latent.views import make_view

        return make_view(self, name, **options)

    def project(
        self,
        images: object,
        label: int | str | Sequence[int | str] | None = None,
        refine: bool = False,
        starts: int = 3,
        steps: int = 250,
    ) -> Projection:
        """Return the latent points whose images are nearest to given ones: a VAE's encoder, or gradient descent.

        Args:
            images: An array, or one or several of: an image file, a folder of image files, an .npy, the number of a
                held-out image. Files are cropped and resized as training images are.
            label: Of a conditional run: the images' label, or one for each; None tries all.
            refine: Go on from the encoder's points by gradient descent (VAE).
            starts: Points to start from, for each image (DCGAN).
            steps: Of gradient descent from the best start.

        Returns:
            A `keras_gen.latent.inversion.Projection`: `latents`, `images`, `errors`, `labels` and `originals`.

        Example:
            >>> run.project("my-seven.png").latents
        """
        from keras_gen.latent.inversion import project
        from keras_gen.latent.own_images import given_images

        pixels, _ = given_images(self, images)
        labels = None if label is None else self.network_labels(label, len(pixels))
        return project(self, pixels, labels, refine, starts, steps)

    def directions(self, count: int = 8) -> Directions:
        """Return directions of the latent space.

        Those of a DCGAN are what its first layer amplifies most (SeFa), those of a VAE its active dimensions, ordered
        by KL. For labelled images a direction towards each class follows, unless the run is conditional.

        Args:
            count: How many, at most, beside those of classes.

        Returns:
            A `keras_gen.latent.directions.Directions`: `vectors`, float32 (n, latent_dim), and `names`.
        """
        from keras_gen.latent.directions import find_directions

        return find_directions(self, count)

    def evaluate(self, *, training_images: bool = True, **options: object) -> dict:
        """Measure the run on its held-out images, and return the scores; see `keras_gen.evaluation.scores.evaluate`.

        With a folder they are written to metrics.json, and the report is renewed.

        Args:
            training_images: Whether the report shows training images; see `report`.
            **options: Arguments of that function.
        """
        from keras_gen.evaluation.scores import evaluate
        from keras_gen.run.kinds import load_run

        scores = evaluate(self, **options)
        if self.folder is not None:  # it may have been trained on meanwhile, by another process
            load_run(self.folder.path).report(say=options.get("say", print), training_images=training_images)
        return scores

    def validation_measure(self, train: ImageSet, validation: ImageSet) -> Callable[[Run], dict[str, float]]:
        """Return what measures this run on validation images; see `keras_gen.evaluation.validation`."""
        from keras_gen.evaluation.validation import MEASURES

        return MEASURES[self.kind](self, train, validation)

    def report(
        self, out: str | Path | None = None, say: Callable[[str], None] = print, *, training_images: bool = True
    ) -> Path:
        """Write all of the run on one page, and return its path.

        Args:
            out: The file, `.html`; None is report.html in the run's folder.
            say: Told of pictures that are left out, since they are damaged.
            training_images: Whether the page shows training images; False is for those who may not share them.
        """
        from keras_gen.pages.report import write_report

        self._default_folder()
        return write_report(self, out, say, training_images)

    def report_progress(self, time_left: str | None, next_seconds: float) -> Path:
        """Write report.html of a run that is being trained; the page then loads itself again.

        Args:
            time_left: How long the rest will take, as a text such as `3 min`; None if that is not known yet.
            next_seconds: After how long it is expected to be written again, at the latest.
        """
        from keras_gen.pages.report import Live, write_report

        self._default_folder()
        return write_report(self, say=lambda line: None, live=Live(time_left, next_seconds))

    def explore(
        self,
        out: str | Path | None = None,
        dimensions: Sequence[int] | None = None,
        seeds: Sequence[int] | None = None,
        label: int | str | None = None,
        say: Callable[[str], None] = print,
    ) -> Path:
        """Write a page to move through the latent space in a browser, and return its path.

        Args:
            out: The file, `.html`; None is explorer.html in the run's folder.
            dimensions: The two of a VAE's plane; None takes 0 and 1 if there are no more, else the principal axes.
            seeds: Three, whose latent points a DCGAN's plane goes through; None takes 0, 1 and 2.
            label: Of the images of a conditional run; None is the first.
            say: Told of pictures that are left out, since they are damaged, and how the label was understood.
        """
        from keras_gen.pages.run_explorer import make_explorer

        return make_explorer(self, out, dimensions, seeds, label, say)

    def film(
        self,
        out: str | Path | None = None,
        frames: int = 60,
        frame_ms: int = 120,
        say: Callable[[str], None] = print,
        label: int | str | None = None,
    ) -> list[Path]:
        """Write a film of the training, a GIF (and an MP4 if ffmpeg is installed), and return the files.

        Args:
            out: The file, `.gif`; None is film.gif in the run's figures.
            frames: Epochs to show, at most, evenly spaced.
            frame_ms: Milliseconds that each is shown.
            say: Told of pictures that are left out, since they are damaged.
            label: The class whose images are shown, of a conditional run; None shows all.
        """
        from keras_gen.latent.film import make_film

        self._default_folder()
        return make_film(self, out, frames, frame_ms, say, label)

    def export(self, to: str, out: str | Path | None = None) -> Path:
        """Write the networks in another program's format, with a model card; see `keras_gen.run.export.export_run`."""
        from keras_gen.run.export import export_run

        return export_run(self, to, out)

    def draw_data(self) -> Path:
        """Draw some training images as the networks see them into the folder, and return the picture's path."""
        from keras_gen.latent.pictures import draw_data

        self._default_folder()
        return draw_data(self)

    def draw_epoch(self) -> None:
        """Draw the grid of the last epoch into the folder: what the same latent points become."""
        from keras_gen.latent.pictures import draw_epoch

        self._default_folder()
        draw_epoch(self)

    def draw_figures(self) -> list[Path]:
        """Draw the figures of the whole run into the folder, and return those worth opening, best first."""
        from keras_gen.latent import pictures

        return pictures.draw_figures(self)

    def missing_pictures(self) -> bool:
        """Return whether figures that `draw_figures` makes, or the report, are missing or damaged."""
        from keras_gen.latent import pictures

        return pictures.are_missing(self)

    def figure_path(self, name: str) -> Path:
        """Return where a figure goes by default; what the best models draw takes no other figure's place."""
        return self._default_folder().figures / f"{name}{'-best' if self.best else ''}.png"

    def page_path(self, name: str) -> Path:
        """Return where a page goes by default."""
        return self._default_folder().path / f"{name}{'-best' if self.best else ''}.html"

    def _default_folder(self) -> RunFolder:
        if self.folder is None:
            raise InputError("this run has no folder; say where the file should go")
        return self.folder

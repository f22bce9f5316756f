"""What a notebook shows of a run and of a set of images."""

import numpy as np
from markupsafe import Markup

from keras_gen.data import ImageSet
from keras_gen.figures.grids import enlarged, image_grid, to_pillow
from keras_gen.indices import evenly_spaced_indices
from keras_gen.pages import data_url
from keras_gen.run import Run
from keras_gen.settings import NAMES

SHOWN = 32  # images


def run_html(run: Run) -> Markup:
    """Return a run's facts, losses and findings, and new images if it has a network in memory or in its folder."""
    facts = [("epochs", run.epoch), ("status", run.status)]
    if run.history:
        facts += [
            (name.replace("_", " "), f"{value:.4g}") for name, value in run.history[-1].items() if name != "epoch"
        ]
    facts += [("doctor", finding["text"]) for finding in run.open_findings]
    if run.folder:
        facts.append(("folder", run.folder.path))
    images = run.generate(SHOWN) if run.history else None
    return _html(f"{NAMES[run.kind]} of {run.name}", facts, images)


def image_set_html(image_set: ImageSet) -> Markup:
    """Return a set's size and classes, and some of its images."""
    height, width, channels = image_set.image_shape
    facts: list[tuple[str, object]] = [
        ("images", f"{len(image_set):,} of {height} x {width} pixels, {channels} channels")
    ]
    if image_set.has_classes:
        names = image_set.class_names
        facts.append(("classes", ", ".join(names) if len(names) <= SHOWN else f"{len(names):,} classes"))
    return _html(image_set.name, facts, image_set.images[evenly_spaced_indices(len(image_set), SHOWN)])


def _html(title: str, facts: list[tuple[str, object]], images: np.ndarray | None) -> Markup:
    rows = Markup().join(Markup("<tr><th>{}</th><td>{}</td></tr>").format(name, str(value)) for name, value in facts)
    picture = Markup()
    if images is not None and len(images):
        grid = enlarged(image_grid(images, columns=8), images.shape[1], wanted=48)
        source = data_url(to_pillow(grid))
        picture = Markup('<img alt="{}" src="{}">').format(f"images of {title}", source)
    return Markup("<table><caption>{}</caption>{}</table>{}").format(title, rows, picture)

"""The page to move through a run's latent space: asks the run for arrays, and `pages` for the page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_gen import latent
from keras_gen.data.image_set import label_names
from keras_gen.errors import InputError, RunError
from keras_gen.evaluation.likelihood import active_units
from keras_gen.files import write_text
from keras_gen.indices import evenly_spaced_indices, rows_at
from keras_gen.latent.maps import check_dimensions
from keras_gen.latent.view import label_for
from keras_gen.models.exporting import export, multiply_adds
from keras_gen.pages.explorer import LatentPlane, explorer_page, shrunk
from keras_gen.run import DCGANRun, Run, VAERun
from keras_gen.run.arguments import as_path, check_numbers

MAX_PAGE = 8_000_000  # bytes
# In the page, three bytes are four letters.
LIVE_WEIGHTS = 1_000_000  # of a network that the page carries: 5.3 MB of it
LIVE_MULTIPLY_ADDS = 30_000_000  # for one image: about a twentieth of a second in a browser
TILE_BYTES = 2_400_000  # of images made beforehand, before they are compressed
MAX_TILES = 41  # along each axis
POINT_BYTES = 1_200_000  # of held-out images, and again of reconstructions made beforehand
MAX_POINTS = 1500
MEAN_OF = 500  # training images of a label whose codes make its mean
MAX_SLIDERS = 30


def make_explorer(
    run: Run,
    out: str | Path | None = None,
    dimensions: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
    label: int | str | None = None,
) -> Path:
    """Write a page to move through a run's latent space in a browser, and return its path; see `Run.explore`."""
    path = as_path("out", out, ".html") if out is not None else run.page_path("explorer")
    if run.settings.latent_dim < 2:
        raise InputError("a plane needs two latent dimensions and this run has one; use the view traverse")
    if run.encodes:
        if seeds is not None:
            raise InputError("`seeds` are for a DCGAN; the plane of a VAE is two dimensions, `dimensions=0,1`")
        plane = _plane_of_codes(run, dimensions, label)
    else:
        if dimensions is not None:
            raise InputError("`dimensions` are for a VAE; the plane of a DCGAN goes through three seeds, `seeds=0,1,2`")
        plane = _plane_of_seeds(run, (0, 1, 2) if seeds is None else seeds, label)
    page = explorer_page(plane)
    if len(page) > MAX_PAGE:
        raise RunError(f"the page would have {len(page):,} bytes, and {MAX_PAGE:,} are the most that it should have")
    write_text(path, page)
    return path


def max_points(image_bytes: int, latent_dim: int) -> int:
    """Return how many held-out images a page has room for: each comes with its code in float32."""
    return max(20, min(MAX_POINTS, POINT_BYTES // (image_bytes + 4 * latent_dim)))


def _plane_of_seeds(run: DCGANRun, seeds: Sequence[int], label: int | str | None) -> LatentPlane:
    """Lay a plane through the latent points of three seeds."""
    seeds = check_numbers("seeds", seeds, "three, such as 0,1,2", (3, 3))
    if len(set(seeds)) != 3:
        raise InputError(f"`seeds` must be three different ones; received {','.join(map(str, seeds))}")
    points = run.draw_seeds(seeds)
    axes = latent.axes_through(points)
    positions = axes.coordinates(points)
    extent = _extent(positions, margin=1.2)
    remark = f"The plane goes through the latent points of the seeds {', '.join(map(str, seeds))}."
    if run.typical_length is not None:
        remark += " Each place is brought to the length that nearly all draws have before it is decoded."
    marks = [(f"seed {seed}", float(x), float(y)) for seed, (x, y) in zip(seeds, positions, strict=True)]
    return LatentPlane(
        **_about(run), **_axes(axes), **_decoding(run, axes, extent, label), extent=extent, marks=marks, remark=remark
    )


def _plane_of_codes(run: VAERun, dimensions: Sequence[int] | None, label: int | str | None) -> LatentPlane:
    """Lay a plane through two dimensions, or through the principal axes, of the codes of held-out images."""
    _, held_out = run.datasets()
    numbers = evenly_spaced_indices(len(held_out), max_points(_bytes_in_page(run), run.settings.latent_dim))
    z_mean, z_log_var = run.encode_distribution(held_out.images, run.labels_of(held_out))
    axes, reach = _axes_of_codes(run, dimensions, z_mean, z_log_var)
    codes = z_mean[numbers]
    extent = _extent(axes.coordinates(codes)[:, :2])
    decoding = _decoding(run, axes, extent, label)
    live = decoding["network"] is not None
    if not live:  # what only the network could show
        axes, reach = axes.first(2), []
    means, mean_names = _means(run)
    return LatentPlane(
        **_about(run),
        **_axes(axes),
        **decoding,
        extent=extent,
        slider_reach=reach,
        codes=codes,
        numbers=numbers,
        images=shrunk(held_out.images[numbers]),
        rebuilt=None if live else shrunk(run.decode(codes, run.labels_of(held_out, numbers))),
        held_out=len(held_out),
        labels=rows_at(held_out.labels, numbers),
        class_names=label_names(held_out.labels, held_out.class_names),
        means=means,
        mean_names=mean_names,
        prior=axes.coordinates(np.zeros((1, codes.shape[1])))[0, :2],
    )


def _axes_of_codes(
    run: VAERun, dimensions: Sequence[int] | None, z_mean: np.ndarray, z_log_var: np.ndarray
) -> tuple[latent.Axes, list[float]]:
    """Return the plane's two axes, then those that get sliders, and how far each slider goes."""
    latent_dim = run.settings.latent_dim
    if dimensions is None and latent_dim > 2 and len(z_mean) > 2:
        axes = latent.principal_axes(z_mean, min(latent_dim, len(z_mean)))
        coordinates = axes.coordinates(z_mean)
        count = min(MAX_SLIDERS, int(active_units(coordinates)[2:].sum()))  # axes come by falling variance
        return axes.first(2 + count), (3 * coordinates.std(axis=0)[2 : 2 + count]).tolist()
    chosen = check_dimensions((0, 1) if dimensions is None else dimensions, latent_dim)
    kl = latent.kl_per_dimension(z_mean, z_log_var)
    others = [int(number) for number in np.argsort(-kl) if kl[number] >= latent.DEAD and number not in chosen][
        :MAX_SLIDERS
    ]
    return latent.latent_axes(latent_dim, (*chosen, *others)), [3.0] * len(others)


def _means(run: VAERun) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the mean code of each label's training images, and the labels' names."""
    train, _ = run.datasets()
    if train.labels is None or len(present := np.unique(train.labels)) < 2:
        return None, ()
    groups = [np.flatnonzero(train.labels == label)[:MEAN_OF] for label in present]
    codes = (run.encode(train.images[group], run.labels_of(train, group)) for group in groups)
    names = label_names(train.labels, train.class_names)
    return np.stack([group.mean(axis=0) for group in codes]), tuple(names[label] for label in present)


def _about(run: Run) -> dict[str, object]:
    height, width = _shape_in_page(run)[:2]
    return {
        "title": run.title,
        "image_shape": (height, width, run.image_shape[2]),
        "pixel_range": run.pixel_range,
    }


def _shape_in_page(run: Run) -> tuple[int, int, int]:
    return shrunk(np.zeros((1, *run.image_shape), np.uint8)).shape[1:]


def _bytes_in_page(run: Run) -> int:
    return int(np.prod(_shape_in_page(run)))


def _axes(axes: latent.Axes) -> dict[str, object]:
    return {"origin": axes.origin, "directions": axes.directions, "axis_names": axes.names}


def _extent(positions: np.ndarray, margin: float = 1.08) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a square around all positions, with a margin."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    (x, y), half = (low + high) / 2, max(1.0, *(high - low) / 2 * margin)
    return x - half, x + half, y - half, y + half


def _decoding(
    run: Run, axes: latent.Axes, extent: tuple[float, float, float, float], label: int | str | None
) -> dict[str, object]:
    """Return the network if a page can carry it and a browser can run it, else images made by it beforehand."""
    label = label_for(run, label)
    model = run.model(run.image_model)
    common = {"weights": model.count_params(), "typical_length": run.typical_length}
    small = (
        _shape_in_page(run) == run.image_shape
        and model.count_params() <= LIVE_WEIGHTS
        and multiply_adds(model) <= LIVE_MULTIPLY_ADDS
    )
    if small and (operations := export(model)) is not None:
        return common | {"network": [vars(operation) for operation in operations]}
    side = int(np.clip((TILE_BYTES / _bytes_in_page(run)) ** 0.5, 5, MAX_TILES))
    left, right, bottom, top = extent
    across, down = np.meshgrid(np.linspace(left, right, side), np.linspace(top, bottom, side))
    points = run.at_typical_length(axes.first(2).points(np.column_stack([across.ravel(), down.ravel()])))
    return common | {"network": None, "tiles": shrunk(run.decode(points, label))}

"""python -m keras_gen explore: a page to move through a run's latent space in a browser."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.cli.command import (
    DONE,
    Parser,
    add_best_flag,
    check_ending,
    check_new,
    drawn_by,
    run_parser,
    start_backend,
    whole_numbers,
)
from keras_gen.errors import InputError, RunError
from keras_gen.files import write_text
from keras_gen.places import spread_places

if TYPE_CHECKING:
    from keras_gen.figures.explorer import LatentPlane
    from keras_gen.latent import Axes
    from keras_gen.training import TrainedRun

LARGEST = 8_000_000  # bytes of the page
# In the page, three bytes are four letters.
LIVE_WEIGHTS = 1_000_000  # of a network that the page carries: 5.3 MB of it
LIVE_MULTIPLY_ADDS = 30_000_000  # for one image: about a twentieth of a second in a browser
TILE_BYTES = 2_400_000  # of images made beforehand, before they are compressed
MOST_TILES = 41  # along each axis
POINT_BYTES = 1_200_000  # of held-out images, and again of reconstructions made beforehand
MOST_POINTS = 1500
MEAN_OF = 500  # training images of a label whose codes make its mean
MOST_SLIDERS = 30
ONE_DIMENSION = "a plane needs two latent dimensions and this run has one; use latent RUN traverse"


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    if options.out is not None:
        check_ending("--out", options.out, ".html")
        check_new(options.out)
    for name in ("seeds", "dimensions"):
        if vars(options)[name] is not None:
            setattr(options, name, whole_numbers(vars(options)[name], f"--{name}"))
    start_backend()
    from keras_gen.figures.explorer import explorer_page
    from keras_gen.training import load_run

    run = load_run(options.run, best=options.best)
    page = explorer_page(_plane(run, options))
    if len(page) > LARGEST:
        raise RunError(f"the page would have {len(page):,} bytes, and {LARGEST:,} are the most that it should have")
    path = options.out or run.folder.path / f"{drawn_by('explorer', options.best)}.html"
    write_text(path, page)
    print(f"Open in a browser: {path} ({len(page) / 1e6:.1f} MB, needs no server and no network)")
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "explore",
        "Make a page to move through a run's latent space in a browser: one file, no server, no network.",
    )
    result.add_argument(
        "--dimensions",
        help="the two latent dimensions of the plane, across and up (default: 0,1 if there are no more, else the two "
        "principal axes; VAE)",
    )
    result.add_argument("--seeds", help="three seeds that the plane goes through (default: 0,1,2; DCGAN)")
    add_best_flag(result)
    result.add_argument("--out", type=Path, metavar="HTML", help="file for the page (default: RUN/explorer.html)")
    return result


def most_points(image_bytes: int, latent_dim: int) -> int:
    """Return how many held-out images a page has room for: each comes with its code in float32."""
    return max(20, min(MOST_POINTS, POINT_BYTES // (image_bytes + 4 * latent_dim)))


def _plane(run: TrainedRun, options: Namespace) -> LatentPlane:
    if run.kind == "dcgan":
        if options.dimensions:
            raise InputError("--dimensions is for a VAE; the plane of a DCGAN goes through three seeds, --seeds 0,1,2")
        return _plane_of_seeds(run, options.seeds or [0, 1, 2])
    if options.seeds:
        raise InputError("--seeds is for a DCGAN; the plane of a VAE is two dimensions, --dimensions 0,1")
    return _plane_of_codes(run, options.dimensions)


def _plane_of_seeds(run: TrainedRun, seeds: list[int]) -> LatentPlane:
    """Lay a plane through the latent points of three seeds."""
    from keras_gen.figures.explorer import LatentPlane
    from keras_gen.latent import axes_through

    if run.settings.latent_dim < 2:
        raise InputError(ONE_DIMENSION)
    if len(seeds) != 3:
        raise InputError(f"--seeds must be three, such as 0,1,2; received {','.join(map(str, seeds))}")
    points = run.draw_seeds(seeds)
    axes = axes_through(points)
    places = axes.coordinates(points)
    extent = _extent(places, margin=1.2)
    remark = f"The plane goes through the latent points of the seeds {', '.join(map(str, seeds))}."
    if run.typical_length is not None:
        remark += " Each place is brought to the length that nearly all draws have before it is decoded."
    marks = [(f"seed {seed}", float(x), float(y)) for seed, (x, y) in zip(seeds, places, strict=True)]
    return LatentPlane(
        **_about(run), **_axes(axes), **_decoding(run, axes, extent), extent=extent, marks=marks, remark=remark
    )


def _plane_of_codes(run: TrainedRun, dimensions: list[int] | None) -> LatentPlane:
    """Lay a plane through two dimensions, or through the principal axes, of the codes of held-out images."""
    from keras_gen.figures.explorer import LatentPlane, shrunk

    _, held_out = run.datasets()
    numbers = spread_places(len(held_out), most_points(_bytes_in_page(run), run.settings.latent_dim))
    z_mean, z_log_var = run.encode_distribution(held_out.images)
    axes, reach = _axes_of_codes(run, dimensions, z_mean, z_log_var)
    codes = z_mean[numbers]
    extent = _extent(axes.coordinates(codes)[:, :2])
    decoding = _decoding(run, axes, extent)
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
        rebuilt=None if live else shrunk(run.decode(codes)),
        held_out=len(held_out),
        labels=None if held_out.labels is None else held_out.labels[numbers],
        class_names=held_out.class_names,
        means=means,
        mean_names=mean_names,
        prior=axes.coordinates(np.zeros((1, codes.shape[1])))[0, :2],
    )


def _axes_of_codes(
    run: TrainedRun, dimensions: list[int] | None, z_mean: np.ndarray, z_log_var: np.ndarray
) -> tuple[Axes, list[float]]:
    """Return the plane's two axes, then those that get sliders, and how far each slider goes."""
    from keras_gen.evaluation import active_units
    from keras_gen.latent import DEAD, kl_per_dimension, latent_axes, principal_axes

    latent_dim = run.settings.latent_dim
    if latent_dim < 2:
        raise InputError(ONE_DIMENSION)
    if dimensions is None and latent_dim > 2 and len(z_mean) > 2:
        axes = principal_axes(z_mean, min(latent_dim, len(z_mean)))
        coordinates = axes.coordinates(z_mean)
        count = min(MOST_SLIDERS, int(active_units(coordinates)[2:].sum()))  # axes come by falling variance
        return axes.first(2 + count), (3 * coordinates.std(axis=0)[2 : 2 + count]).tolist()
    chosen = dimensions or [0, 1]
    if len(chosen) != 2 or max(chosen) >= latent_dim:
        raise InputError(
            f"--dimensions must be two below {latent_dim}, such as 0,1; received {','.join(map(str, chosen))}"
        )
    kl = kl_per_dimension(z_mean, z_log_var)
    others = [int(number) for number in np.argsort(-kl) if kl[number] >= DEAD and number not in chosen][:MOST_SLIDERS]
    return latent_axes(latent_dim, tuple([*chosen, *others])), [3.0] * len(others)


def _means(run: TrainedRun) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the mean code of each label's training images, and the labels' names."""
    train, _ = run.datasets()
    if train.labels is None or len(present := np.unique(train.labels)) < 2:
        return None, ()
    codes = [run.encode(train.images[np.flatnonzero(train.labels == label)[:MEAN_OF]]) for label in present]
    return np.stack([each.mean(axis=0) for each in codes]), tuple(train.class_names[label] for label in present)


def _about(run: TrainedRun) -> dict[str, object]:
    height, width = _shape_in_page(run)[:2]
    return {
        "title": run.folder.path.absolute().name,
        "image_shape": (height, width, run.image_shape[2]),
        "pixel_range": run.pixel_range,
    }


def _shape_in_page(run: TrainedRun) -> tuple[int, int, int]:
    from keras_gen.figures.explorer import shrunk

    return shrunk(np.zeros((1, *run.image_shape), np.uint8)).shape[1:]


def _bytes_in_page(run: TrainedRun) -> int:
    return int(np.prod(_shape_in_page(run)))


def _axes(axes: Axes) -> dict[str, object]:
    return {"origin": axes.origin, "directions": axes.directions, "axis_names": axes.names}


def _extent(places: np.ndarray, margin: float = 1.08) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a square around all places, with a margin."""
    low, high = places.min(axis=0), places.max(axis=0)
    (x, y), half = (low + high) / 2, max(1.0, *(high - low) / 2 * margin)
    return x - half, x + half, y - half, y + half


def _decoding(run: TrainedRun, axes: Axes, extent: tuple[float, float, float, float]) -> dict[str, object]:
    """Return the network if a page can carry it and a browser can run it, else images made by it beforehand."""
    from keras_gen.figures.explorer import shrunk
    from keras_gen.models.exporting import export, multiply_adds
    from keras_gen.training.trained_run import IMAGE_MODEL

    model = run.model(IMAGE_MODEL[run.kind])
    common = {"weights": model.count_params(), "typical_length": run.typical_length}
    small = (
        _shape_in_page(run) == run.image_shape
        and model.count_params() <= LIVE_WEIGHTS
        and multiply_adds(model) <= LIVE_MULTIPLY_ADDS
    )
    if small and (operations := export(model)) is not None:
        return common | {"network": [vars(operation) for operation in operations]}
    side = int(np.clip((TILE_BYTES / _bytes_in_page(run)) ** 0.5, 5, MOST_TILES))
    left, right, bottom, top = extent
    across, down = np.meshgrid(np.linspace(left, right, side), np.linspace(top, bottom, side))
    points = run.at_typical_length(axes.first(2).points(np.column_stack([across.ravel(), down.ravel()])))
    return common | {"network": None, "tiles": shrunk(run.decode(points))}

"""The page to move through a run's latent space: asks the run for arrays, and `pages` for the page."""

from collections.abc import Callable, Sequence
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
from keras_gen.models.exporting import multiply_adds
from keras_gen.models.layers import NoiseScale
from keras_gen.pages.explorer import Basis, Explorer, HeldOut, explorer_page, shrunk
from keras_gen.pages.page_networks import page_networks
from keras_gen.pages.page_pictures import epoch_grids
from keras_gen.pages.report import lead_to_explorer
from keras_gen.run import DCGANRun, Run, VAERun
from keras_gen.run.arguments import as_path, check_numbers

MAX_PAGE = 12_000_000  # bytes
TILE_BYTES = 2_400_000  # of images made beforehand, before they are compressed
MAX_TILES = 41  # along each axis
POINT_BYTES = 1_000_000  # of held-out images, and again of reconstructions made beforehand
MAX_POINTS = 1500
MEAN_OF = 500  # training images of a label whose codes make its mean
MAX_AXES = 30  # directions with a slider
SEEDS, SEED_BYTES = 1000, 1_200_000  # latent points of a DCGAN that can be named by their seed
SHEET = 24  # images of a DCGAN to click
DIRECTIONS = 8  # of a DCGAN
REACH = 4.0  # standard deviations that its directions' sliders go


def make_explorer(
    run: Run,
    out: str | Path | None = None,
    dimensions: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
    label: int | str | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Write a page to move through a run's latent space in a browser, and return its path; see `Run.explore`."""
    path = as_path("out", out, ".html") if out is not None else run.page_path("explorer")
    if run.settings.latent_dim < 2:
        raise InputError("a plane needs two latent dimensions and this run has one; use the view traverse")
    if run.encodes:
        if seeds is not None:
            raise InputError("`seeds` are for a DCGAN; the plane of a VAE is two dimensions, `dimensions=0,1`")
        explorer = _explorer_of_vae(run, dimensions, label, say)
    else:
        if dimensions is not None:
            raise InputError("`dimensions` are for a VAE; the plane of a DCGAN goes through three seeds, `seeds=0,1,2`")
        explorer = _explorer_of_dcgan(run, seeds, label, say)
    page = explorer_page(explorer)
    if len(page) > MAX_PAGE:
        raise RunError(f"the page would have {len(page):,} bytes, and {MAX_PAGE:,} are the most that it should have")
    (run.folder.write_text if run.folder else write_text)(path.absolute(), page)
    if run.folder and path == run.folder.path / "explorer.html":
        lead_to_explorer(run.folder)
    return path


def max_points(image_bytes: int, latent_dim: int) -> int:
    """Return how many held-out images a page has room for: each comes with its code in float32."""
    return max(20, min(MAX_POINTS, POINT_BYTES // (image_bytes + 4 * latent_dim)))


def _explorer_of_dcgan(
    run: DCGANRun, seeds: Sequence[int] | None, label: int | str | None, say: Callable[[str], None]
) -> Explorer:
    """Show the images of the first seeds, and planes through two directions of the generator or through three seeds."""
    chosen = check_numbers("seeds", (0, 1, 2) if seeds is None else seeds, "three, such as 0,1,2", (3, 3))
    if len(set(chosen)) != 3:
        raise InputError(f"`seeds` must be three different ones; received {','.join(map(str, chosen))}")
    about = _about(run, label, say)
    latent_dim, points = run.settings.latent_dim, run.draw_seeds(chosen)
    directions = latent.sefa_directions(run.model("generator"), min(DIRECTIONS, latent_dim))
    names = tuple(f"direction {number}" for number in range(1, len(directions) + 1))
    reach = np.full(len(directions), REACH if run.settings.latent_distribution == "normal" else latent_dim**0.5)
    bases = [Basis("directions of the generator", np.zeros(latent_dim), directions, names, -reach, reach)]
    axes = latent.axes_through(points)
    positions = axes.coordinates(points)
    through_seeds = _basis(f"plane of the seeds {', '.join(map(str, chosen))}", axes, positions, margin=1.2)
    through_seeds.marks = [(f"seed {seed}", *place) for seed, place in zip(chosen, positions.tolist(), strict=True)]
    bases.append(through_seeds)
    if seeds is not None:
        bases.reverse()
    networks, remarks = page_networks(run, None, None)
    start = run.draw_seeds([0])[0] if seeds is None else points[0]
    if not networks and seeds is None:  # what was made beforehand needs a plane of few images
        bases.reverse()
    if not networks:
        bases, start = bases[:1], points[0]
    elif run.typical_length is not None:
        remarks.append(
            "What is moved from a seed keeps the length of its latent point: nearly all draws have one length."
        )
    count = max(SHEET, min(SEEDS, SEED_BYTES // (4 * latent_dim)))
    named = run.draw_seeds(range(count))
    return Explorer(
        **about,
        bases=bases,
        start=start,
        networks=networks,
        tiles=None if networks else _tiles(run, axes, bases[0], about["label"]),
        seeds=named,
        sheet=shrunk(run.decode(named[:SHEET], about["label"])),
        remarks=remarks,
    )


def _explorer_of_vae(
    run: VAERun, dimensions: Sequence[int] | None, label: int | str | None, say: Callable[[str], None]
) -> Explorer:
    """Show the codes of held-out images, in planes through two dimensions or two principal axes."""
    _, held_out = run.datasets()
    about = _about(run, label, say)
    indices = evenly_spaced_indices(len(held_out), max_points(_bytes_in_page(run), run.settings.latent_dim))
    labels = run.labels_of(held_out)
    z_mean, z_log_var = run.encode_distribution(held_out.images, labels)
    codes = z_mean[indices]
    networks, remarks = page_networks(run, held_out.images, labels)
    planes = _planes_of_codes(run, dimensions, z_mean, z_log_var)
    live = bool(networks)
    if not live:  # only the network could show the others
        planes = [(name, axes.first(2)) for name, axes in planes[:1]]
    bases = [_basis(name, axes, axes.coordinates(codes)) for name, axes in planes]
    means, mean_names = (None, ()) if run.conditional else _means(run)  # its codes say little of the class
    remarks.append(f"{len(codes):,} of {len(held_out):,} held-out images are shown as dots.")
    if run.settings.latent_dim > 2:
        remarks.append(_on_dimensions(run, z_mean, z_log_var))
    start = z_mean.mean(axis=0) if dimensions is None else np.zeros(run.settings.latent_dim)
    return Explorer(
        **about,
        bases=bases,
        start=start.astype(np.float32),
        networks=networks,
        tiles=None if live else _tiles(run, planes[0][1], bases[0], about["label"]),
        held_out=HeldOut(
            codes,
            indices,
            shrunk(held_out.images[indices]),
            len(held_out),
            rows_at(held_out.labels, indices),
            None if live else shrunk(run.decode(codes, run.labels_of(held_out, indices))),
        ),
        means=means,
        mean_names=mean_names,
        loss=_loss(run),
        centre_drawings=run.name in ("mnist", "mnist5k"),
        remarks=remarks,
    )


def _planes_of_codes(
    run: VAERun, dimensions: Sequence[int] | None, z_mean: np.ndarray, z_log_var: np.ndarray
) -> list[tuple[str, latent.Axes]]:
    """Return directions to choose planes from, the first as asked for: active dimensions, or principal axes."""
    latent_dim = run.settings.latent_dim
    first = () if dimensions is None else check_dimensions(dimensions, latent_dim)
    kl = latent.kl_per_dimension(z_mean, z_log_var)
    order = np.arange(2) if latent_dim == 2 else np.argsort(-kl)
    active = [int(number) for place, number in enumerate(order) if place < 2 or kl[number] >= latent.DEAD]
    chosen = [*first, *(number for number in active if number not in first)][:MAX_AXES]
    planes = [("latent dimensions", latent.latent_axes(latent_dim, tuple(chosen)))]
    if latent_dim > 2 and len(z_mean) > 2:
        axes = latent.principal_axes(z_mean, min(latent_dim, len(z_mean)))
        count = min(MAX_AXES, max(2, int(active_units(axes.coordinates(z_mean)).sum())))
        planes.insert(0 if dimensions is None else 1, ("principal axes", axes.first(count)))
    return planes


def _on_dimensions(run: VAERun, z_mean: np.ndarray, z_log_var: np.ndarray) -> str:
    dead = np.flatnonzero(latent.kl_per_dimension(z_mean, z_log_var) < latent.DEAD)
    text = (
        f"A code has {run.settings.latent_dim} numbers and the plane shows two of them; the others have sliders. "
        "A dot is where a code lies in these two, whatever its others are."
    )
    if not len(dead):
        return text
    names = ", ".join(f"z[{number}]" for number in dead[:20]) + (" and others" if len(dead) > 20 else "")
    return f"{text} Dead dimensions, which have no slider: {names}."


def _means(run: VAERun) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the mean code of each label's training images, and the labels' names."""
    train, _ = run.datasets()
    if train.labels is None or len(present := np.unique(train.labels)) < 2:
        return None, ()
    groups = [np.flatnonzero(train.labels == label)[:MEAN_OF] for label in present]
    codes = (run.encode(train.images[group], run.labels_of(train, group)) for group in groups)
    names = label_names(train.labels, train.class_names)
    return np.stack([group.mean(axis=0) for group in codes]), tuple(names[label] for label in present)


def _about(run: Run, label: int | str | None, say: Callable[[str], None]) -> dict[str, object]:
    label = label_for(run, label)
    remarks: list[str] = []
    if label is not None:
        label = int(run.network_labels(label, 1, remarks)[0])
    for remark in remarks:
        say(remark)
    path = run.folder.argument if run.folder else "RUN"
    return {
        "title": run.title,
        "project": f"python -m keras_gen latent {path} project IMAGE{' --best' if run.best else ''}",
        "kind": run.kind,
        "image_shape": (*_page_shape(run)[:2], run.image_shape[2]),
        "pixel_range": run.pixel_range,
        "method": run.method,
        "multiply_adds": multiply_adds(run.model(run.image_model)),
        "typical_length": run.typical_length,
        "class_names": run.label_names if run.conditional or run.encodes else (),
        "present": tuple(run.label_counts[0].tolist()) if run.conditional else (),
        "label": label,
        "grids": epoch_grids(run, say) if run.folder is not None else [],
    }


def _bytes_in_page(run: Run) -> int:
    return int(np.prod(_page_shape(run)))


def _page_shape(run: Run) -> tuple[int, ...]:
    """Return the shape of an image in the page, which may be a smaller one, without transparency."""
    return shrunk(np.zeros((1, *run.image_shape), np.uint8)).shape[1:]


def _basis(name: str, axes: latent.Axes, positions: np.ndarray, margin: float = 1.08) -> Basis:
    """Return axes as a basis, whose ranges hold all positions."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    middle, half = (low + high) / 2, np.maximum(1.0, (high - low) / 2 * margin)
    return Basis(name, axes.origin, axes.directions, axes.names, middle - half, middle + half)


def _loss(run: Run) -> dict[str, object]:
    """Return what the page needs to compute a VAE's loss."""
    scales = [layer for layer in run.model("decoder").layers if isinstance(layer, NoiseScale)]
    return {
        "likelihood": run.settings.decoder.likelihood,
        "beta": run.settings.training.beta,
        "logScale": float(scales[0].log_scale) if scales else None,
    }


def _tiles(run: Run, axes: latent.Axes, basis: Basis, label: int | None) -> np.ndarray:
    """Return images at a square of positions over the plane's first two directions."""
    side = int(np.clip((TILE_BYTES / _bytes_in_page(run)) ** 0.5, 5, MAX_TILES))
    middle, half = (basis.low + basis.high)[:2] / 2, (basis.high - basis.low)[:2].max() / 2  # the plane is a square
    columns, rows = (np.linspace(centre - half, centre + half, side) for centre in middle)
    across, down = np.meshgrid(columns, rows[::-1])
    points = run.at_typical_length(axes.first(2).points(np.column_stack([across.ravel(), down.ravel()])))
    return shrunk(run.decode(points, label))

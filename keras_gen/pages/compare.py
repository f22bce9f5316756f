"""Runs side by side on one page, which needs no server, no network and no other file."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

from keras_gen.errors import InputError
from keras_gen.evaluation.common_scores import LETTERS, cell
from keras_gen.evaluation.side_by_side import Comparison
from keras_gen.figures.curves import ERROR, FLOOR, HELD_OUT
from keras_gen.files import write_text
from keras_gen.indices import evenly_spaced_indices
from keras_gen.pages import asset, render
from keras_gen.pages.charts import finite, title_of
from keras_gen.pages.page_pictures import GRID_WIDTH, MAX_GRIDS, picture_source
from keras_gen.pages.report import DIAGRAMS, links
from keras_gen.run.arguments import as_path
from keras_gen.run.run import Run
from keras_gen.settings import NAMES
from keras_gen.text import counted, printable, short_name

LINKED = {"report.html": "report", "explorer.html": "explorer"}
PICTURES = {  # of the last epoch
    "reconstructions": "Held-out images above their reconstructions",
    "manifold": "Images decoded from a grid of latent points",
    "latent_space": "Held-out images, placed by the encoder",
    "traversal": "Each latent dimension swept over its range",
}


def write_comparison(comparison: Comparison, out: str | Path | None = None, say: Callable[[str], None] = print) -> Path:
    """Write a comparison as a page, and return its path. Whatever a user has named is escaped.

    Args:
        comparison: What `keras_gen.compare` returned.
        out: The file, `.html`; None is a file beside the first run's folder, named after the runs.
        say: Told of pictures that are left out, since they are damaged.
    """
    path = as_path("out", out, ".html") if out is not None else _default_path(comparison.runs)
    page = render(
        "compare.html",
        title=" and ".join(printable(run.title) for run in comparison.runs),
        runs=[
            (LETTERS[number], printable(run.title), _about(run), links(run, path, LINKED) if run.folder else [])
            for number, run in enumerate(comparison.runs)
        ],
        command=comparison.command,
        verdicts=comparison.verdicts,
        notes=comparison.notes,
        settings=comparison.settings,
        scores=[(row.name, row.unit, [cell(value) for value in row.values], row.verdict) for row in comparison.scores],
        pictures=_pictures(comparison.runs, say),
        data={
            "names": [printable(name) for name in comparison.names],
            "grids": _grids(comparison.runs, say),
            "curves": _curves(comparison.runs),
        },
        css=asset("page.css", "compare.css"),
        script=asset("widgets.js", "compare.js"),
    )
    write_text(path.absolute(), page)
    return path


def _default_path(runs: list[Run]) -> Path:
    if runs[0].folder is None:
        raise InputError("the first run has no folder; say where the page should go with `out`")
    names = "-".join(short_name(run.title) for run in runs)
    return runs[0].folder.path.absolute().parent / f"compare-{short_name(names)}.html"


def _about(run: Run) -> str:
    data = run.record["dataset"]
    return (
        f"A {NAMES[run.kind]} of the recipe {printable(run.settings.recipe)}, trained on {data['train']['count']:,} "
        f"images of {printable(run.name)} for {counted(run.settings.training.epochs, 'epoch')}: {run.status}."
    )


def _grids(runs: list[Run], say: Callable[[str], None]) -> dict:
    """Return the epochs of the slider, and for each run its pictures with the epoch of each."""
    known = [run.folder.epochs_with(run.folder.epoch_image) if run.folder else [] for run in runs]
    union = sorted(set().union(*known))
    epochs = [union[index] for index in evenly_spaced_indices(len(union), MAX_GRIDS)] if union else []
    pictures = []
    for run, available in zip(runs, known, strict=True):
        # A run that ended earlier shows its last grid.
        wanted = sorted({max(had) for epoch in epochs if (had := [one for one in available if one <= epoch])})
        sources = [(epoch, picture_source(run, run.folder.epoch_image(epoch), say, GRID_WIDTH)) for epoch in wanted]
        pictures.append([{"epoch": epoch, "source": source} for epoch, source in sources if source])
    return {"epochs": epochs, "runs": pictures}


def _curves(runs: list[Run]) -> list[dict]:
    """Return a chart for each loss and each validation score; runs of different models have none in common."""
    if len({run.kind for run in runs}) > 1:
        return []
    tables = [_tables(run) for run in runs]
    losses = _charts([(history, minutes) for history, minutes, _ in tables], runs[0].settings.loss_unit)
    scores = _charts([(metrics, minutes) for _, minutes, metrics in tables], "", " (validation)")
    return losses + scores


def _tables(run: Run) -> tuple[list[dict], dict[int, float], list[dict]]:
    """Return losses, minutes and validation scores; nothing of a run whose files are damaged, which `compare` notes."""
    try:
        return run.history, _minutes(run), run.metrics
    except InputError:
        return [], {}, []


def _minutes(run: Run) -> dict[int, float]:
    """Return the minutes of training, without measuring, up to the end of each epoch."""
    rows = [row for row in run.timing if "train_seconds" in row]
    return dict(zip((row["epoch"] for row in rows), accumulate(row["train_seconds"] / 60 for row in rows), strict=True))


def _charts(tables: list[tuple[list[dict], dict[int, float]]], unit: str, remark: str = "") -> list[dict]:
    """Return a chart for each column that two runs or more have."""
    columns = [set(rows[-1]) if rows else set() for rows, _ in tables]
    order = dict.fromkeys(name.removeprefix(HELD_OUT) for rows, _ in tables if rows for name in rows[-1])
    charts = []
    for name in order:
        if name == "epoch" or name.endswith((ERROR, FLOOR)):
            continue
        lines = [
            {
                "run": number,
                "heldOut": column.startswith(HELD_OUT),
                "points": [[row["epoch"], minutes.get(row["epoch"]), finite(row.get(column))] for row in rows],
            }
            for number, (rows, minutes) in enumerate(tables)
            for column in (name, HELD_OUT + name)
            if column in columns[number]
        ]
        if len({line["run"] for line in lines}) > 1:
            charts.append({"title": title_of(name) + remark, "unit": unit, "lines": lines})
    return charts


def _pictures(runs: list[Run], say: Callable[[str], None]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return pictures of the last epoch that two runs or more have: text, class, and each run's letter and source."""
    rows = []
    for name, text in PICTURES.items():
        paths = [run.folder.path / "figures" / f"{name}.png" if run.folder else None for run in runs]
        there = [(number, path) for number, path in enumerate(paths) if path and path.exists()]
        sources = [(LETTERS[number], picture_source(runs[number], path, say)) for number, path in there]
        sources = [(letter, source) for letter, source in sources if source]
        if len(sources) > 1:
            rows.append((text, "plot" if name in DIAGRAMS else "pictures", sources))
    return rows

"""python -m keras_gen compare: runs side by side, or a list of them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.cli.command import Parser, check_output, say, start_backend
from keras_gen.cli.runs import add_data_flags
from keras_gen.errors import InputError
from keras_gen.files import write_csv
from keras_gen.text import counted, listed, printable

if TYPE_CHECKING:
    from keras_gen.evaluation.side_by_side import Comparison
    from keras_gen.run.listing import RunSummary

LIST = ("run", "model", "data", "recipe", "epochs", "held-out loss", "KID", "status", "findings", "MB")


def run(options: Namespace) -> None:
    """Run the command."""
    for flag, path, ending in (("--out", options.out, ".html"), ("--csv", options.csv, ".csv")):
        check_output(flag, path, ending)
    from keras_gen.run import RunFolder

    if not options.runs or (len(options.runs) == 1 and _holds_runs(options.runs[0])):
        if options.out is not None or options.evaluate:
            raise InputError("--out and --evaluate compare runs; name two runs or more")
        _list(options.runs[0] if options.runs else Path("runs"), options.csv)
        return
    if len(options.runs) == 1:
        RunFolder(options.runs[0]).read()
        raise InputError(
            f"{printable(options.runs[0])} is one run; name two runs or more, or none to list all that are in runs"
        )
    from keras_gen.evaluation import compare

    if options.evaluate:
        start_backend()
    comparison = compare(
        *options.runs, evaluate=options.evaluate, dataset=options.dataset, data_dir=options.data_dir, say=say
    )
    for line in comparison_lines(comparison):
        say(line)
    if comparison.command:
        say(f"To measure what is missing (some minutes a run): {comparison.command}")
    if options.csv is not None:
        say(f"Numbers: {comparison.csv(options.csv)}")
    say(f"Open in a browser: {comparison.page(options.out, say)}")


def parser() -> Parser:
    """Return the command's parser."""
    result = Parser(
        prog="python -m keras_gen compare",
        description="Compare runs: settings that differ, scores with the errors of their differences, curves and "
        "images side by side. Without a RUN, or with a folder of runs, list the runs that are there.",
    )
    result.add_argument(
        "runs", type=Path, metavar="RUN", nargs="*", help="run folders, two or more (default: list those in runs)"
    )
    evaluate = "measure the runs whose last models have not been measured"
    result.add_switch("--evaluate", evaluate, "compare the scores that are there")
    add_data_flags(result)
    result.add_path("--csv", "FILE", "also write the table to this file", "it is printed only")
    result.add_path("--out", "HTML", "file for the page", "compare-....html beside the first run")
    return result


def comparison_lines(comparison: Comparison) -> list[str]:
    """Return the comparison as lines: runs, settings, scores, verdicts."""
    from keras_gen.evaluation.common_scores import LETTERS, cell

    letters = LETTERS[: len(comparison.runs)]
    lines = [printable(name) for name in comparison.names]
    lines.append("Settings that differ" if comparison.settings else "No settings differ")
    if comparison.settings:
        lines += _table([("", *letters), *((name, *values) for name, values in comparison.settings)])
    if comparison.scores:
        lines.append("Scores on the same held-out images")
        rows = [
            (f"{row.name} ({row.unit})" if row.unit else row.name, *map(cell, row.values)) for row in comparison.scores
        ]
        lines += _table([("", *letters), *rows])
    lines += [f"Note    {note}" for note in comparison.notes]
    lines += [f"Verdict {verdict}" for verdict in comparison.verdicts]
    return lines


def _holds_runs(path: Path) -> bool:
    return not (path / "run.json").exists() and any(path.glob("*/run.json"))


def _list(folder: Path, csv_path: Path | None) -> None:
    from keras_gen.run.listing import list_runs

    runs = list_runs(folder)
    readable = [summary for summary in runs if not summary.problem]
    if readable:
        for line in _table([LIST, *(_cells(summary) for summary in readable)]):
            say(line)
    for summary in runs:
        if summary.problem:
            say(f"Left out: {summary.problem}")
    say(f"{counted(len(readable), 'run')} in {folder}. Two of them side by side: python -m keras_gen compare RUN RUN")
    if csv_path is not None:
        write_csv(csv_path, [LIST, *(_cells(summary, full=True) for summary in readable)])
        say(f"Numbers: {csv_path}")


def _cells(summary: RunSummary, full: bool = False) -> tuple[str, ...]:
    def number(value: float | None, form: str) -> str:
        return ("" if full else "–") if value is None else format(value, ".9g" if full else form)

    return (
        str(summary.path) if full else summary.path.name,
        summary.kind,
        summary.data,
        summary.recipe,
        f"{summary.epochs} of {summary.planned_epochs}",
        number(summary.held_out_loss, ".2f"),
        number(summary.kid, ".4f"),
        summary.status,
        listed(summary.findings) or "none",
        f"{summary.bytes / 1e6:.1f}",
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    cells = [[printable(cell, 40) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells
    ]

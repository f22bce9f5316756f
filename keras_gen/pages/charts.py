"""The numbers of a run as charts: what `lineChart` of widgets.js draws."""

from keras_gen.figures.curves import ERROR, FLOOR, HELD_OUT

Rows = list[dict[str, float]]


def loss_charts(history: Rows, unit: str) -> list[dict]:
    """Return a chart for each loss, training solid and held-out dashed; the loss that is minimised comes first."""
    if not history:
        return []
    terms = [name for name in history[-1] if name != "epoch" and not name.startswith(HELD_OUT)]
    charts = []
    for term in terms:
        series = [_line(history, term, "training")]
        if HELD_OUT + term in history[-1]:
            series.append(_line(history, HELD_OUT + term, "held-out") | {"dashed": True})
        charts.append({"title": title_of(term), "unit": unit, "series": series})
    return charts


def score_charts(rows: Rows) -> list[dict]:
    """Return a chart for each score on validation images; of real images there may be one value, a dashed line."""
    if not rows:
        return []
    charts = []
    for name in rows[-1]:
        if name == "epoch" or name.endswith((ERROR, FLOOR)):
            continue
        series = [_line(rows, name, "generated")]
        if name + ERROR in rows[-1]:
            for side, text in ((2, "+ 2 standard errors"), (-2, "− 2 standard errors")):
                series.append({"name": text, "colour": 1, "dashed": True, "points": _bounds(rows, name, side)})
        if name + FLOOR in rows[-1]:
            series.append(_line(rows, name + FLOOR, "real images") | {"dashed": True, "colour": 2})
        charts.append({"title": title_of(name), "unit": "", "series": series})
    return charts


def _line(rows: Rows, name: str, text: str) -> dict:
    """Return a column as a line; a run that an older version began lacks some columns in its first rows."""
    return {"name": text, "points": [[row["epoch"], finite(row.get(name))] for row in rows]}


def _bounds(rows: Rows, name: str, side: int) -> list[list]:
    missing = float("nan")
    return [[row["epoch"], finite(row.get(name, missing) + side * row.get(name + ERROR, missing))] for row in rows]


def finite(value: float | None) -> float | None:
    """Return a number that JSON knows."""
    return value if value is not None and abs(value) < float("inf") else None


def title_of(name: str) -> str:
    """Return a column's name as the title of a chart."""
    title = name.replace("_", " ")
    return title.upper() if title in ("kl", "kid", "fid") else title[0].upper() + title[1:]

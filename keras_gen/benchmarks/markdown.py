"""Tables in Markdown."""


def markdown_table(rows: list[dict[str, str]]) -> list[str]:
    """Return rows of cells, by the titles of their columns, as lines of Markdown."""
    titles = list(rows[0])
    cells = [titles, ["---"] * len(titles), *(list(row.values()) for row in rows)]
    return [f"| {' | '.join(row)} |" for row in cells]

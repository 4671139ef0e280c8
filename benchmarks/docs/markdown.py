"""Tables and code spans in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """Return a table between blank lines; its last ``numbers`` columns are aligned to the right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    align = ["left"] * (len(headers) - numbers) + ["right"] * numbers
    made = tabulate(cells, headers, tablefmt="pipe", disable_numparse=True, colalign=align)
    return f"\n{made}\n\n"


def code(text: str) -> str:
    """Return a text as a code span, in which backticks and the spaces at its ends are kept."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"

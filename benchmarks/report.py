"""Shows results as Markdown tables, and as plots that fit beside them."""

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS = "#2563eb"
OTHERS = "#9ca3af"

_DOTS_PER_INCH = 100
_NUMBER = re.compile(r"[-+~<>≈$]{0,3}\d")

plt.style.use("seaborn-v0_8-whitegrid")


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A pipe table. Columns of numbers are aligned to the right, except the first column.

    Floats are shown with three significant digits, whole numbers with separators, None as a dash.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    columns = list(zip(headers, *cells, strict=True))
    right = [
        place > 0 and all(_NUMBER.match(text) or text in ("", "-") for text in column[1:])
        for place, column in enumerate(columns)
    ]
    widths = [max(3, *map(len, column)) for column in columns]

    def line(texts: Iterable[str]) -> str:
        padded = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(texts, widths, right, strict=True)
        )
        return "| " + " | ".join(padded) + " |"

    rule = (
        "-" * (width - 1) + (":" if to_right else "-")
        for width, to_right in zip(widths, right, strict=True)
    )
    return "\n".join([line(headers), line(rule), *map(line, cells)]) + "\n"


def number(value: float) -> str:
    """Three significant digits, and no exponent: 0.0123, 1.23, 12.3, 1,230."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def figure(height: float = 3.5, columns: int = 1) -> tuple["Figure", list["Axes"]]:
    """A figure as wide as a README (900 pixels), `height` in inches, with axes side by side."""
    drawing, axes = plt.subplots(
        1, columns, figsize=(9, height), squeeze=False, layout="constrained"
    )
    return drawing, list(axes[0])


def bars(
    axes: "Axes", labels: Sequence[str], values: Sequence[float], colours: Sequence[str]
) -> None:
    """Horizontal bars, the first on top, each with its number after it."""
    drawn = axes.barh(range(len(labels)), values, color=colours, height=0.65)
    axes.bar_label(drawn, labels=[number(value) for value in values], padding=4, color="#374151")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.14)


def save(drawing: "Figure", path: Path) -> str:
    """Write a plot as PNG; returns the Markdown that embeds it."""
    drawing.savefig(path, dpi=_DOTS_PER_INCH)
    plt.close(drawing)
    return f"![{path.stem.replace('_', ' ')}]({path.name})\n"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else str(value)

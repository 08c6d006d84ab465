"""Shows results as Markdown tables, and as plots that fit beside them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

_NUMBER = re.compile(r"[-+~<>≈$]{0,3}\d")

style.use("seaborn-v0_8-whitegrid")


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


def bars(panels: Mapping[str, Mapping[str, float]], label: str, path: Path) -> str:
    """Draw titled panels of numbers as bars into a PNG; returns the Markdown that embeds it."""
    # As wide as a README.
    drawing = Figure(figsize=(9, 2.6), layout="constrained")
    axes_of = drawing.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, values) in zip(axes_of, panels.items(), strict=True):
        colours = ["#2563eb" if name.startswith("ours") else "#9ca3af" for name in values]
        drawn = axes.barh([*values], [*values.values()], color=colours, height=0.65)
        axes.bar_label(drawn, labels=[number(value) for value in values.values()], padding=4)
        axes.set(title=title, xlabel=label)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.14)
    drawing.savefig(path, dpi=100)
    return f"![{path.stem}]({path.name})\n"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else str(value)

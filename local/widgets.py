"""A CloudWatch dashboard as a picture: its alarm, single-value and time-series widgets."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.dates import DateFormatter, DayLocator
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from local.metrics import Point, metrics_of, series
from pingone_reports.observability import UNITS

# A dashboard is a grid of 24 columns; inches a cell.
_COLUMNS = 24
_CELL = (0.6, 0.52)
_GAP = 0.08
_INK, _MUTED, _FRAME = "#16191f", "#687078", "#d5dbdb"
_COLORS = ("#1f77b4", "#ff7f0e", "#d62728", "#9467bd", "#8c564b")

mpl.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9, "text.color": _INK})


def draw(
    body: Mapping[str, Any],
    points: Sequence[Point],
    alarms: Mapping[str, tuple[str, bool]],
    now: datetime,
    picture: Path,
) -> None:
    """Draw a dashboard as it is at a time. `alarms` has a title and whether it is on, by ARN."""
    weeks = re.fullmatch(r"-P(\d+)W", body["start"])
    since = now - timedelta(weeks=int(weeks[1]) if weeks else 1)
    rows = max(widget["y"] + widget["height"] for widget in body["widgets"])
    figure = Figure(figsize=(_COLUMNS * _CELL[0], rows * _CELL[1]), facecolor="#f2f3f3")
    for widget in body["widgets"]:
        x, y, width, height = (widget[side] for side in ("x", "y", "width", "height"))
        box = (
            (x + _GAP) / _COLUMNS,
            1 - (y + height - _GAP) / rows,
            (width - 2 * _GAP) / _COLUMNS,
            (height - 2 * _GAP) / rows,
        )
        frame = figure.add_axes(box, facecolor="white", xticks=[], yticks=[])
        frame.spines[:].set_color(_FRAME)
        inches = (box[2] * _COLUMNS * _CELL[0], box[3] * rows * _CELL[1])
        frame.text(
            0.12 / inches[0], 1 - 0.14 / inches[1], widget["properties"]["title"],
            transform=frame.transAxes, va="top", weight="bold", fontsize=10.5,
        )  # fmt: skip
        if widget["type"] == "alarm":
            _draw_alarms(frame, [alarms[arn] for arn in widget["properties"]["alarms"]], inches)
        elif widget["properties"]["view"] == "singleValue":
            _draw_values(frame, widget, points, since)
        else:
            _draw_series(frame, widget, points, (since, now), inches)
    figure.savefig(picture, dpi=110)


def _draw_alarms(
    frame: Any, alarms: Sequence[tuple[str, bool]], inches: tuple[float, float]
) -> None:
    for number, (title, breached) in enumerate(alarms):
        left, share = number / len(alarms), 1 / len(alarms)
        color = "#d13212" if breached else "#1d8102"
        tile = frame.inset_axes(
            (left + 0.12 / inches[0], 0.12, share - 0.24 / inches[0], 0.5), xticks=[], yticks=[]
        )
        tile.set_facecolor("#fdf3f1" if breached else "#f2f8f0")
        tile.spines[:].set_color(color)
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title).capitalize()
        tile.text(0.06, 0.5, words, va="center", fontsize=9)
        tile.text(
            0.94, 0.5, "In alarm" if breached else "OK",
            va="center", ha="right", color=color, weight="bold", fontsize=9,
        )  # fmt: skip


def _draw_values(
    frame: Any, widget: Mapping[str, Any], points: Sequence[Point], since: datetime
) -> None:
    metrics = list(metrics_of(widget))
    for number, metric in enumerate(metrics):
        ((label, values),) = series(metric, (p for p in points if p.time >= since)).items()
        left, share = number / len(metrics), 1 / len(metrics)
        frame.text(left + 0.01, 0.66, label, color=_MUTED, va="center", transform=frame.transAxes)
        frame.text(
            left + 0.01, 0.42, _quantity(metric.name, list(values.values())[-1]),
            fontsize=19, va="center", transform=frame.transAxes,
        )  # fmt: skip
        line = frame.inset_axes((left + 0.004, 0.04, share - 0.014, 0.2))
        line.axis("off")
        line.plot(list(values), list(values.values()), color=_COLORS[0], linewidth=1)
        line.fill_between(list(values), list(values.values()), color=_COLORS[0], alpha=0.12)


def _draw_series(
    frame: Any,
    widget: Mapping[str, Any],
    points: Sequence[Point],
    between: tuple[datetime, datetime],
    inches: tuple[float, float],
) -> None:
    metrics = list(metrics_of(widget))
    margins = (0.75 / inches[0], 0.62 / inches[1])
    axis = frame.inset_axes((margins[0], margins[1], 1 - margins[0] * 1.25, 1 - margins[1] * 1.75))
    stacked = widget["properties"].get("stacked", False)
    floor: dict[datetime, float] = {}
    lines = []
    for number, metric in enumerate(metrics):
        found = series(metric, (point for point in points if point.time >= between[0]))
        axis.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _, name=metric.name: _quantity(name, value))
        )
        for offset, (label, values) in enumerate(found.items()):
            # Each metric that a search finds takes a colour of its own; failures begin with red.
            free = 2 if None in metric.dimensions.values() else number
            color = metric.options.get("color", _COLORS[(free + offset) % len(_COLORS)])
            days, heights = list(values), list(values.values())
            if stacked:
                bottoms = [floor.get(day, 0) for day in days]
                middles = [day + timedelta(seconds=metric.period / 2) for day in days]
                lines.append(axis.bar(middles, heights, 0.62, bottoms, color=color, label=label))
                floor |= {day: floor.get(day, 0) + values[day] for day in days}
            else:
                middles = [day + timedelta(seconds=metric.period / 2) for day in days]
                lines += axis.plot(middles, heights, "o-", color=color, label=label, markersize=3.5)
    axis.spines[["top", "left", "right"]].set_visible(False)
    axis.spines["bottom"].set_color(_FRAME)
    axis.tick_params(length=0, labelcolor=_MUTED, labelsize=8)
    axis.set_ylim(0, max(axis.get_ylim()[1] * 1.05, 1))
    axis.yaxis.get_major_locator().set_params(nbins=5, integer=True)
    axis.grid(axis="y", color="#eaeded", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.set_xlim(between[0], between[1].replace(hour=23))
    axis.xaxis.set_major_locator(DayLocator(interval=3))
    axis.xaxis.set_major_formatter(DateFormatter("%d %b"))
    frame.legend(
        handles=lines, loc="lower left", ncols=4, frameon=False, fontsize=8,
        bbox_to_anchor=(0.01, -0.01), handlelength=1.2, columnspacing=1.4,
    )  # fmt: skip


def _quantity(name: str, value: float) -> str:
    """A metric's value as one reads it, in its unit."""
    match UNITS.get(name):
        case "Bytes":
            return f"{value / 1e6:.1f} MB" if value < 1e8 else f"{value / 1e6:,.0f} MB"
        case "Seconds":
            return f"{value:.1f} s"
        case _:
            return f"{value:,.0f}"

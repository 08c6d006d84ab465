"""Charts of how strong users are and of what happened to them, in numbers: the page draws them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pingone_reports.model.posture import Day
from pingone_reports.model.strength import Strength
from pingone_reports.model.times import time_of

DAYS = 31
"""30 days before, and the export's own."""

HEIGHT = 220
"""Pixels of the chart; what stands beside it has the same."""

_LABEL = 17
"""Pixels of a label's line."""

_GAP = 0.4
"""Percent between two parts, so that nobody needs colours to tell them apart."""

_THINNEST = 3 * _GAP
"""Percent of a part of a bar, so that one user of a million is seen."""

_LOWEST = 2
"""Percent of a pillar: a quiet day is another thing than one that was not compared."""


@dataclass(frozen=True)
class Segment:
    """A part of a bar or of a column: where it starts and how long it is."""

    strength: Strength
    start: float
    length: float


@dataclass(frozen=True)
class Column:
    """A day's export: a place from 0 to 30, and its parts from the bottom in percent of the top."""

    place: int
    day: Day
    segments: Sequence[Segment]


@dataclass(frozen=True)
class Label:
    """What names a part of the last column, at a height in pixels from above."""

    strength: Strength
    y: float


@dataclass(frozen=True)
class Columns:
    """The chart: `ticks` from the top down to 0, `dates` at its start, middle and end."""

    ticks: Sequence[int]
    dates: Sequence[datetime]
    columns: Sequence[Column]
    labels: Sequence[Label]


def bar(users: Mapping[Strength, int]) -> Sequence[Segment]:
    """All users as one bar of 100, the strongest first."""
    total = sum(users.values())
    shares = {
        strength: max(100 * users[strength] / total, _THINNEST)
        for strength in Strength
        if users.get(strength)
    }
    scale = 100 / sum(shares.values()) if shares else 0
    return _stacked({strength: share * scale for strength, share in shares.items()})


def columns(past: Sequence[Day]) -> Columns:
    """One column a UTC day, of its last export, on a scale of days that ends with the last.

    A day without an export has no column. The scale begins at 0.
    """
    shown = _placed(past)
    ticks = _ticks(sum(day.users.values()) for day in shown.values())
    drawn = [
        Column(
            place,
            day,
            _stacked({s: 100 * day.users[s] / ticks[0] for s in Strength if day.users.get(s)}),
        )
        for place, day in shown.items()
    ]
    last = time_of(past[-1].exported_at)
    dates = [last - timedelta(days=before) for before in (DAYS - 1, DAYS // 2, 0)]
    return Columns(ticks, dates, drawn, _labels(drawn[-1].segments))


def pillars(past: Sequence[Day]) -> Sequence[tuple[int, Day, float]]:
    """Place, day and height in percent for each day whose exports were compared; 0 is seen, too."""
    events = {place: day.events for place, day in _placed(past).items() if day.events is not None}
    most = max(events.values(), default=0) or 1
    return [
        (place, day, max(100 * events[place] / most, _LOWEST))
        for place, day in _placed(past).items()
        if place in events
    ]


def _placed(past: Sequence[Day]) -> Mapping[int, Day]:
    """The days by their places, of which the last is the last day's."""
    last = time_of(past[-1].exported_at) if past else datetime.now(UTC)
    days = {(time_of(day.exported_at).date() - last.date()).days + DAYS - 1: day for day in past}
    return {place: day for place, day in sorted(days.items()) if 0 <= place < DAYS}


def _stacked(lengths: Mapping[Strength, float]) -> Sequence[Segment]:
    segments, start = [], 0.0
    for strength, length in lengths.items():
        segments.append(Segment(strength, start, length - _GAP if length > 2 * _GAP else length))
        start += length
    return segments


def _ticks(numbers: Iterable[int]) -> Sequence[int]:
    """Two to five steps of a round number, which end as little above the most as they can."""
    most = max(*numbers, 2)
    steps = [step * 10**zeros for zeros in range(len(str(most))) for step in (1, 2, 5, 25)]
    _, _, step, number = min(
        (step * number, abs(number - 4), step, number)
        for step in steps
        if 2 <= (number := -(-most // step)) <= 5
    )
    return [step * tick for tick in range(number, -1, -1)]


def _labels(segments: Sequence[Segment]) -> Sequence[Label]:
    """At the middle of each part, but one below the other, and all within the chart's height."""
    places = [
        (segment.strength, HEIGHT * (1 - (segment.start + segment.length / 2) / 100))
        for segment in reversed(segments)
    ]
    highest, labels = _LABEL / 2, []
    for number, (strength, y) in enumerate(places):
        lowest = HEIGHT - _LABEL / 2 - _LABEL * (len(places) - number - 1)
        labels.append(Label(strength, min(max(y, highest), lowest)))
        highest = labels[-1].y + _LABEL
    return labels

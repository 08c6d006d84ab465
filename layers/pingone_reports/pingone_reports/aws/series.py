"""What the stack's table keeps of each report and environment: its exports, and its days.

Which of the exports is before which, `model/series.py` decides.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pingone_reports.aws.table import EXPIRY, ConditionFailed, Table, Value
from pingone_reports.errors import TableUnavailable
from pingone_reports.model.posture import Day
from pingone_reports.model.series import PublishedExport, hash_of, with_export
from pingone_reports.model.strength import Strength

# More than a year, so that a yearly export has its predecessor.
_KEPT = timedelta(days=400)
# An item may have 400 KB: headers of many forms are cut off first.
_MOST_BYTES = 300_000
_MOST_TRIES = 50
_DAYS = 40
_LOOK_BACK = timedelta(days=30)


class Series:
    """The last exports of each report and environment. Raises TableUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table
        # What was read and not yet written: whoever adds an export has just looked for its
        # predecessor, and the condition of the write finds out if somebody else came between.
        self._read: dict[str, str | None] = {}

    def exports(self, report: str, environment: str) -> list[PublishedExport]:
        """The last exports, the oldest first."""
        key = _key("series", report, environment)
        text = self._read[key] = self._text(key)
        return _parse(text)

    def add(self, export: PublishedExport) -> list[PublishedExport]:
        """Keep a published export; returns the series. The same one again is no change."""
        key = _key("series", export.keys.report, export.keys.environment)
        before = self._read.pop(key) if key in self._read else self._text(key)

        def added(before: str | None) -> str:
            return _text(with_export(_parse(before), export))

        return _parse(_change(self._table, key, "exportList", before, added))

    def _text(self, key: str) -> str | None:
        return _attribute(self._table.get(key), "exportList")


class Trend:
    """How the users of a report stood on each day. Raises TableUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, export: PublishedExport, day: Day) -> list[Day]:
        """Keep what an export says of its day; returns that day behind those of 30 days before.

        A day has the numbers of its last export, and the sums of what its exports changed.
        """
        key = _key("trend", export.keys.report, export.keys.environment, export.filter)
        name, export_id = day.exported_at[:10], export.keys.execution
        since = str(date.fromisoformat(name) - _LOOK_BACK)
        days: dict[str, Any] = {}

        def added(before: str | None) -> str:
            nonlocal days
            days = json.loads(before or "{}")
            of_day = days.setdefault(name, {"exportedAt": "", "users": {}, "exports": {}})
            if of_day["exportedAt"] <= day.exported_at:
                of_day |= {"exportedAt": day.exported_at, "users": dict(day.users)}
            of_day["exports"][export_id] = [day.events, day.lost, day.left]
            return json.dumps(dict(sorted(days.items())[-_DAYS:]))

        _change(self._table, key, "dayList", _attribute(self._table.get(key), "dayList"), added)
        # Also a day that is too old to be kept.
        return [_day(each) for at, each in sorted(days.items()) if since <= at <= name]


def _attribute(item: Mapping[str, Value] | None, name: str) -> str | None:
    return str(item[name]) if item and name in item else None


def _change(
    table: Table, key: str, name: str, before: str | None, change: Callable[[str | None], str]
) -> str:
    """Change an attribute, anew whenever somebody else has written it meanwhile; returns it."""
    expiry = int((datetime.now(UTC) + _KEPT).timestamp())
    for _ in range(_MOST_TRIES):
        text = change(before)
        if text == before:
            return text
        try:
            table.update(
                key,
                f"SET {name} = :text, {EXPIRY} = :expiry",
                f"{name} = :before" if before else f"attribute_not_exists({name})",
                {"text": text, "expiry": expiry, **({"before": before} if before else {})},
            )
        except ConditionFailed as failed:
            before = _attribute(failed.item, name)
        else:
            return text
    raise TableUnavailable("Other exports of the report come all the time.")


def _day(document: Mapping[str, Any]) -> Day:
    compared = [each for each in document["exports"].values() if each[0] is not None]
    events, lost, left = map(sum, zip(*compared, strict=True)) if compared else (None, None, None)
    return Day(
        exported_at=document["exportedAt"],
        users={each: document["users"][each] for each in Strength if each in document["users"]},
        events=events,
        lost=lost,
        left=left,
    )


def _parse(text: str | None) -> list[PublishedExport]:
    return [PublishedExport.from_document(each) for each in json.loads(text or "[]")]


def _text(series: list[PublishedExport]) -> str:
    while True:
        text = json.dumps([each.to_document() for each in series])
        if len(text) <= _MOST_BYTES or len(series) == 1:
            return text
        del series[0]


def _key(*parts: str) -> str:
    return f"{parts[0]}#{hash_of(json.dumps(parts[1:]))}"

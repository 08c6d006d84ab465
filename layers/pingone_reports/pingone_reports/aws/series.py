"""Which export is before which: places in S3, which are sorted by name.

S3 is consistent: who lists after a place was written sees it. So of two exports that take their
places at once, the one that lists last sees all places that were taken before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.model.manifest import utc

# How far the search for the export before goes back, and back again: most are a day apart.
_DAYS_BACK = (2, 60)


@dataclass(frozen=True)
class Place:
    """An export's place: when its data was asked for (UTC, ISO 8601), and its execution's name."""

    at: str
    execution: str

    @property
    def name(self) -> str:
        """The name of its object. No execution's name has a tilde."""
        return f"{self.at}~{self.execution}"


class Series:
    """Exports in their order, each with a document about it."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket = bucket
        self._folder = folder

    def add(self, place: Place, about: Mapping[str, Any]) -> None:
        """Take a place; the same one again is no change."""
        self._bucket.write_json(f"{self._folder}{place.name}", about)

    def about(self, place: Place) -> dict[str, Any] | None:
        """The document about the export with this place; None if nobody has taken it."""
        return self._bucket.read_json(f"{self._folder}{place.name}")

    def before(self, place: Place) -> Place | None:
        """The nearest place before this one."""
        for days in (*_DAYS_BACK, None):
            if found := _last(self.within(place, days)):
                return found
        return None

    def after(self, place: Place) -> Place | None:
        """The nearest place behind this one."""
        return next(self.behind(place), None)

    def newest(self, place: Place) -> Place:
        """The last of this place and those behind it."""
        return _last(self.behind(place)) or place

    def behind(self, place: Place | None = None) -> Iterator[Place]:
        """All places behind this one, or all places."""
        for name in self._bucket.names(self._folder, place.name if place else ""):
            yield _place(name)

    def within(self, place: Place, days: float | None) -> Iterator[Place]:
        """The places of so many days before this one, or of all time."""
        start = datetime.fromisoformat(place.at) - timedelta(days=days) if days else None
        for name in self._bucket.names(self._folder, utc(start) if start else ""):
            if name >= place.name:
                return
            yield _place(name)


def _last(places: Iterator[Place]) -> Place | None:
    last = None
    for last in places:  # noqa: B007 -- the last one is wanted
        pass
    return last


def _place(name: str) -> Place:
    at, _, execution = name.partition("~")
    return Place(at, execution)

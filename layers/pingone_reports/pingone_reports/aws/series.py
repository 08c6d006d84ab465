"""Exports in the order of their data: which one is before, which one is behind.

S3 lists an object as soon as it is written, in the order of its name. So each export has an object
whose name is its place, and whoever asks sees all places that were taken before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    """The exports that are compared with each other, each with its manifest's key."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket = bucket
        self._folder = folder

    def add(self, place: Place, manifest_key: str) -> None:
        """Take a place; the same one again is no change."""
        self._bucket.write_json(f"{self._folder}{place.name}", {"manifestKey": manifest_key})

    def before(self, place: Place) -> Place | None:
        """The nearest place before this one."""
        for start in (*_starts(place), ""):
            found = None
            for name in self._bucket.names(self._folder, start):
                if name >= place.name:
                    break
                found = name
            if found:
                return _place(found)
        return None

    def after(self, place: Place) -> Place | None:
        """The nearest place behind this one."""
        name = next(self._bucket.names(self._folder, place.name), None)
        return _place(name) if name else None

    def newest(self, place: Place) -> Place:
        """The last of this place and those behind it."""
        for name in self._bucket.names(self._folder, place.name):
            place = _place(name)
        return place

    def manifest_key(self, place: Place) -> str:
        """The manifest's key of the export with this place."""
        return str((self._bucket.read_json(f"{self._folder}{place.name}") or {})["manifestKey"])


def _starts(place: Place) -> Iterator[str]:
    at = datetime.fromisoformat(place.at)
    for days in _DAYS_BACK:
        yield utc(at - timedelta(days=days))


def _place(name: str) -> Place:
    at, _, execution = name.partition("~")
    return Place(at, execution)

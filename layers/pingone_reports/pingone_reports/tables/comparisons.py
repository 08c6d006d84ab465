"""What changed, found once: each export is compared with the one before it when it is tabulated.

Exports may be tabulated in any order, several at once, and again. Each takes its place in its
series first. Then it is compared, and so is the export behind it. Whoever has written a comparison
looks whether it still is the right one: the last who writes has seen all places.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.series import Place, Series
from pingone_reports.errors import StorageUnavailable
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.manifest import pseudonyms_id
from pingone_reports.tables.changes import changes_to_parquet, rows_with_date
from pingone_reports.tables.parquet import Cell

_Found = TypeVar("_Found")

# More than any burst of exports of one series: each may come between once.
_MOST_TRIES = 50


class Comparisons:
    """The tables `changes` and `latest` of a bucket. Files are made in a folder of the disk."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._bucket = bucket
        self._folder = folder

    def compare(self, keys: ExportKeys, manifest: Mapping[str, Any]) -> None:
        """Compare an export with the one before it, and the one behind it with this one.

        Its rows must be in the table `devices`, each with its own device id.
        """
        series = Series(self._bucket, f"{keys.series_folder}{_comparable(manifest)}/")
        place = _place_of(keys, manifest)
        series.add(place, keys.manifest)
        self._compare(series, place)
        if behind := series.after(place):
            self._compare(series, behind)

    def show_latest(self, keys: ExportKeys, manifest: Mapping[str, Any]) -> None:
        """Let `latest` hold an export's rows, unless there is a newer one of its report."""
        series = Series(self._bucket, f"{keys.series_folder}all/")
        place = _place_of(keys, manifest)
        series.add(place, keys.manifest)
        if series.newest(place) != place:
            return

        def write(newest: Place) -> None:
            newest_keys = _keys_of(series, newest)
            rows = self._rows_of(newest_keys, "newest")
            rows_with_date(rows, newest_keys.date, self._folder / "latest")
            self._bucket.upload_file(self._folder / "latest", keys.latest_table)

        _settle(lambda: series.newest(place), write)

    def _compare(self, series: Series, place: Place) -> None:
        keys = _keys_of(series, place)

        def write(before: Place | None) -> None:
            if before:
                before_keys = _keys_of(series, before)
                about = self._about(keys, before_keys)
                newer = self._rows_of(keys, "newer")
                older = self._rows_of(before_keys, "older")
                changes_to_parquet(newer, older, about, self._folder / "changes")
                self._bucket.upload_file(self._folder / "changes", keys.changes_table)

        _settle(lambda: series.before(place), write)

    def _rows_of(self, keys: ExportKeys, name: str) -> Path:
        path = self._folder / name
        self._bucket.download(keys.devices_table, path)
        return path

    def _about(self, keys: ExportKeys, before: ExportKeys) -> dict[str, Cell]:
        newer, older = (self._bucket.read_json(one.manifest) or {} for one in (keys, before))
        return {
            "report": newer["reportName"],
            "environment": newer["environmentId"],
            "filter": newer["filter"],
            "export_id": keys.execution,
            "exported_at": newer["createdAt"],
            "previous_export_id": before.execution,
            "previous_exported_at": older["createdAt"],
        }


def _comparable(manifest: Mapping[str, Any]) -> str:
    """The folder of the exports of this filter, with the same fields pseudonymized by one key."""
    folder = f"filter={_hash(manifest['filter'])}"
    pseudonyms = pseudonyms_id(manifest.get("pseudonymized"))
    return f"{folder},pseudonyms={_hash(pseudonyms)}" if pseudonyms else folder


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _place_of(keys: ExportKeys, manifest: Mapping[str, Any]) -> Place:
    """By its creation; or by our request for it, if PingOne's clock is ahead."""
    # A manifest of an older version does not tell the request.
    created_at = str(manifest["createdAt"])
    return Place(min(created_at, str(manifest.get("requestedAt", created_at))), keys.execution)


def _keys_of(series: Series, place: Place) -> ExportKeys:
    keys = ExportKeys.parse(series.manifest_key(place))
    assert keys
    return keys


def _settle(look: Callable[[], _Found], write: Callable[[_Found], None]) -> None:
    """Write what was found, until nothing else is found after it."""
    found = look()
    for _ in range(_MOST_TRIES):
        write(found)
        again = look()
        if again == found:
            return
        found = again
    raise StorageUnavailable("Other exports come faster than they can be compared.")

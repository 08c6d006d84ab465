"""The tables of the newest exports: they end on the newest, whoever writes last or dies between."""

from pathlib import Path

from pingone_reports.aws.series import Series
from pingone_reports.errors import StorageUnavailable
from pingone_reports.model.series import PublishedExport, newest
from pingone_reports.tables.tabulated import TabulatedExport

# More than any burst of exports of one report: each may come between once.
_MOST_TRIES = 50

_Newest = tuple[PublishedExport, PublishedExport]


def show_newest(export: TabulatedExport, row: Path, series: Series) -> bool:
    """Let `latest`, `users` and `newest_exports` hold the newest export that is in the tables.

    `row` is the row about this export. Whoever has written looks again, and a try after one that
    was cut off does all of it again: so whatever comes between, the last word is the newest's.
    Returns whether this export is the newest. Raises StorageUnavailable and TableUnavailable.
    """
    keys, bucket = export.keys, export.workplace.bucket

    def look() -> _Newest:
        exports = [
            each
            for each in series.exports(keys.report, keys.environment)
            if each.is_beside(own)
            and (each.place <= own.place or bucket.keys(each.keys.devices_table))
        ]
        return newest(exports, own, any_filter=True), newest(exports, own, any_filter=False)

    own = export.published
    found = look()
    for _ in range(_MOST_TRIES):
        of_report, of_filter = found
        _show(export, of_report)
        _show_row(export, row, of_filter)
        again = look()
        if again == found:
            return of_report.manifest_key == own.manifest_key
        found = again
    raise StorageUnavailable("Other exports come faster than they can be shown.")


def _show(export: TabulatedExport, newest_: PublishedExport) -> None:
    bucket = export.workplace.bucket
    own = newest_.manifest_key == export.keys.manifest
    shown = export if own else TabulatedExport.at(export.workplace, newest_.manifest_key)
    if shown:  # whoever deleted it decides what is the newest
        bucket.upload_file(shown.rows, shown.keys.latest_table)
        bucket.upload_file(shown.users, shown.keys.users_table)


def _show_row(export: TabulatedExport, row: Path, newest_: PublishedExport) -> None:
    bucket, keys = export.workplace.bucket, newest_.keys
    if newest_.manifest_key != export.keys.manifest:
        row = export.folder / "newest"
        # Its own tabulation writes the row and then looks: if the row is missing, it is to come.
        if not bucket.download(keys.exports_table, row):
            return
    bucket.upload_file(row, keys.newest_exports_table(f"filter={newest_.filter}"))

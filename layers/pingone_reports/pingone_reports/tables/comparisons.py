"""What changed, found once: each export is compared with the one before it when it is tabulated.

Exports may be tabulated in any order, several at once, and again. Each takes its place in its
series first. Then it is compared, and so is the export behind it. Whoever has written a comparison
looks whether it still is the right one: the last who writes has seen all places.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pingone_reports.aws.series import Place, Series
from pingone_reports.errors import StorageUnavailable
from pingone_reports.model.manifest import pseudonyms_id
from pingone_reports.model.posture import Changes, Day, Posture, Strength
from pingone_reports.tables.changes import changes_to_parquet, rows_with_date
from pingone_reports.tables.database import Cell, Unknown
from pingone_reports.tables.page import render
from pingone_reports.tables.parquet import row_to_parquet
from pingone_reports.tables.tabulated import TabulatedExport, Workplace

_Found = TypeVar("_Found")

# More than any burst of exports of one series: each may come between once.
_MOST_TRIES = 50
_DAYS_ON_A_PAGE = 30


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An export that was compared with the one before it, if there is one."""

    export: TabulatedExport
    posture: Posture


class Comparisons:
    """The tables and pages that depend on an export's place.

    `why_alone` says why this export cannot be compared with any other; empty if it can.
    """

    def __init__(self, workplace: Workplace, export: TabulatedExport, why_alone: str) -> None:
        self._workplace = workplace
        self._bucket = bucket = workplace.bucket
        self._export = export
        self._why_alone = why_alone
        self.place = _place_of(export.manifest, export.keys.execution)
        self._name = f"filter={_hash(export.manifest['filter'])}"
        # Tokens of another key are other values: they begin a new history.
        pseudonyms = pseudonyms_id(export.manifest.get("pseudonymized"))
        comparable = self._name + (f",pseudonyms={_hash(pseudonyms)}" if pseudonyms else "")
        of_report = export.keys.series_folder
        self._all = Series(bucket, f"{of_report}all/")
        self._same_filter = Series(bucket, f"{of_report}{self._name},all/")
        self.compared = Series(bucket, f"{of_report}{comparable}/")
        self.told = Series(bucket, f"{of_report}{comparable},told/")

    @property
    def comparable(self) -> bool:
        """Whether the export is compared with others."""
        return not self._why_alone

    def take_places(self, about: Mapping[str, Any]) -> None:
        """Take the export's place among those of its report, and of its filter.

        `about` is all but the manifest that the row about the export needs. Its rows must be in
        the table `devices`.
        """
        document = {"manifestKey": self._export.keys.manifest, **about}
        self._all.add(self.place, document)
        self._same_filter.add(self.place, document)
        if not self._why_alone:
            self.compared.add(self.place, document)

    def compare(self) -> Comparison:
        """Compare the export with the one before it, and the one behind it with this one."""
        if self._why_alone:
            return self._shown(self._export, self.place, None, self._why_alone)
        comparison = self._compare(self._export, self.place)
        if behind := self.compared.after(self.place):
            self.compare_at(behind)
        return comparison

    def compare_at(self, place: Place) -> Comparison | None:
        """Compare another export with the one before it; None if it has expired."""
        export = self._at(self.compared, place)
        return self._compare(export, place) if export else None

    def _compare(self, export: TabulatedExport, place: Place) -> Comparison:
        """Write an export's changes and its page."""
        found: list[Comparison] = []

        def write(before: Place | None) -> None:
            if before is None:
                found.append(self._shown(export, place, None, _FIRST))
                return
            if not (older := self._at(self.compared, before)):
                found.append(self._shown(export, place, None, _EXPIRED))
                return
            found.append(self._shown(export, place, self._changes(export, older), ""))
            if older is not self._export:  # whose rows are needed later
                shutil.rmtree(older.folder)

        _settle(lambda: self.compared.before(place), write)
        return found[-1]

    def show_latest(self) -> None:
        """Let `latest` and `users` hold the export's rows, unless there is a newer one."""
        if self._all.after(self.place):
            return

        def write(newest: Place) -> None:
            export = self._at(self._all, newest)
            if not export:
                return  # whoever deleted it decides what is the newest
            latest = export.folder / "latest"
            rows_with_date(self._workplace.database, export.rows, export.keys.date, latest)
            self._bucket.upload_file(latest, export.keys.latest_table)
            self._bucket.upload_file(export.users, export.keys.users_table)

        _settle(lambda: self._all.newest(self.place), write)

    def show_newest_export(self) -> None:
        """Let `newest_exports` hold the row about the newest export with the filter."""

        def look() -> tuple[Place, int]:
            places = list(self._same_filter.behind())
            return places[-1], len(places)

        def write(found: tuple[Place, int]) -> None:
            newest, number = found
            export = self._at(self._same_filter, newest)
            about = self._same_filter.about(newest)
            if not (export and about):
                return
            row = export.folder / "newest"
            cells = row_about(export, about) | {"exports": number}
            row_to_parquet(self._workplace.database, cells, row)
            self._bucket.upload_file(row, export.keys.newest_exports_table(self._name))

        _settle(look, write)

    def _changes(self, export: TabulatedExport, older: TabulatedExport) -> Changes:
        parquet = export.folder / "changes"
        changes = changes_to_parquet(
            self._workplace.database,
            export.rows,
            older.rows,
            export.identity
            | {
                "filter": export.manifest["filter"],
                "previous_export_id": older.keys.execution,
                "previous_exported_at": older.manifest["createdAt"],
            },
            parquet,
            filtered=bool(export.manifest["filter"]),
        )
        self._bucket.upload_file(parquet, export.keys.changes_table)
        return changes

    def _shown(
        self, export: TabulatedExport, place: Place, changes: Changes | None, why_not: str
    ) -> Comparison:
        """Write an export's page."""
        manifest, strengths = export.manifest, export.strengths
        today = Day(exported_at=manifest["createdAt"], users=strengths.users or {})
        posture = Posture(
            report=manifest["reportName"],
            environment=manifest["environmentId"],
            environment_name=export.environment_name,
            filter=manifest["filter"],
            fields=manifest["fields"],
            export_id=export.keys.execution,
            exported_at=manifest["createdAt"],
            data_not_before=manifest["dataNotBefore"],
            data_not_after=manifest["dataNotAfter"],
            devices=export.file["records"],
            users=strengths.users,
            factors=strengths.factors,
            past=[*self._past(place), today] if strengths.users else [],
            changes=changes,
            not_compared=why_not,
            doubts=[_SKIPPED] if manifest.get("qualityGate") == "skipped" else [],
        )
        self._bucket.write_text(export.keys.page, render(posture), "text/html; charset=utf-8")
        return Comparison(export=export, posture=posture)

    def _past(self, place: Place) -> Iterator[Day]:
        """The last export of each day before."""
        of_days = {
            before.at[:10]: before for before in self.compared.within(place, _DAYS_ON_A_PAGE)
        }
        of_days.pop(place.at[:10], None)
        for before in of_days.values():
            if users := (self.compared.about(before) or {}).get("users"):
                yield Day(
                    exported_at=before.at,
                    users={strength: users.get(strength, 0) for strength in Strength},
                )

    def _at(self, series: Series, place: Place) -> TabulatedExport | None:
        if place == self.place:
            return self._export
        about = series.about(place)  # it expires as exports do
        return TabulatedExport.at(self._workplace, str(about["manifestKey"])) if about else None


_FIRST = "It is the first export of this report, environment, filter and pseudonyms."
_EXPIRED = "The rows of the export before it have expired."
_SKIPPED = "The quality gate was skipped, so nobody checked the report against the one before it."


def row_about(export: TabulatedExport, about: Mapping[str, Any]) -> dict[str, Cell]:
    """The row about an export; `about` is what its place says."""
    manifest, users = export.manifest, about.get("users")
    return {
        **export.identity,
        "date": export.keys.date,
        "filter": manifest["filter"],
        "fields": ",".join(manifest["fields"]),
        "records": export.file["records"],
        "data_not_before": manifest["dataNotBefore"],
        "data_not_after": manifest["dataNotAfter"],
        "published_at": manifest["publishedAt"],
        "correlation_id": manifest["correlationId"],
        "execution_arn": manifest["executionArn"],
        "repeated_ids": about["repeatedIds"],
        **{
            f"users_{strength.replace('-', '_')}": users[strength] if users else Unknown.NUMBER
            for strength in Strength
        },
        "not_asked": about["notAsked"],
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _place_of(manifest: Mapping[str, Any], execution: str) -> Place:
    """By its creation; or by our request for it, if PingOne's clock is ahead."""
    # A manifest of an older version does not tell the request.
    created_at = str(manifest["createdAt"])
    return Place(min(created_at, str(manifest.get("requestedAt", created_at))), execution)


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

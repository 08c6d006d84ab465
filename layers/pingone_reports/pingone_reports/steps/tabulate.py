"""TabulateReport: write a published report as Parquet, for Athena; notify of what changed."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.console import console_link
from pingone_reports.aws.series import Series, Trend
from pingone_reports.errors import InvalidReport, InvalidRequest
from pingone_reports.model.announcements import AnnouncedExport
from pingone_reports.model.fleet_posture import summary_of
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.posture import Day, Posture
from pingone_reports.model.strength import Strength
from pingone_reports.observability import logger, write_metrics
from pingone_reports.tables.comparison import compare, posture_of, unusual
from pingone_reports.tables.database import open_database, within_limits
from pingone_reports.tables.export_row import write_row
from pingone_reports.tables.newest import show_newest
from pingone_reports.tables.notifier import Notifier
from pingone_reports.tables.page import render
from pingone_reports.tables.tabulated import TabulatedExport, Workplace

_METRICS = {
    Strength.PHISHING_RESISTANT: "UsersPhishingResistant",
    Strength.PHISHABLE: "UsersPhishable",
    Strength.WEAK: "UsersWeakOnly",
    Strength.NONE: "UsersWithoutFactor",
    Strength.MFA_OFF: "UsersMfaOff",
    Strength.UNKNOWN: "UsersOfUnknownStrength",
}


@dataclass(frozen=True, kw_only=True)
class TabulateReport:
    """The tabulation, with all that it needs. Nothing else may use `folder`."""

    bucket: Bucket
    series: Series
    trend: Trend
    notifier: Notifier
    folder: Path

    def run(self, manifest_key: str, *, notify: bool) -> dict[str, Any]:
        """Write an export's rows, what it changed, and the row about it; then notify, if asked to.

        The same manifest always gives the same rows and events. The files of an earlier run that
        was killed are removed first. Returns the numbers of rows, repaired cells and changes, and
        the keys. Raises InvalidRequest, InvalidReport, ReportTooLarge, InvalidConfiguration,
        StorageDenied, StorageUnavailable, TableUnavailable and AnnouncementFailed.
        """
        if not isinstance(notify, bool):
            raise InvalidRequest("The field 'notify' must be true or false.")
        keys = ExportKeys.parse(manifest_key)
        manifest = self.bucket.read_json(manifest_key) if keys else None
        if not keys or not manifest:
            raise InvalidRequest("The field 'manifestKey' must be the key of a published manifest.")
        _empty(self.folder)
        try:
            with within_limits(), open_database(self.folder) as database:
                workplace = Workplace(self.bucket, self.folder, database)
                return self._tabulate(TabulatedExport(workplace, keys, manifest), notify=notify)
        finally:
            _empty(self.folder)

    def _tabulate(self, export: TabulatedExport, *, notify: bool) -> dict[str, Any]:
        keys, manifest = export.keys, export.manifest
        if not export.make_rows():
            raise InvalidReport("The file of the manifest is gone: export the report again.")
        self.bucket.upload_file(export.rows, keys.devices_table)
        posture = self._compared(export)
        self.bucket.write_text(keys.page, render(posture), "text/html; charset=utf-8")
        row = export.folder / "row"
        write_row(export, posture, row)
        self.bucket.upload_file(row, keys.exports_table)
        standing = manifest.get("standing", True)
        if standing and show_newest(export, row, self.series):
            self._measure(export, posture)
        if manifest.get("fleet"):
            self.bucket.write_json(keys.summary, summary_of(posture))
        if notify and standing:
            about = AnnouncedExport(
                keys=keys,
                manifest=manifest,
                bucket=self.bucket.name,
                page_link=console_link(self.bucket.name, keys.page, manifest["executionArn"]),
            )
            self.notifier.notify(posture, about)
        return {
            "rows": posture.records,
            "repairedCells": export.repaired_cells,
            "result": str(posture.result),
            "changes": posture.changes.number if posture.changes else None,
            "notCompared": posture.not_compared,
            "keys": [keys.devices_table, keys.page, keys.exports_table],
        }

    def _compared(self, export: TabulatedExport) -> Posture:
        previous = export.manifest.get("previous")
        # FetchReport may have been cut off before it could note the export.
        series = self.series.add(export.published)
        if not previous:  # a manifest of an older version
            found = export.published.predecessor(series)
            key = found.export.manifest_key if found.export else None
            previous = {"manifestKey": key, "reason": found.why_none}
        changes, why_none = compare(export, previous["manifestKey"], previous["reason"])
        *past, today = self.trend.add(
            export.published,
            Day(
                exported_at=export.exported_at,
                users=export.protection.users if export.protection else {},
                events=changes.above_info if changes else None,
                lost=changes.users_lost if changes else None,
                left=changes.users_left if changes else None,
            ),
        )
        if changes:
            changes = replace(changes, unusual=unusual(changes, past))
        return posture_of(export, changes, why_none, [*past, today] if export.protection else [])

    def _measure(self, export: TabulatedExport, posture: Posture) -> None:
        protection = posture.protection
        numbers = (
            {_METRICS[strength]: number for strength, number in protection.users.items()}
            | {"UsersProtected": protection.protected}
            if protection
            else {}
        )
        write_metrics(
            {"RepeatedDeviceIds": export.repeated_ids, **numbers},
            export.manifest["reportName"],
            correlation_id=export.manifest["correlationId"],
            execution=export.keys.execution,
            environment=export.manifest["environmentId"],
        )
        if posture.not_compared:
            logger.info("Not compared.", reason=posture.not_compared)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)

"""TabulateReport: write a published report as Parquet, for Athena; find and tell what changed."""

import hashlib
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import InvalidReport, InvalidRequest
from pingone_reports.model.field_names import KNOWN_FIELDS
from pingone_reports.model.fleet_posture import summary_of
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.posture import Strength
from pingone_reports.observability import logger, measure_report
from pingone_reports.tables.announcements import Announcements
from pingone_reports.tables.changes import not_asked
from pingone_reports.tables.comparisons import Comparison, Comparisons, row_about
from pingone_reports.tables.database import columns_of, open_database, within_limits
from pingone_reports.tables.parquet import (
    Rows,
    repeated_values,
    report_to_parquet,
    row_to_parquet,
)
from pingone_reports.tables.tabulated import TabulatedExport, Workplace

_DEVICE_ID = "deviceId"
_METRICS = {
    Strength.PHISHING_RESISTANT: "UsersPhishingResistant",
    Strength.STRONG: "UsersStrong",
    Strength.WEAK: "UsersWeakOnly",
    Strength.NONE: "UsersWithoutFactor",
    Strength.UNKNOWN: "UsersOfUnknownStrength",
}


@dataclass(frozen=True, kw_only=True)
class TabulateReport:
    """The tabulation, with all that it needs. Nothing else may use `folder`."""

    bucket: Bucket
    announcements: Announcements
    folder: Path

    def run(self, manifest_key: str, tell: bool | None = None) -> dict[str, Any]:
        """Write an export's rows, what it changed, and the row about it; then tell of the changes.

        The same manifest always gives the same objects. The files of an earlier run that was killed
        are removed first. `tell` says whether to tell of changes; None tells of the newest export
        alone. Returns the numbers of rows, repaired cells, repeated ids and changes, and the keys.
        Raises InvalidRequest, InvalidReport, ReportTooLarge, InvalidConfiguration, StorageDenied,
        StorageUnavailable and AnnouncementFailed.
        """
        if not isinstance(tell, bool | None):
            raise InvalidRequest("The field 'tell' must be true, false or null.")
        keys = ExportKeys.parse(manifest_key)
        manifest = self.bucket.read_json(manifest_key) if keys else None
        if not keys or not manifest:
            raise InvalidRequest("The field 'manifestKey' must be the key of a published manifest.")
        _empty(self.folder)
        try:
            with within_limits(), open_database(self.folder) as database:
                workplace = Workplace(self.bucket, self.folder, database)
                return self._tabulate(TabulatedExport(workplace, keys, manifest), tell)
        finally:
            _empty(self.folder)

    def _tabulate(self, export: TabulatedExport, tell: bool | None) -> dict[str, Any]:
        keys, database = export.keys, export.workplace.database
        written = self._write_rows(export)
        self.bucket.upload_file(export.rows, keys.devices_table)
        columns = columns_of(database, export.rows).keys()
        repeated_ids = repeated_values(database, export.rows, _DEVICE_ID)
        about = {
            "repeatedIds": repeated_ids,
            "users": export.strengths.users,
            "notAsked": ", ".join(not_asked(columns)),
        }
        comparisons = Comparisons(export.workplace, export, _why_alone(columns, repeated_ids))
        comparisons.take_places(about)
        comparison = comparisons.compare()
        comparisons.show_latest()
        comparisons.show_newest_export()
        row = self.folder / "row"
        row_to_parquet(database, row_about(export, about), row)
        self.bucket.upload_file(row, keys.exports_table)
        if export.manifest.get("fleet"):
            self.bucket.write_json(keys.summary, summary_of(comparison.posture))
        self._measure(comparisons, comparison, repeated_ids)
        self.announcements.tell(comparisons, comparison, tell)
        changes = comparison.posture.changes
        return {
            "rows": written.number,
            "repairedCells": written.repaired_cells,
            "repeatedIds": repeated_ids,
            "changes": changes.number if changes else None,
            "notCompared": comparison.posture.not_compared,
            "keys": [keys.devices_table, keys.page, keys.exports_table],
        }

    def _write_rows(self, export: TabulatedExport) -> Rows:
        file = export.file
        report = export.folder / Path(file["key"]).name
        if not self.bucket.download(file["key"], report):
            raise InvalidReport("The file of the manifest is gone: export the report again.")
        _verify(report, file["sha256"])
        written = report_to_parquet(
            export.workplace.database,
            report,
            file["format"],
            export.identity,
            export.rows,
            asked=export.manifest["fields"] or KNOWN_FIELDS,
        )
        if written.number != file["records"]:
            raise InvalidReport(
                f"The file has {written.number} rows, but its manifest says {file['records']}: "
                "export the report again."
            )
        report.unlink()
        for doubt in written.doubts:
            logger.warning("The report is not quite text.", doubt=doubt)
        return written

    def _measure(self, comparisons: Comparisons, comparison: Comparison, repeated_ids: int) -> None:
        manifest, users = comparison.export.manifest, comparison.posture.users
        newest = comparisons.comparable and not comparisons.compared.after(comparisons.place)
        strengths = {_METRICS[strength]: number for strength, number in (users or {}).items()}
        measure_report(
            manifest["reportName"],
            {"RepeatedDeviceIds": repeated_ids, **(strengths if newest else {})},
            correlation_id=manifest["correlationId"],
            execution=comparison.export.keys.execution,
            environment=manifest["environmentId"],
        )
        if comparison.posture.not_compared:
            logger.info("Not compared.", reason=comparison.posture.not_compared)
        if repeated_ids:
            logger.warning("Device ids are repeated.", repeated_ids=repeated_ids)


def _why_alone(columns: Collection[str], repeated_ids: int) -> str:
    if _DEVICE_ID.lower() not in columns:
        return "The report has no field deviceId, which tells devices apart."
    if repeated_ids:
        return f"{repeated_ids} records repeat a device id, so the id tells no device apart."
    return ""


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _verify(report: Path, sha256: str) -> None:
    with report.open("rb") as stored:
        if hashlib.file_digest(stored, "sha256").hexdigest() != sha256:
            raise InvalidReport(
                "The file was replaced after its manifest was written: export the report again."
            )

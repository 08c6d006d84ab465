"""TabulateReport: write a published report as Parquet, into the tables that Athena queries."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import InvalidReport, InvalidRequest
from pingone_reports.model.keys import ExportKeys
from pingone_reports.observability import logger, measure_report
from pingone_reports.tables.comparisons import Comparisons
from pingone_reports.tables.parquet import (
    Cell,
    has_column,
    repeated_values,
    report_to_parquet,
    row_to_parquet,
)

_DEVICE_ID = "deviceId"


@dataclass(frozen=True, kw_only=True)
class TabulateReport:
    """The tabulation, with all that it needs. Nothing else may use `folder`."""

    bucket: Bucket
    folder: Path

    def run(self, manifest_key: str) -> dict[str, Any]:
        """Write an export's rows, what it changed, and the row about it, in this order.

        The same manifest always gives the same objects. The files of an earlier run that was killed
        are removed first. Returns the numbers of rows and repeated ids, and the keys. Raises
        InvalidRequest, InvalidReport, InvalidConfiguration, StorageDenied and StorageUnavailable.
        """
        keys = ExportKeys.parse(manifest_key)
        manifest = self.bucket.read_json(manifest_key) if keys else None
        if not keys or not manifest:
            raise InvalidRequest("The field 'manifestKey' must be the key of a published manifest.")
        _empty(self.folder)
        try:
            return self._tabulate(keys, manifest)
        finally:
            _empty(self.folder)

    def _tabulate(self, keys: ExportKeys, manifest: Mapping[str, Any]) -> dict[str, Any]:
        # CSV comes first: to read it takes less memory.
        file = min(manifest["files"], key=lambda file: str(file["format"]))
        export: dict[str, Cell] = {
            "report": manifest["reportName"],
            "environment": manifest["environmentId"],
            "export_id": keys.execution,
            "exported_at": manifest["createdAt"],
        }
        report, rows, row = (self.folder / name for name in (Path(file["key"]).name, "rows", "row"))
        self.bucket.download(file["key"], report)
        _verify(report, file["sha256"])
        records = report_to_parquet(report, file["format"], export, rows)
        if records != file["records"]:
            raise InvalidReport(
                f"The file has {records} rows, but its manifest says {file['records']}: export the "
                "report again."
            )
        report.unlink()
        repeated_ids = repeated_values(rows, _DEVICE_ID)
        self.bucket.upload_file(rows, keys.devices_table)
        comparisons = Comparisons(self.bucket, self.folder)
        comparisons.show_latest(keys, manifest)
        # A device id that comes twice tells no device apart.
        if not repeated_ids and has_column(rows, _DEVICE_ID):
            comparisons.compare(keys, manifest)
        about = _about(manifest, file) | {"repeated_ids": repeated_ids}
        row_to_parquet(export | {"date": keys.date} | about, row)
        self.bucket.upload_file(row, keys.exports_table)
        measure_report(
            manifest["reportName"],
            {"RepeatedDeviceIds": repeated_ids},
            correlation_id=manifest["correlationId"],
            execution=keys.execution,
            environment=manifest["environmentId"],
        )
        if repeated_ids:
            logger.warning("Device ids are repeated.", repeated_ids=repeated_ids)
        return {
            "rows": records,
            "repeatedIds": repeated_ids,
            "keys": [keys.devices_table, keys.exports_table],
        }


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _verify(report: Path, sha256: str) -> None:
    with report.open("rb") as stored:
        if hashlib.file_digest(stored, "sha256").hexdigest() != sha256:
            raise InvalidReport(
                "The file was replaced after its manifest was written: export the report again."
            )


def _about(manifest: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Cell]:
    return {
        "filter": manifest["filter"],
        "fields": ",".join(manifest["fields"]),
        "records": file["records"],
        "data_not_before": manifest["dataNotBefore"],
        "data_not_after": manifest["dataNotAfter"],
        "published_at": manifest["publishedAt"],
        "correlation_id": manifest["correlationId"],
        "execution_arn": manifest["executionArn"],
    }

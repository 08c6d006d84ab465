"""TabulateReport: write a published report as Parquet, into the tables that Athena queries."""

import hashlib
import re
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import InvalidReport, InvalidRequest
from pingone_reports.tables.parquet import Cell, report_to_parquet, row_to_parquet

_MANIFEST_KEY = re.compile(
    r"(?P<prefix>(?:.+/)?)report=.+/date=(?P<date>\d{4}-\d\d-\d\d)/(?P<id>[^/]+)/[^/]+"
)


def tabulate_report(manifest_key: str, bucket: Bucket, folder: Path) -> dict[str, Any]:
    """Write the rows of an export, and then the row about it: only then do the views show it.

    The same manifest writes the same objects again. The folder is this call's alone; what another
    one left in it, because it was killed, is removed first. Returns what was written. Raises
    InvalidRequest, InvalidReport and what the bucket raises.
    """
    at = _MANIFEST_KEY.fullmatch(manifest_key)
    manifest = bucket.read_json(manifest_key) if at else None
    if not at or not manifest:
        raise InvalidRequest("The field 'manifestKey' must be the key of a published manifest.")
    # CSV is read in less memory.
    file = min(manifest["files"], key=lambda file: str(file["format"]))
    export: dict[str, Cell] = {
        "report": manifest["reportName"],
        "environment": manifest["environmentId"],
        "export_id": at["id"],
        "exported_at": manifest["createdAt"],
    }
    # Athena passes over files whose names begin so. No execution's name has a comma.
    name = f"name,{at['id']}" if at["id"].startswith(("_", ".")) else at["id"]
    devices_key = f"{at['prefix']}tables/devices/date={at['date']}/{name}.parquet"
    exports_key = f"{at['prefix']}tables/exports/{at['date']}-{at['id']}.parquet"
    _empty(folder)
    try:
        report, parquet = folder / Path(file["key"]).name, folder / "parquet"
        bucket.download(file["key"], report)
        _verify(report, file["sha256"])
        rows = report_to_parquet(report, file["format"], export, parquet)
        if rows != file["records"]:
            raise InvalidReport(f"The file has {rows} rows, its manifest {file['records']}.")
        bucket.upload_file(parquet, devices_key)
        row_to_parquet(
            export | {"date": date.fromisoformat(at["date"])} | _about(manifest, file), parquet
        )
        bucket.upload_file(parquet, exports_key)
    finally:
        _empty(folder)
    return {"rows": rows, "keys": [devices_key, exports_key]}


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _verify(report: Path, sha256: str) -> None:
    with report.open("rb") as stored:
        if hashlib.file_digest(stored, "sha256").hexdigest() != sha256:
            raise InvalidReport(
                "The file is not the one that its manifest describes: it was replaced since. "
                "Export the report again."
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

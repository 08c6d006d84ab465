"""Files of a report as they landed, and exports that were published."""

from typing import Any

from pingone_reports.model.report_file import Format, ReportFile
from pingone_reports.model.series import PublishedExport


def landed_file(file_format: Format, **other: Any) -> ReportFile:
    """A file of three records, or another one."""
    given: dict[str, Any] = {
        "key": f"a/devices.{file_format}",
        "bytes": 1,
        "sha256": "0" * 64,
        "content_bytes": 1,
        "content_sha256": "0" * 64,
        "records": 3,
    }
    return ReportFile(format=file_format, **given | other)


def published_export(**other: Any) -> PublishedExport:
    """One of all fields and three records, or another one."""
    given: dict[str, Any] = {
        "bucket": "reports",
        "manifest_key": "",
        "at": "2026-03-31T02:00:00+00:00",
        "filter": "",
        "fields": (),
        "columns": ("userId", "deviceId", "deviceType"),
        "tokens": {},
        "records": 3,
        "content_sha256": {},
    }
    return PublishedExport(**given | other)

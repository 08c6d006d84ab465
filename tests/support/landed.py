"""Files of a report as they landed."""

from typing import Any

from pingone_reports.model.report_file import Format, ReportFile


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

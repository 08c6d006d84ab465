"""The manifest: what an export asked for and what it landed, written when all of it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pingone_reports.model.exploration import Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.freshness import changes_included, data_not_before
from pingone_reports.pingone.api import DEVICES_REPORT_TEMPLATE_ID

MANIFEST = "manifest.json"
QUARANTINE = "quarantine.json"


@dataclass(frozen=True, kw_only=True)
class LandedFile:
    """A file in the bucket: its size in bytes, its SHA-256 in hex, and the records in it.

    The content's size and hash are those of what the file unpacks to, if it is compressed. Columns
    are those of a CSV file's header; repeated ids are the device ids in it that came before, if
    they were counted.
    """

    format: str
    key: str
    bytes: int
    sha256: str
    content_bytes: int
    content_sha256: str
    records: int
    columns: tuple[str, ...] = ()
    repeated_ids: int = 0

    def to_document(self) -> dict[str, Any]:
        """Its entry in the manifest."""
        return {
            "format": self.format,
            "key": self.key,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "contentBytes": self.content_bytes,
            "contentSha256": self.content_sha256,
            "records": self.records,
        }


def export_folder(export: Export, key_prefix: str) -> str:
    """The folder of an export, ending in `/`: the same for every try of one execution."""
    folder = (
        f"report={export.request.report_name}/environment={export.request.environment_id}"
        f"/date={export.execution.started_at.astimezone(UTC):%Y-%m-%d}/{export.execution.name}/"
    )
    return f"{key_prefix}/{folder}" if key_prefix else folder


def quarantine_folder(export: Export, key_prefix: str) -> str:
    """The folder of an export that is kept back, where nobody looks for exports."""
    return export_folder(export, f"{key_prefix}/quarantine" if key_prefix else "quarantine")


def manifest_of(
    export: Export,
    exploration: Exploration,
    bucket: str,
    files: Sequence[LandedFile],
    *,
    unchanged: bool,
) -> dict[str, Any]:
    """The manifest document; see events/manifest.schema.json."""
    return {
        **_description(export, exploration, bucket, files),
        "unchanged": unchanged,
        "qualityGate": "skipped" if export.request.skip_quality_gate else "passed",
        "publishedAt": utc(datetime.now(UTC)),
    }


def quarantine_of(
    export: Export,
    exploration: Exploration,
    bucket: str,
    files: Sequence[LandedFile],
    reasons: Sequence[str],
) -> dict[str, Any]:
    """What stands beside files in quarantine; see events/quarantine.schema.json."""
    return {
        **_description(export, exploration, bucket, files),
        "reasons": list(reasons),
        "quarantinedAt": utc(datetime.now(UTC)),
    }


def _description(
    export: Export, exploration: Exploration, bucket: str, files: Sequence[LandedFile]
) -> dict[str, Any]:
    changes_until = export.request.changes_until
    return {
        "reportName": export.request.report_name,
        "environmentId": export.request.environment_id,
        "templateId": DEVICES_REPORT_TEMPLATE_ID,
        "fields": list(export.request.fields),
        "filter": export.request.filter,
        "explorationId": exploration.id,
        "createdAt": utc(exploration.created_at),
        "expiresAt": utc(exploration.expires_at),
        "dataNotBefore": utc(data_not_before(exploration.created_at)),
        "dataNotAfter": utc(exploration.updated_at),
        "changesUntil": changes_until and utc(changes_until),
        "changesIncluded": changes_included(changes_until, exploration.created_at),
        "bucket": bucket,
        "files": [file.to_document() for file in files],
        "columns": next((list(file.columns) for file in files if file.columns), []),
        "correlationId": export.request.correlation_id,
        "executionArn": export.execution.arn,
    }


def completed_event(manifest: Mapping[str, Any], manifest_key: str) -> dict[str, Any]:
    """The detail of `PingOne Report Export Completed`: the manifest and where it is."""
    return {**manifest, "manifestKey": manifest_key}


def utc(time: datetime) -> str:
    """A time in UTC, to the millisecond: as texts, earlier ones are less."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The manifest: what an export asked for and what landed. It is written after the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pingone_reports.model.exploration import DEVICES_REPORT_TEMPLATE_ID, Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.freshness import changes_included, data_not_before
from pingone_reports.model.report_file import ReportFile
from pingone_reports.model.series import Predecessor
from pingone_reports.model.times import utc


@dataclass(frozen=True, kw_only=True)
class Landed:
    """Files in the bucket, and what was pseudonymized in them: see `Pseudonyms.to_document`.

    `region` is the end of PingOne's domain, such as `eu`; None behind a proxy.
    """

    bucket: str
    region: str | None
    files: Sequence[ReportFile]
    pseudonymized: Mapping[str, Any] | None


def manifest_of(
    export: Export, description: Mapping[str, Any], predecessor: Predecessor
) -> dict[str, Any]:
    """The manifest document; see events/manifest.schema.json.

    Its predecessor is decided here, once, for all who compare.
    """
    previous = predecessor.export
    return {
        **description,
        "previous": {
            "manifestKey": previous.manifest_key if previous else None,
            "reason": predecessor.why_none or None,
        },
        "unchanged": predecessor.unchanged,
        "qualityGate": "skipped" if export.request.skip_quality_gate else "passed",
        "publishedAt": utc(datetime.now(UTC)),
    }


def quarantine_of(description: Mapping[str, Any], reasons: Sequence[str]) -> dict[str, Any]:
    """The document beside the files in quarantine; see events/quarantine.schema.json."""
    return {
        **description,
        "reasons": list(reasons),
        "quarantinedAt": utc(datetime.now(UTC)),
    }


def description_of(export: Export, exploration: Exploration, landed: Landed) -> dict[str, Any]:
    """What manifest and quarantine document both say of an export."""
    changes_until = export.request.changes_until
    return {
        "reportName": export.request.report_name,
        "environmentId": export.request.environment_id,
        "environmentName": export.request.environment_name,
        "region": landed.region,
        "standing": export.request.standing,
        "templateId": DEVICES_REPORT_TEMPLATE_ID,
        "fields": list(export.request.fields),
        "filter": export.request.filter,
        "explorationId": exploration.id,
        "requestedAt": utc(export.requested_at),
        "createdAt": utc(exploration.created_at),
        "expiresAt": utc(exploration.expires_at),
        "dataNotBefore": utc(data_not_before(exploration.created_at)),
        "dataNotAfter": utc(exploration.updated_at),
        "changesUntil": changes_until and utc(changes_until),
        "changesIncluded": changes_included(changes_until, exploration.created_at),
        "bucket": landed.bucket,
        "files": [file.to_document() for file in landed.files],
        "columns": list(min(landed.files, key=lambda file: file.format).columns),  # CSV's first
        "pseudonymized": landed.pseudonymized,
        "correlationId": export.request.correlation_id,
        "executionArn": export.execution.arn,
        "fleet": export.request.fleet,
    }


def completed_event(manifest: Mapping[str, Any], manifest_key: str) -> dict[str, Any]:
    """The detail of `PingOne Report Export Completed`: the manifest and where it is."""
    return {**manifest, "manifestKey": manifest_key}

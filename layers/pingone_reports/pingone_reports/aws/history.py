"""The previous export of each report, in the stack's table."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pingone_reports.aws.table import EXPIRY, ConditionFailed, Table
from pingone_reports.model.export import Export
from pingone_reports.model.manifest import pseudonyms_id, utc
from pingone_reports.model.previous import Previous
from pingone_reports.model.report_file import Format

# More than a year, so that a yearly export has its predecessor.
_KEPT = timedelta(days=400)


class History:
    """The newest published export of each report, environment, filter and list of fields.

    What was pseudonymized, and with which key, tells histories apart too.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def before(
        self, export: Export, pseudonymized: Mapping[str, Any] | None = None
    ) -> Previous | None:
        """The export before this one, if there is one. Raises TableUnavailable."""
        item = self._table.get(_key(export, pseudonymized))
        if not item:
            return None
        landed = json.loads(str(item["landed"]))
        return Previous(
            records=landed["records"],
            content_sha256={
                Format(name): sha256 for name, sha256 in landed["contentSha256"].items()
            },
            columns=landed["columns"],
        )

    def remember(self, export: Export, manifest: Mapping[str, Any], manifest_key: str) -> None:
        """Keep a published export, unless a newer one is kept already. Raises TableUnavailable.

        An export's time is PingOne's `createdAt`, or our request's time if that is earlier. So if
        PingOne's clock is ahead once, later exports do not count as older.
        """
        now = datetime.now(UTC)
        landed = {
            "records": max(file["records"] for file in manifest["files"]),
            "contentSha256": {file["format"]: file["contentSha256"] for file in manifest["files"]},
            "columns": manifest.get("columns", []),  # older versions wrote none
        }
        with suppress(ConditionFailed):
            self._table.update(
                _key(export, manifest.get("pseudonymized")),
                "SET createdAt = :createdAt, manifestKey = :manifestKey, landed = :landed, "
                f"{EXPIRY} = :expiry",
                "attribute_not_exists(createdAt) OR createdAt <= :createdAt OR createdAt > :now",
                {
                    "createdAt": min(manifest["createdAt"], utc(export.requested_at)),
                    "now": utc(now),
                    "manifestKey": manifest_key,
                    "landed": json.dumps(landed),
                    "expiry": int((now + _KEPT).timestamp()),
                },
            )


def _key(export: Export, pseudonymized: Mapping[str, Any] | None) -> str:
    request = export.request
    asked = [request.report_name, request.environment_id, request.filter, request.fields]
    if pseudonymized:
        asked.append(pseudonyms_id(pseudonymized))
    # Hashed, because a filter may be longer than a key can be.
    return f"export#{hashlib.sha256(json.dumps(asked).encode()).hexdigest()}"

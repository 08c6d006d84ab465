"""How long the last report of each series took, in the stack's table: when to ask for the next."""

import hashlib
import json
import time
from contextlib import suppress

from pingone_reports.aws.table import EXPIRY, ConditionFailed, Table
from pingone_reports.errors import TableUnavailable
from pingone_reports.model.filters import without_values
from pingone_reports.model.request import ExportRequest

# More than a year, so that a yearly export has its predecessor.
_KEPT_SECONDS = 400 * 86_400
# "MFA reports", developer.pingidentity.com: PingOne caches files for two hours, also for a new
# exploration with exactly the same settings.
_CACHED_SECONDS = 7200


class Durations:
    """They only save calls, so nothing is raised if the table gives no answer."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, request: ExportRequest) -> tuple[int, bool]:
        """The last report's seconds, 0 if unknown, and whether PingOne may have it cached."""
        with suppress(TableUnavailable):
            if item := self._table.get(_key(request)):
                return int(item["took"]), int(item["cachedUntil"]) > time.time()
        return 0, False

    def remember(self, request: ExportRequest, seconds: float) -> None:
        """Keep a report's seconds, unless PingOne may have had it cached."""
        now = int(time.time())
        with suppress(TableUnavailable, ConditionFailed):
            self._table.update(
                _key(request),
                f"SET took = :took, cachedUntil = :until, {EXPIRY} = :expiry",
                "attribute_not_exists(cachedUntil) OR cachedUntil <= :now",
                {
                    "took": round(seconds),
                    "until": now + _CACHED_SECONDS,
                    "now": now,
                    "expiry": now + _KEPT_SECONDS,
                },
            )


def _key(request: ExportRequest) -> str:
    # CheckReport may not know the values in it.
    filter_ = without_values(request.filter)
    series = [request.environment_id, request.report_name, filter_, request.fields]
    # Hashed, because a filter may be longer than a key can be.
    return f"took#{hashlib.sha256(json.dumps(series).encode()).hexdigest()}"

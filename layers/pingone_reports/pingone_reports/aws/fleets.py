"""What the stack's table knows of fleets: what came of each export, and the fleet before."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pingone_reports.aws.table import EXPIRY, ConditionFailed, Table
from pingone_reports.model.times import utc

# botocore keeps ten connections.
_AT_A_TIME = 8
# More than a year, so that a yearly fleet has its predecessor.
_KEPT = timedelta(days=400)

# What DescribeExecution tells, which is also the cause of a `.sync` task whose execution failed.
_DESCRIBED = {
    "executionArn": "ExecutionArn", "startedAt": "StartDate", "endedAt": "StopDate",
    "error": "Error", "message": "Cause",
}  # fmt: skip


class FleetResults:
    """What the fleet's state machine has noted of exports. Raises TableUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, execution_names: Sequence[str]) -> Iterator[Mapping[str, Any] | None]:
        """The result of each export's execution, in order; None for one that has none."""
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            yield from pool.map(self.of_one, execution_names)

    def of_one(self, execution_name: str) -> Mapping[str, Any] | None:
        """The result of one export's execution."""
        item = self._table.get(f"result#{execution_name}")
        return _result_of(json.loads(str(item["result"]))) if item else None


def _result_of(noted: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was noted; of a failed task, the end of the export that its cause describes."""
    if noted.get("error") == "States.TaskFailed" and noted["status"] == "UNKNOWN":
        # Anything else than a description, and one that is cut off, stays as it is.
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(noted["message"])
            described = {name: told.get(theirs) for name, theirs in _DESCRIBED.items()}
            return described | {"status": told["Status"]}
    return noted


class FleetHistory:
    """The newest fleet of each series. Raises TableUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def before(self, series: str) -> str | None:
        """The key of the manifest of the series' newest fleet, if there is one."""
        item = self._table.get(f"fleet#{series}")
        return str(item["manifestKey"]) if item else None

    def remember(self, series: str, started_at: datetime, manifest_key: str) -> None:
        """Keep a fleet, unless a newer one is kept already."""
        with suppress(ConditionFailed):
            self._table.update(
                f"fleet#{series}",
                f"SET startedAt = :startedAt, manifestKey = :manifestKey, {EXPIRY} = :expiry",
                "attribute_not_exists(startedAt) OR startedAt <= :startedAt",
                {
                    "startedAt": utc(started_at),
                    "manifestKey": manifest_key,
                    "expiry": int((datetime.now(UTC) + _KEPT).timestamp()),
                },
            )

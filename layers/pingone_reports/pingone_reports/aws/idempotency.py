"""Only once: which execution holds an idempotency key, and what each execution has started."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.aws.fleets import FleetResults
from pingone_reports.aws.table import EXPIRY, ConditionFailed, Item, Table
from pingone_reports.errors import StartInProgress, StepFunctionsUnavailable
from pingone_reports.model.export import Export

# Longer than any execution and any redelivery: EventBridge retries for 24 hours at most.
_KEPT_SECONDS = 48 * 3600

# Longer than the tries of a start, and than PingOne keeps a report.
_SECONDS_OF_A_START = 3600
_STARTING, _STARTED = "INPROGRESS", "COMPLETED"

# What the keys of a fleet's exports begin with; see FleetExports.
_OF_A_FLEET = "fleet:"
# An execution that was aborted or timed out can be redriven.
_LASTING = {"SUCCEEDED", "FAILED"}

# An execution that ended like this cannot release its key itself. It may have published, if only
# its event could not be sent. Its report is exported twice then.
_WITHOUT_EXPORT = {"FAILED", "TIMED_OUT", "ABORTED"}


class IdempotencyKeys:
    """Which execution holds each idempotency key, in the stack's table."""

    def __init__(self, table: Table, states: Any) -> None:
        self._table = table
        self._states = states
        self._results = FleetResults(table)

    def holder(self, idempotency_key: str, execution_arn: str) -> str:
        """The ARN of the execution that holds this key: the given one, unless another was first.

        An execution that ended without an export loses its key to the next one. Raises
        TableUnavailable and StepFunctionsUnavailable.
        """
        key, now, former = f"claim#{idempotency_key}", int(time.time()), ""
        while True:
            try:
                self._table.update(
                    key,
                    f"SET executionArn = :mine, {EXPIRY} = :expiry",
                    f"attribute_not_exists(executionArn) OR {EXPIRY} < :now "
                    "OR executionArn = :mine OR executionArn = :former",
                    {
                        "mine": execution_arn,
                        "former": former or execution_arn,
                        "now": now,
                        "expiry": now + _KEPT_SECONDS,
                    },
                )
                return execution_arn
            except ConditionFailed as failed:
                former = str(failed.item["executionArn"])
            status = self._noted(idempotency_key, former) or self._status(former)
            if status not in _WITHOUT_EXPORT:
                return former

    def _noted(self, idempotency_key: str, execution_arn: str) -> str | None:
        """The status that a fleet has noted of its export, if no redrive can have changed it.

        A fleet that takes over ten thousand exports would exceed the quota of DescribeExecution.
        """
        if not idempotency_key.startswith(_OF_A_FLEET):
            return None
        result = self._results.of_one(execution_arn.rpartition(":")[2])
        return result["status"] if result and result["status"] in _LASTING else None

    def _status(self, execution_arn: str) -> str:
        try:
            # To read input and output, the role would need the KMS key that may encrypt them.
            described = self._states.describe_execution(
                executionArn=execution_arn, includedData="METADATA_ONLY"
            )
            return str(described["status"])
        except AWS_ERRORS as error:
            raise StepFunctionsUnavailable(
                "Step Functions did not return the status of the execution that holds the key "
                f"({code_of(error)}): try again later."
            ) from None


class Starts:
    """The export that each execution has started, remembered for an hour.

    A start that raises is not remembered. A start that is cut off blocks other tries until the end
    of its invocation, which has so many milliseconds left. An item is what Powertools' idempotency
    utility wrote in versions before this one.
    """

    def __init__(self, table: Table, millis_left: Callable[[], int]) -> None:
        self._table = table
        self._millis_left = millis_left

    def made(self, execution_arn: str) -> Export | None:
        """The export that this execution has already started, if any. Raises TableUnavailable."""
        return _made(self._table.get(_start_key(execution_arn)))

    def once(self, execution_arn: str, start: Callable[[], Export]) -> Export:
        """Start the export, or return the one that this execution has already started.

        Raises StartInProgress, TableUnavailable, and whatever `start` raises.
        """
        key, now = _start_key(execution_arn), time.time()
        try:
            self._table.update(
                key,
                f"SET #status = :busy, in_progress_expiration = :end, {EXPIRY} = :expiry",
                f"attribute_not_exists(#status) OR {EXPIRY} < :now "
                "OR (#status = :busy AND in_progress_expiration < :millis)",
                {
                    "busy": _STARTING,
                    "end": int(now * 1000) + self._millis_left(),
                    "now": int(now),
                    "millis": int(now * 1000),
                    "expiry": int(now) + _SECONDS_OF_A_START,
                },
            )
        except ConditionFailed as failed:
            if export := _made(failed.item):
                return export
            raise StartInProgress(
                "Another try of this execution's start is running, or was cut off just now: try "
                "again in two minutes."
            ) from None
        try:
            export = start()
        except Exception:
            self._table.update(key, "SET in_progress_expiration = :over", None, {"over": 0})
            raise
        self._table.update(
            key,
            f"SET #status = :made, #data = :export, {EXPIRY} = :expiry",
            None,
            {
                "made": _STARTED,
                "export": json.dumps(export.to_state()),
                "expiry": int(time.time()) + _SECONDS_OF_A_START,
            },
        )
        return export


def _start_key(execution_arn: str) -> str:
    return f"start#{hashlib.sha256(json.dumps(execution_arn).encode()).hexdigest()}"


def _made(item: Item | None) -> Export | None:
    # Items may be there for days after they have expired.
    if not item or item["status"] != _STARTED or int(item[EXPIRY]) < time.time():
        return None
    return Export.from_state(json.loads(str(item["data"])))

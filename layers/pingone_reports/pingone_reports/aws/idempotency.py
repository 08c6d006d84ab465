"""Idempotency keys: which execution has the export that several requests ask for."""

import time
from typing import Any

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.aws.table import EXPIRY, ConditionFailed, Table
from pingone_reports.errors import TableUnavailable

# Longer than any execution and than any redelivery: EventBridge tries for 24 hours at most.
_KEPT_SECONDS = 48 * 3600

# An execution that ended so has published nothing, and runs no state that could give a key back.
_WITHOUT_EXPORT = {"FAILED", "TIMED_OUT", "ABORTED"}


class Claims:
    """Who holds an idempotency key, in the stack's table."""

    def __init__(self, table: Table, states: Any) -> None:
        self._table = table
        self._states = states

    def holder(self, idempotency_key: str, execution_arn: str) -> str:
        """The ARN of the execution that has this key: the given one, unless another one is first.

        A key goes over from an execution that ended without an export. Raises TableUnavailable.
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
            if self._status(former) not in _WITHOUT_EXPORT:
                return former

    def _status(self, execution_arn: str) -> str:
        try:
            # Its input and output would need the key that they may be encrypted with.
            described = self._states.describe_execution(
                executionArn=execution_arn, includedData="METADATA_ONLY"
            )
            return str(described["status"])
        except AWS_ERRORS as error:
            raise TableUnavailable(
                "Step Functions does not tell how the execution that has the key is "
                f"({code_of(error)})."
            ) from None

"""Only once: which execution has the export of a key, and what an execution has started already."""

import time
from collections.abc import Callable
from typing import Any, Self

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    BaseError,
    IdempotencyAlreadyInProgressError,
    IdempotencyItemNotFoundError,
)

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.aws.table import EXPIRY, KEY, ConditionFailed, Table
from pingone_reports.errors import StartInProgress, StepFunctionsUnavailable, TableUnavailable
from pingone_reports.model.export import Export

# Longer than any execution and than any redelivery: EventBridge tries for 24 hours at most.
_KEPT_SECONDS = 48 * 3600

# Of the items of what was started.
_PREFIX = "start"

# An execution that ended so runs no state that could give a key back. It may have published if no
# event could be sent: then its report is exported twice.
_WITHOUT_EXPORT = {"FAILED", "TIMED_OUT", "ABORTED"}


class IdempotencyKeys:
    """Which execution has the export that several requests ask for, in the stack's table."""

    def __init__(self, table: Table, states: Any) -> None:
        self._table = table
        self._states = states

    def holder(self, idempotency_key: str, execution_arn: str) -> str:
        """The ARN of the execution that has this key: the given one, unless another one is first.

        A key goes over from an execution that ended without an export. Raises TableUnavailable and
        StepFunctionsUnavailable.
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
            raise StepFunctionsUnavailable(
                "Step Functions does not tell how the execution that has the key is "
                f"({code_of(error)})."
            ) from None


class Starts:
    """What each execution has started, remembered for so many seconds.

    Nothing is remembered of a start that raises. One that is cut off gives its place free at the
    end of its invocation, which Lambda's `context` tells.
    """

    def __init__(self, table: Table, remember_seconds: int) -> None:
        self._store = DynamoDBPersistenceLayer(
            table.name, key_attr=KEY, expiry_attr=EXPIRY, boto3_client=table.client
        )
        self._config = IdempotencyConfig(
            expires_after_seconds=remember_seconds, hash_function="sha256"
        )

    def within(self, context: Any) -> Self:
        """In the invocation of this context."""
        self._config.register_lambda_context(context)
        return self

    def made(self, execution_arn: str) -> Export | None:
        """What this execution has started before, if it has. Raises TableUnavailable."""
        self._store.configure(self._config, key_prefix=_PREFIX)
        try:
            record = self._store.get_record(data=execution_arn)  # type: ignore[arg-type]
        except IdempotencyItemNotFoundError:
            return None
        except AWS_ERRORS as error:
            raise TableUnavailable(
                f"DynamoDB does not tell what was started ({code_of(error)})."
            ) from None
        if record is None or record.status != "COMPLETED":
            return None
        return Export.from_state(record.response_json_as_dict() or {})

    def once(self, execution_arn: str, start: Callable[[], Export]) -> Export:
        """What this execution starts, or what it has started before.

        Raises StartInProgress, TableUnavailable, and whatever `start` raises.
        """

        def run(*, execution: str) -> dict[str, Any]:  # noqa: ARG001 -- the key
            return start().to_state()

        once = idempotent_function(
            run,
            data_keyword_argument="execution",
            persistence_store=self._store,
            config=self._config,
            key_prefix=_PREFIX,
        )
        try:
            return Export.from_state(once(execution=execution_arn))
        except IdempotencyAlreadyInProgressError:
            raise StartInProgress(
                "Another try of this execution's start is running, or was cut off just now."
            ) from None
        except BaseError as error:
            raise TableUnavailable(
                f"DynamoDB did not keep the start ({type(error).__name__})."
            ) from None

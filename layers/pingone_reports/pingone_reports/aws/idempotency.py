"""Only once: which execution holds an idempotency key, and what each execution has started."""

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
from pingone_reports.aws.fleets import FleetResults
from pingone_reports.aws.table import EXPIRY, KEY, ConditionFailed, Table
from pingone_reports.errors import StartInProgress, StepFunctionsUnavailable, TableUnavailable
from pingone_reports.model.export import Export

# Longer than any execution and any redelivery: EventBridge retries for 24 hours at most.
_KEPT_SECONDS = 48 * 3600

# The prefix of the keys of started exports.
_PREFIX = "start"

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
    """The export that each execution has started, remembered for `remember_seconds`.

    A start that raises is not remembered. A start that is cut off blocks other tries until the end
    of its invocation, which Lambda's `context` knows.
    """

    def __init__(self, table: Table, remember_seconds: int) -> None:
        self._store = DynamoDBPersistenceLayer(
            table.name, key_attr=KEY, expiry_attr=EXPIRY, boto3_client=table.client
        )
        self._config = IdempotencyConfig(
            expires_after_seconds=remember_seconds, hash_function="sha256"
        )

    def within(self, context: Any) -> Self:
        """Limit the next start to the time that this Lambda context has left."""
        self._config.register_lambda_context(context)
        return self

    def made(self, execution_arn: str) -> Export | None:
        """The export that this execution has already started, if any. Raises TableUnavailable."""
        self._store.configure(self._config, key_prefix=_PREFIX)
        try:
            record = self._store.get_record(data=execution_arn)  # type: ignore[arg-type]
        except IdempotencyItemNotFoundError:
            return None
        except AWS_ERRORS as error:
            raise TableUnavailable(
                f"DynamoDB did not return what was started ({code_of(error)}): try again later."
            ) from None
        if record is None or record.status != "COMPLETED":
            return None
        return Export.from_state(record.response_json_as_dict() or {})

    def once(self, execution_arn: str, start: Callable[[], Export]) -> Export:
        """Start the export, or return the one that this execution has already started.

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
                "Another try of this execution's start is running, or was cut off just now: try "
                "again in two minutes."
            ) from None
        except BaseError as error:
            raise TableUnavailable(
                f"DynamoDB did not store the start ({type(error).__name__}): try again later."
            ) from None

"""Once an execution: a repeated start gets what the first one made."""

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
)

from pingone_reports.aws.table import EXPIRY, KEY, Table
from pingone_reports.errors import StartInProgress, TableUnavailable


class Once:
    """Runs a function once an execution, and remembers its result for so many seconds.

    Nothing is remembered of one that raises. One that is cut off gives its place free at the end
    of its invocation, which Lambda's `context` tells.
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

    def run(self, execution_arn: str, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The function's result, of this run or of the one before.

        Raises StartInProgress, TableUnavailable, and whatever the function raises.
        """

        def run(*, execution: str) -> dict[str, Any]:  # noqa: ARG001 -- the key
            return function()

        once = idempotent_function(
            run,
            data_keyword_argument="execution",
            persistence_store=self._store,
            config=self._config,
            key_prefix="start",
        )
        try:
            return dict(once(execution=execution_arn))
        except IdempotencyAlreadyInProgressError:
            raise StartInProgress(
                "Another try of this execution's start is running, or was cut off just now."
            ) from None
        except BaseError as error:
            raise TableUnavailable(
                f"DynamoDB did not keep the start ({type(error).__name__})."
            ) from None

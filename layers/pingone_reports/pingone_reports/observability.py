"""Logs and metrics: JSON lines, each with the ids of correlation, execution and exploration.

Metrics are log lines too, in CloudWatch's embedded metric format. Only Lambda and Step Functions
write traces: a tracing SDK would bring a second botocore, and could record URLs.
"""

import functools
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics

from pingone_reports.errors import ExportError, UnexpectedError
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.request import Request, refuse_addresses

NAMESPACE = "PingOneReports"
# Every metric of an export's functions, with its unit. The state machines publish ExportsFailed,
# FleetsFailed and FleetsUnshown.
UNITS = {
    "Polls": "Count",
    "SecondsGenerating": "Seconds",
    "ExportsCompleted": "Count",
    "Bytes": "Bytes",
    "Records": "Count",
    "SecondsFetching": "Seconds",
    "RepeatedDeviceIds": "Count",
    "UsersProtected": "Count",
    "UsersPhishingResistant": "Count",
    "UsersPhishable": "Count",
    "UsersWeakOnly": "Count",
    "UsersWithoutFactor": "Count",
    "UsersMfaOff": "Count",
    "UsersOfUnknownStrength": "Count",
}

# The same of a fleet.
FLEET_UNITS = {"EnvironmentsExported": "Count", "EnvironmentsFailed": "Count"}
_UNITS = UNITS | FLEET_UNITS

# Both read the service, which is the stack's name, from POWERTOOLS_SERVICE_NAME.
logger = Logger()
_metrics = Metrics(namespace=NAMESPACE)

_Asked = TypeVar("_Asked", bound=Request)
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def log_as(execution: Execution, correlation_id: str, exploration_id: str | None = None) -> None:
    """Put these on every log line of this invocation, in place of the previous invocation's."""
    keys = {
        "execution": execution.name,
        "correlation_id": correlation_id,
        "exploration": exploration_id,
    }
    logger.clear_state()
    logger.append_keys(**{name: value for name, value in keys.items() if value})


def received(
    kind: type[_Asked],
    event: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    pseudonymizes: bool,
) -> tuple[_Asked, Execution]:
    """What a function is asked for, and its execution; both are on every log line from now on.

    With `pseudonymizes`, no id is logged or kept that may be somebody's address. Raises
    InvalidRequest.
    """
    execution = Execution.parse(event["execution"])
    if pseudonymizes:
        refuse_addresses(execution.name)
    log_as(execution, execution.correlation_id)
    request = kind.delivered(event["request"], defaults, execution.correlation_id)
    if pseudonymizes:
        refuse_addresses(request.correlation_id, request.idempotency_key)
    log_as(execution, request.correlation_id)
    return request, execution


def log_as_export(export: Export) -> None:
    """`log_as` for an export that PingOne has accepted."""
    log_as(export.execution, export.request.correlation_id, export.exploration_id)


def measure(export: Export, values: Mapping[str, float]) -> None:
    """Write values as metrics of the stack and the export's report; `UNITS` has their names.

    CloudWatch bills each combination of dimensions as a metric. So the export's ids are no
    dimensions, but fields of the same log line, where a log search finds them.
    """
    write_metrics(
        values,
        export.request.report_name,
        correlation_id=export.request.correlation_id,
        execution=export.execution.name,
        exploration=export.exploration_id,
        environment=export.request.environment_id,
    )


def write_metrics(values: Mapping[str, float], report_name: str = "", **beside: str) -> None:
    """Write values as metrics of the stack, and of a report if it is given.

    `UNITS` and `FLEET_UNITS` have their names. `beside` is written on the same line, and is no
    dimension.
    """
    if report_name:
        _metrics.add_dimension("report", report_name)
    for name, value in values.items():
        _metrics.add_metric(name, _UNITS[name], value)
    for name, text in beside.items():
        _metrics.add_metadata(name, text)
    _metrics.flush_metrics()


def only_typed_errors(handler: Handler) -> Handler:
    """Log a handler's error, and let only our own messages leave the function.

    A library's message may quote a link or a token, and would become execution history. So an
    error that is not an ExportError leaves as UnexpectedError, with only its type and place.
    """

    @functools.wraps(handler)
    def wrapper(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.clear_state()  # what is wrong with a request may be its ids
        try:
            return handler(event, context)
        except ExportError as error:
            logger.error(str(error), error=type(error).__name__)
            raise
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            message = f"An unexpected {type(error).__name__} at {place}: please report it."
            logger.error(message, error=UnexpectedError.__name__)
            raise UnexpectedError(message) from None

    return wrapper

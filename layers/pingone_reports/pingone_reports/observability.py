"""Logs and metrics, set up once: JSON lines with correlation id, execution and exploration on each.

Metrics are log lines too, in CloudWatch's embedded metric format. Traces are Lambda's and Step
Functions' own: an SDK in the functions would bring a botocore of its own, and could record URLs.
"""

import functools
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from pingone_reports.errors import ExportError, UnexpectedError
from pingone_reports.model.export import Execution, Export

NAMESPACE = "PingOneReports"
# What is measured of an export, in its unit. ExportsFailed comes from the state machine.
UNITS = {
    "Polls": "Count",
    "SecondsGenerating": "Seconds",
    "ExportsCompleted": "Count",
    "Bytes": "Bytes",
    "Records": "Count",
    "SecondsFetching": "Seconds",
    "RepeatedDeviceIds": "Count",
}

# Both take the service, which is the stack's name, from POWERTOOLS_SERVICE_NAME.
logger = Logger()
_metrics = Metrics(namespace=NAMESPACE)

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def log_as(execution: Execution, correlation_id: str, exploration_id: str | None = None) -> None:
    """Put these on every line of this invocation, and nothing of the one before."""
    keys = {
        "execution": execution.name,
        "correlation_id": correlation_id,
        "exploration": exploration_id,
    }
    logger.clear_state()
    logger.append_keys(**{name: value for name, value in keys.items() if value})


def log_as_export(export: Export) -> None:
    """`log_as` for an export that PingOne has accepted."""
    log_as(export.execution, export.request.correlation_id, export.exploration_id)


def measure(export: Export, values: Mapping[str, float]) -> None:
    """Write these of `UNITS` as metrics of the stack and the export's report.

    Each combination of dimensions is a metric that is paid for: what tells single exports apart is
    beside them on the line, where a search of the logs finds it.
    """
    measure_report(
        export.request.report_name,
        values,
        correlation_id=export.request.correlation_id,
        execution=export.execution.name,
        exploration=export.exploration_id,
        environment=export.request.environment_id,
    )


def measure_report(report_name: str, values: Mapping[str, float], **beside: str) -> None:
    """Write these of `UNITS` as metrics of the stack and a report, with more beside them."""
    _metrics.add_dimension("report", report_name)
    for name, value in values.items():
        _metrics.add_metric(name, UNITS[name], value)
    for name, text in beside.items():
        _metrics.add_metadata(name, text)
    _metrics.flush_metrics()


def only_typed_errors(handler: Handler) -> Handler:
    """Log a handler's error, and let no message out that is not ours.

    A message of a library may quote a link or a token, and would become execution history: an
    error that is not an ExportError leaves as UnexpectedError, with its type and place alone.
    """

    @functools.wraps(handler)
    def wrapper(event: dict[str, Any], context: Any) -> dict[str, Any]:
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

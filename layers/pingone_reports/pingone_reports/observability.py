"""Logging, set up once: JSON lines with correlation id, execution and exploration on each."""

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from pingone_reports.errors import ExportError, UnexpectedError
from pingone_reports.export import Execution, Export

logger = Logger(service="pingone-report-exporter")

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

"""What Step Functions tells of a fleet's exports, as entries of the fleet's manifest."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pingone_reports.model.environment import Environment
from pingone_reports.model.fleet import COMPLETED, FAILED

# Errors of exports that could say none themselves.
_ENDED_WITHOUT_ERROR = {"ABORTED": "ExportAborted", "TIMED_OUT": "States.Timeout"}
_UNKNOWN = "ExportUnknown"


def entry_of(environment: Environment, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the manifest says of an environment, by what the state machine noted of its export."""
    result = result or {"status": "UNKNOWN"}
    entry: dict[str, Any] = {
        **environment.to_document(),
        "status": FAILED,
        "executionArn": result.get("executionArn"),
        "seconds": _seconds(result.get("startedAt"), result.get("endedAt")),
        "manifestKey": result.get("manifestKey"),
        "records": result.get("records"),
        "error": None,
        "message": None,
    }
    if result["status"] == "SUCCEEDED" and entry["manifestKey"]:
        return entry | {"status": COMPLETED}
    otherwise = _ENDED_WITHOUT_ERROR.get(result["status"], _UNKNOWN)
    return entry | {
        "manifestKey": None,
        "records": None,
        "error": result.get("error") or otherwise,
        "message": (result.get("message") or "The export's execution tells no reason.")[:1000],
    }


def _seconds(started_at: object, ended_at: object) -> float | None:
    try:
        began, ended = map(_moment, (started_at, ended_at))
        return round((ended - began).total_seconds(), 3)
    except (ValueError, TypeError, OverflowError):
        return None


def _moment(time: object) -> datetime:
    """Step Functions tells times in ISO 8601, and those of a task's result in milliseconds."""
    if isinstance(time, int | float):
        return datetime.fromtimestamp(time / 1000, UTC)
    return datetime.fromisoformat(str(time))

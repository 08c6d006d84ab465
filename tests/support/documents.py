"""The samples in events/ and their schemas, and PingOne's own sample."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from local.paths import ROOT

EVENTS = ROOT / "events"
POLLING_ANSWER = ROOT / "tests" / "support" / "polling_answer.json"

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """RFC 3339: to the second at least, and with a zone."""
    if not isinstance(value, str):
        return True
    return re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value) is not None and (
        datetime.fromisoformat(value).tzinfo is not None
    )


def _pattern(
    _validator: object, pattern: str, instance: object, _schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """JSON Schema's `$` is the end of the text; Python's may come before a last newline."""
    anchored = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(instance, str) and not re.search(anchored, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern}
)


def sample(name: str) -> Any:
    """A sample of events/, such as `manifest`."""
    return json.loads((EVENTS / f"{name}.json").read_text())


def schema(name: str) -> dict[str, Any]:
    """Its schema."""
    return dict(json.loads((EVENTS / f"{name}.schema.json").read_text()))


def faults(name: str, document: object) -> list[str]:
    """What the schema of that name has against a document, or against a field that it has not.

    Readers may meet new fields; we write none that is not described.
    """
    validator = _Validator(_closed(schema(name)), format_checker=_formats)
    return [error.message for error in validator.iter_errors(document)]


def _closed(part: Any) -> Any:
    match part:
        case {"properties": _}:
            fields = {name: _closed(value) for name, value in part.items()}
            return {"additionalProperties": False, **fields}
        case dict():
            return {name: _closed(value) for name, value in part.items()}
        case list():
            return [_closed(value) for value in part]
    return part


def polling_answer() -> dict[str, Any]:
    """The sample body of "Get report results - results in file - polling"."""
    return dict(json.loads(POLLING_ANSWER.read_text()))

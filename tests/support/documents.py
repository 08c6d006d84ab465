"""The samples in events/ and their schemas, and PingOne's own sample."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from local.paths import ROOT

EVENTS = ROOT / "events"
_BASE = "https://pingone-report-exporter.example/events/"
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


def fields(name: str) -> dict[str, Any]:
    """The fields of a schema and of what it extends."""
    parts = [part.get("properties", {}) for part in _parts(_reference(name))]
    return {field: value for part in parts for field, value in part.items()}


def definition(reference: Mapping[str, str]) -> dict[str, Any]:
    """What a part of a schema refers to, such as `{"$ref": "manifest.schema.json"}`."""
    return dict(_resolver().lookup(reference["$ref"]).contents)


def faults(of: str | Mapping[str, Any], document: object) -> list[str]:
    """What a schema has against a document, or against a field that it has not.

    It is one of events/, by its name, or refers to those. Readers may meet new fields; we write
    none that is not described.
    """
    closed = _closed(_reference(of) if isinstance(of, str) else of)
    validator = _Validator({"$id": _BASE, **closed}, format_checker=_formats, registry=_registry())
    return [error.message for error in validator.iter_errors(document)]


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"{_BASE}{name}.schema.json"}


def _parts(part: Mapping[str, Any], resolver: Any = None) -> Iterator[Mapping[str, Any]]:
    """A schema and what it extends."""
    resolver = resolver or _resolver()
    if "$ref" in part:
        resolved = resolver.lookup(part["$ref"])
        yield from _parts(resolved.contents, resolved.resolver)
    for base in part.get("allOf", []):
        yield from _parts(base, resolver)
    yield part


@cache
def _registry() -> Registry[Any]:
    names = [path.name.removesuffix(".schema.json") for path in EVENTS.glob("*.schema.json")]
    return Registry().with_resources(
        (
            _reference(name)["$ref"],
            DRAFT202012.create_resource(_closed(schema(name), is_extended=True)),
        )
        for name in names
    )


def _resolver() -> Any:
    return _registry().resolver(_BASE)


def _closed(part: Any, *, is_extended: bool = False) -> Any:
    """A schema that allows no fields but its own and those of what it extends."""
    if not isinstance(part, dict):
        return part
    closed: dict[str, Any] = {}
    for name, value in part.items():
        match name:
            case "properties":
                closed[name] = {field: _closed(each) for field, each in value.items()}
            case "$defs":
                closed[name] = {each: _closed(value[each], is_extended=True) for each in value}
            case "allOf":
                closed[name] = [_closed(each, is_extended=True) for each in value]
            case "anyOf" | "oneOf":
                closed[name] = [_closed(each) for each in value]
            case "items":
                closed[name] = _closed(value)
            case "$schema":  # another validator would be taken for it
                pass
            case _:
                closed[name] = value
    describes = not part.keys().isdisjoint(("properties", "allOf", "$ref"))
    return closed | {"unevaluatedProperties": False} if describes and not is_extended else closed


def polling_answer() -> dict[str, Any]:
    """The sample body of "Get report results - results in file - polling"."""
    return dict(json.loads(POLLING_ANSWER.read_text()))

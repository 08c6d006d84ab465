"""The export request of a schedule, an event or a caller, checked and completed.

A request's dataclass is the one table of its fields: each has its rule there,
and in JSON its own name in camel case.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pingone_reports.errors import InvalidRequest
from pingone_reports.model.report_file import Format
from pingone_reports.model.text import CONTROLS, HIDDEN, LATER_CONTROLS, SURROGATES
from pingone_reports.model.times import time_of

# The characters of a correlation id, as in the brackets of a regular expression.
CORRELATION_ID_CHARACTERS = "A-Za-z0-9._:/+=@-"

# The name of a PingOne field.
FIELD = r"[A-Za-z][A-Za-z0-9_.]{0,63}"
# One line in which nothing is hidden or reordered, because people read it as it is.
_NAME = f"[^{CONTROLS}{LATER_CONTROLS}{HIDDEN}{SURROGATES}]{{1,256}}"
# What the name of an execution may hold, at least.
_EXECUTION = f"[^{CONTROLS}{LATER_CONTROLS}{SURROGATES}]{{1,80}}"
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# Python's `fromisoformat` accepts more than this.
_TIME = (
    r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
# An export may wait for changes of the near future. A time further ahead is a mistake.
_MOST_AHEAD = timedelta(hours=1)
_CUSTOM = "-custom"
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def refuse_addresses(*ids: str | None) -> None:
    """Raises InvalidRequest for an id with an `@`: it may be the address of a person."""
    if any(id_ and "@" in id_ for id_ in ids):
        raise InvalidRequest(
            "With Pseudonymize, no correlation id, idempotency key or execution's name may hold an "
            "'@': it lands as it is, and may be somebody's address. Give another one."
        )


@dataclass(frozen=True)
class _Rule:
    """What a field may be in JSON, as a check and in words; and what it is here."""

    is_allowed: Callable[[Any], bool]
    allowed: str
    read: Callable[[Any], Any]


def rule(
    is_allowed: Callable[[Any], bool],
    allowed: str,
    read: Callable[[Any], Any] = lambda value: value,
) -> Mapping[str, _Rule]:
    """The metadata of a request's field. A value that is not given is not checked."""
    return {"rule": _Rule(is_allowed, allowed, read)}


def text(pattern: str, allowed: str, read: Callable[[str], str] = str) -> Mapping[str, _Rule]:
    """The rule of a text."""
    return rule(lambda v: isinstance(v, str) and bool(re.fullmatch(pattern, v)), allowed, read)


def names(
    pattern: str,
    most: int,
    allowed: str,
    read: Callable[[Iterable[str]], tuple[str, ...]] = tuple,
    least: int = 0,
) -> Mapping[str, _Rule]:
    """The rule of a list of different texts."""

    def is_allowed(value: object) -> bool:
        return (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(isinstance(item, str) and re.fullmatch(pattern, item) for item in value)
            and len(set(value)) == len(value)
        )

    return rule(is_allowed, allowed, read)


def _is_time(value: object) -> bool:
    try:
        # Compared in UTC: the offset may move a time of 2000 into 1999.
        return (
            isinstance(value, str)
            and bool(re.fullmatch(_TIME, value))
            and _EARLIEST <= time_of(value) <= datetime.now(UTC) + _MOST_AHEAD
        )
    except ValueError:
        return False


_ID = text(
    rf"[{CORRELATION_ID_CHARACTERS}]{{1,128}}",
    "1 to 128 letters, digits or characters of . _ : / + = @ -",
)


def completed(
    document: object, names: Iterable[str], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """A document in which only these fields may be, with the defaults for those that it lacks."""
    if not isinstance(document, Mapping):
        raise InvalidRequest("The request must be a JSON object; {} asks for the defaults.")
    if unknown := sorted(set(document) - set(names)):
        raise InvalidRequest(f"Unknown field {unknown[0]!r:.80}; allowed are {', '.join(names)}.")
    given = {name: value for name, value in document.items() if value is not None}
    return {**defaults, **given}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that a rule or a schedule may deliver more than once.

    Requests with the same `idempotency_key` are one request.
    """

    correlation_id: str = field(metadata=_ID)
    idempotency_key: str | None = field(default=None, metadata=_ID)

    @classmethod
    def delivered(cls, document: object, defaults: Mapping[str, Any], correlation_id: str) -> Self:
        """`parse` an execution's input; `correlation_id` is the default of that field.

        The rule and the schedule send `{"deliveryId": ..., "request": ...}`. A redelivery has the
        same delivery id, so that id becomes the request's idempotency key.
        """
        own: dict[str, Any] = {"correlationId": correlation_id}
        if not isinstance(document, Mapping) or set(document) != {"deliveryId", "request"}:
            return cls.parse(document, {**defaults, **own})
        own["idempotencyKey"] = document["deliveryId"]
        request, asked = cls.parse(document["request"], {**defaults, **own}), document["request"]
        if request.idempotency_key is None or asked.get("idempotencyKey") is not None:
            return request
        # No request can ask for this key, because of its hash sign.
        return replace(request, idempotency_key=f"delivery#{request.idempotency_key}")

    @classmethod
    def parse(cls, document: object, defaults: Mapping[str, Any]) -> Self:
        """Check a request, and fill in absent or null fields from the defaults.

        Raises InvalidRequest, which names the field and what is allowed.
        """
        return cls.read(completed(document, cls.names(), defaults))

    @classmethod
    def names(cls) -> list[str]:
        """What may be asked for."""
        return [_json_name(each.name) for each in fields(cls) if each.metadata]

    @classmethod
    def read(cls, values: Mapping[str, Any], *, trusted: bool = False) -> Self:
        """The request of these values, which are checked unless they are trusted."""
        given: dict[str, Any] = {}
        for each in fields(cls):
            name, rule = _json_name(each.name), each.metadata.get("rule")
            value = values.get(name)
            if value is None and each.default is not MISSING:
                continue
            if rule and not trusted and not rule.is_allowed(value):
                raise InvalidRequest(f"The field {name!r} must be {rule.allowed}.")
            given[each.name] = rule.read(value) if rule else value
        return cls(**given)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote, also in an older version."""
        return cls.read(state, trusted=True)

    def to_state(self) -> dict[str, Any]:
        """The JSON form between states; `from_state` reads it back."""
        return {_json_name(each.name): _json(getattr(self, each.name)) for each in fields(self)}


@dataclass(frozen=True, kw_only=True)
class ExportRequest(Request):
    """One report to export. Empty `fields` ask for all fields; an empty `filter` asks for none.

    Requests with the same `idempotency_key` get one export. The report can include all changes up
    to `changes_until` (aware). `skip_quality_gate` publishes even a doubtful report. Exports of one
    `license_id` share PingOne's limit for a licence. `environment_name` is what people call the
    environment. `fleet` is the execution of the fleet whose page and mail tell of the export. What
    the stack's standing report shows comes from exports that ask for the same fields and filter;
    another one under its name is no `standing` export, and has a name of its own.
    """

    # One environment has one spelling: it is part of keys.
    environment_id: str = field(metadata=text(UUID, "the UUID of a PingOne environment", str.lower))
    report_name: str = field(
        metadata=text(
            r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}",
            "1 to 64 letters, digits, '-' or '_', beginning with a letter or digit",
        )
    )
    fields: tuple[str, ...] = field(
        metadata=names(
            FIELD,
            100,
            "a list of at most 100 different PingOne field names; [] asks for all of them",
        )
    )
    filter: str = field(
        metadata=text(
            f"[^{CONTROLS}{SURROGATES}]{{0,2000}}",
            "a PingOne filter of at most 2000 characters, such as "
            "'(mfaEnabled eq \"true\")'; '' asks for none",
        )
    )
    formats: tuple[Format, ...] = field(
        metadata=names(
            "|".join(Format),
            len(Format),
            "['csv'], ['json'] or ['csv', 'json']",
            lambda value: tuple(map(Format, value)),
            least=1,
        )
    )
    changes_until: datetime | None = field(
        default=None,
        metadata=rule(
            _is_time,
            "an ISO 8601 time with seconds and a zone, such as '2026-03-01T02:00:00Z', at most an "
            "hour from now and not before the year 2000",
            time_of,
        ),
    )
    skip_quality_gate: bool = field(
        default=False, metadata=rule(lambda value: isinstance(value, bool), "true or false")
    )
    license_id: str | None = field(
        default=None, metadata=text(UUID, "the UUID of a PingOne licence", str.lower)
    )
    environment_name: str | None = field(
        default=None, metadata=text(_NAME, "one line of 1 to 256 visible characters")
    )
    fleet: str | None = field(
        default=None, metadata=text(_EXECUTION, "an execution's name, of 1 to 80 characters")
    )
    standing: bool = True

    @classmethod
    def parse(cls, document: object, defaults: Mapping[str, Any]) -> Self:
        """As above. What is no export of the standing report gets a name of its own."""
        request = super().parse(document, defaults)
        same = set(request.fields) == set(defaults.get("fields", request.fields)) and (
            request.filter == defaults.get("filter", request.filter)
        )
        if same or request.report_name != defaults.get("reportName"):
            return request
        name = f"{request.report_name[: 64 - len(_CUSTOM)]}{_CUSTOM}"
        return replace(request, report_name=name, standing=False)


def _json_name(attribute: str) -> str:
    return re.sub("_(.)", lambda found: found[1].upper(), attribute)


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case tuple():
            return list(value)
    return value

"""The export request of a schedule, an event or a caller, checked and completed."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pingone_reports.errors import InvalidRequest
from pingone_reports.model.report_file import Format

# The characters of a correlation id, as in the brackets of a regular expression.
CORRELATION_ID_CHARACTERS = "A-Za-z0-9._:/+=@-"

ID = rf"[{CORRELATION_ID_CHARACTERS}]{{1,128}}"
# The name of a PingOne field.
FIELD = r"[A-Za-z][A-Za-z0-9_.]{0,63}"
ID_ALLOWED = "1 to 128 letters, digits or characters of . _ : / + = @ -"
# One line in which nothing is hidden or reordered, because people read it as it is.
_NAME = r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]{1,256}"
# What the name of an execution may hold, at least.
_EXECUTION = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,80}"
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_FIELDS = (
    "environmentId",
    "reportName",
    "fields",
    "filter",
    "formats",
    "correlationId",
    "idempotencyKey",
    "changesUntil",
    "skipQualityGate",
    "licenseId",
    "environmentName",
    "fleet",
)
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


class RequestFields:
    """What a request asks for, with the defaults; raises InvalidRequest for a wrong value."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def of(cls, document: object, fields: Sequence[str], defaults: Mapping[str, Any]) -> Self:
        """A request's document, in which only these fields may be."""
        if not isinstance(document, Mapping):
            raise InvalidRequest("The request must be a JSON object; {} asks for the defaults.")
        if unknown := sorted(set(document) - set(fields)):
            raise InvalidRequest(
                f"Unknown field {unknown[0]!r:.80}; allowed are {', '.join(fields)}."
            )
        given = {name: value for name, value in document.items() if value is not None}
        return cls(dict.fromkeys(fields) | dict(defaults) | given)

    def has(self, name: str) -> bool:
        return self._values[name] is not None

    def value(self, name: str) -> Any:
        """The value as it is, unchecked."""
        return self._values[name]

    def text(self, name: str, pattern: str, allowed: str) -> str:
        value = self._values[name]
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise InvalidRequest(f"The field {name!r} must be {allowed}.")

    def names(
        self, name: str, pattern: str, least: int, most: int, allowed: str
    ) -> tuple[str, ...]:
        value = self._values[name]
        if (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(isinstance(item, str) and re.fullmatch(pattern, item) for item in value)
            and len(set(value)) == len(value)
        ):
            return tuple(value)
        raise InvalidRequest(f"The field {name!r} must be {allowed}.")

    def time(self, name: str) -> datetime:
        value, moment = self._values[name], None
        if isinstance(value, str) and re.fullmatch(_TIME, value):
            with suppress(ValueError):
                moment = datetime.fromisoformat(value).astimezone(UTC)
        # Compared in UTC: the offset may move a time of 2000 into 1999.
        if moment and _EARLIEST <= moment <= datetime.now(UTC) + _MOST_AHEAD:
            return moment
        raise InvalidRequest(
            f"The field {name!r} must be an ISO 8601 time with seconds and a zone, such as "
            "'2026-03-01T02:00:00Z', at most an hour from now and not before the year 2000."
        )

    def flag(self, name: str) -> bool:
        if isinstance(self._values[name], bool | None):
            return bool(self._values[name])
        raise InvalidRequest(f"The field {name!r} must be true or false.")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that a rule or a schedule may deliver more than once.

    Requests with the same `idempotency_key` are one request.
    """

    correlation_id: str
    idempotency_key: str | None = None

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
        """Check a request, and fill in absent or null fields from the defaults."""
        raise NotImplementedError


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

    environment_id: str
    report_name: str
    fields: tuple[str, ...]
    filter: str
    formats: tuple[Format, ...]
    changes_until: datetime | None = None
    skip_quality_gate: bool = False
    license_id: str | None = None
    environment_name: str | None = None
    fleet: str | None = None
    standing: bool = True

    @classmethod
    def parse(cls, document: object, defaults: Mapping[str, Any]) -> Self:
        """Check a request, and fill in absent or null fields from the defaults.

        Raises InvalidRequest, which names the field and what is allowed.
        """
        asked = RequestFields.of(document, _FIELDS, defaults)
        request = cls(
            # One environment has one spelling: it is part of keys.
            environment_id=asked.text(
                "environmentId", UUID, "the UUID of a PingOne environment"
            ).lower(),
            report_name=asked.text(
                "reportName",
                r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}",
                "1 to 64 letters, digits, '-' or '_', beginning with a letter or digit",
            ),
            fields=asked.names(
                "fields",
                FIELD,
                0,
                100,
                "a list of at most 100 different PingOne field names; [] asks for all of them",
            ),
            filter=asked.text(
                "filter",
                # A lone surrogate cannot be encoded, so it cannot be sent.
                r"[^\x00-\x1f\x7f\ud800-\udfff]{0,2000}",
                "a PingOne filter of at most 2000 characters, such as "
                "'(mfaEnabled eq \"true\")'; '' asks for none",
            ),
            formats=tuple(
                map(
                    Format,
                    asked.names(
                        "formats",
                        "|".join(Format),
                        1,
                        len(Format),
                        "['csv'], ['json'] or ['csv', 'json']",
                    ),
                )
            ),
            correlation_id=asked.text("correlationId", ID, ID_ALLOWED),
            idempotency_key=(
                asked.text("idempotencyKey", ID, ID_ALLOWED)
                if asked.has("idempotencyKey")
                else None
            ),
            changes_until=asked.time("changesUntil") if asked.has("changesUntil") else None,
            skip_quality_gate=asked.flag("skipQualityGate"),
            license_id=(
                asked.text("licenseId", UUID, "the UUID of a PingOne licence").lower()
                if asked.has("licenseId")
                else None
            ),
            environment_name=(
                asked.text("environmentName", _NAME, "one line of 1 to 256 visible characters")
                if asked.has("environmentName")
                else None
            ),
            fleet=(
                asked.text("fleet", _EXECUTION, "an execution's name, of 1 to 80 characters")
                if asked.has("fleet")
                else None
            ),
        )
        return request._named_apart_from(defaults)

    def _named_apart_from(self, defaults: Mapping[str, Any]) -> Self:
        """The request; under a name of its own if it is no export of the standing report."""
        same = set(self.fields) == set(defaults.get("fields", self.fields)) and (
            self.filter == defaults.get("filter", self.filter)
        )
        if same or self.report_name != defaults.get("reportName"):
            return self
        name = f"{self.report_name[: 64 - len(_CUSTOM)]}{_CUSTOM}"
        return replace(self, report_name=name, standing=False)

    def to_state(self) -> dict[str, Any]:
        """The JSON form between states; `from_state` reads it back."""
        return {
            "environmentId": self.environment_id,
            "reportName": self.report_name,
            "fields": list(self.fields),
            "filter": self.filter,
            "formats": list(self.formats),
            "correlationId": self.correlation_id,
            "idempotencyKey": self.idempotency_key,
            "changesUntil": self.changes_until and self.changes_until.isoformat(),
            "skipQualityGate": self.skip_quality_gate,
            "licenseId": self.license_id,
            "environmentName": self.environment_name,
            "fleet": self.fleet,
            "standing": self.standing,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        changes_until = state["changesUntil"]
        return cls(
            environment_id=state["environmentId"],
            report_name=state["reportName"],
            fields=tuple(state["fields"]),
            filter=state["filter"],
            formats=tuple(map(Format, state["formats"])),
            correlation_id=state["correlationId"],
            idempotency_key=state["idempotencyKey"],
            changes_until=changes_until and datetime.fromisoformat(changes_until),
            skip_quality_gate=state["skipQualityGate"],
            license_id=state.get("licenseId"),
            environment_name=state.get("environmentName"),
            fleet=state.get("fleet"),
            standing=state.get("standing", True),
        )

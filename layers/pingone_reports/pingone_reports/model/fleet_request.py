"""The fleet request of a schedule, an event or a caller, checked and completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from pingone_reports.errors import InvalidRequest
from pingone_reports.model.keys import FleetKeys
from pingone_reports.model.request import (
    ID,
    ID_ALLOWED,
    UUID,
    ExportRequest,
    Request,
    RequestFields,
)

# What an export's request may hold and a fleet hands on. What a fleet leaves out comes from the
# stack's parameters, as for any export.
_OF_EXPORTS = ("reportName", "fields", "filter", "formats", "changesUntil", "skipQualityGate")
TOLERATED = "toleratedFailurePercent"
_FIELDS = (
    "environmentIds",
    "include",
    "exclude",
    "types",
    "onlyFailedOf",
    TOLERATED,
    *_OF_EXPORTS,
    "correlationId",
    "idempotencyKey",
)
# Whatever is asked of an export is checked before the first one starts. These stand in for what
# each export takes from elsewhere.
_STAND_INS: Mapping[str, Any] = {
    "environmentId": "00000000-0000-0000-0000-000000000000",
    "reportName": "devices",
    "fields": [],
    "filter": "",
    "formats": ["csv"],
    "correlationId": "fleet",
}
_NO_CHOICE: Mapping[str, Any] = {"environmentIds": [], "include": [], "exclude": [], "types": []}
_MOST_NAMED = 1000
_NAME = r"[^\x00-\x1f\x7f\ud800-\udfff]{1,256}"
_NAMES_ALLOWED = f"a list of at most {_MOST_NAMED} different ids or names of environments"


@dataclass(frozen=True, kw_only=True)
class FleetRequest(Request):
    """Exports of many environments: of the given ones, or of all that the worker application sees.

    Those can be narrowed by ids or names and by types. `only_failed_of` is the key of an earlier
    fleet's manifest: then its failed environments are exported. The fleet fails if more than
    `tolerated_failure_percent` of its exports did. `export` is what each export's request holds.
    """

    environment_ids: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    only_failed_of: str | None = None
    tolerated_failure_percent: int = 0
    export: Mapping[str, Any]

    @classmethod
    def parse(cls, document: object, defaults: Mapping[str, Any]) -> Self:
        """Check a request, and fill in absent or null fields from the defaults.

        Raises InvalidRequest, which names the field and what is allowed.
        """
        asked = RequestFields.of(document, _FIELDS, {**_NO_CHOICE, **defaults})
        export = {name: asked.value(name) for name in _OF_EXPORTS if asked.has(name)}
        ExportRequest.parse(export, _STAND_INS)
        request = cls(
            environment_ids=_once(
                asked.names(
                    "environmentIds", UUID, 0, _MOST_NAMED, f"a list of at most {_MOST_NAMED} UUIDs"
                )
            ),
            include=asked.names("include", _NAME, 0, _MOST_NAMED, _NAMES_ALLOWED),
            exclude=asked.names("exclude", _NAME, 0, _MOST_NAMED, _NAMES_ALLOWED),
            types=asked.names(
                "types", "[A-Z_]{1,40}", 0, 10, "a list of types, such as ['PRODUCTION', 'SANDBOX']"
            ),
            only_failed_of=_manifest_key(asked) if asked.has("onlyFailedOf") else None,
            tolerated_failure_percent=_percent(asked) if asked.has(TOLERATED) else 0,
            export=export,
            correlation_id=asked.text("correlationId", ID, ID_ALLOWED),
            idempotency_key=(
                asked.text("idempotencyKey", ID, ID_ALLOWED)
                if asked.has("idempotencyKey")
                else None
            ),
        )
        narrowed = bool(request.include or request.exclude or request.types)
        if sum((bool(request.environment_ids), bool(request.only_failed_of), narrowed)) > 1:
            raise InvalidRequest(
                "Of 'environmentIds', 'onlyFailedOf' and the lists 'include', 'exclude' and "
                "'types', a fleet can have one: each says by itself which environments it has."
            )
        return request

    def with_defaults(self, export: Mapping[str, Any]) -> Self:
        """This request, with what it leaves out of its exports taken from here."""
        return replace(self, export={**export, **self.export})

    def to_document(self) -> dict[str, Any]:
        """Which environments were asked for and what of them, without what is left out."""
        chosen = {
            "environmentIds": list(self.environment_ids),
            "include": list(self.include),
            "exclude": list(self.exclude),
            "types": list(self.types),
            "onlyFailedOf": self.only_failed_of,
            TOLERATED: self.tolerated_failure_percent,
        }
        return {name: value for name, value in chosen.items() if value} | dict(self.export)


def of_exports(document: Mapping[str, Any]) -> dict[str, Any]:
    """What of a fleet's document is for each of its exports."""
    return {name: document[name] for name in _OF_EXPORTS if name in document}


def _once(ids: Sequence[str]) -> tuple[str, ...]:
    """One environment has one spelling, and is exported once."""
    return tuple(dict.fromkeys(id_.lower() for id_ in ids))


def _percent(asked: RequestFields) -> int:
    percent = asked.value(TOLERATED)
    if isinstance(percent, int) and not isinstance(percent, bool) and 0 <= percent <= 100:
        return percent
    raise InvalidRequest(f"The field {TOLERATED!r} must be a whole number from 0 to 100.")


def _manifest_key(asked: RequestFields) -> str:
    key = asked.value("onlyFailedOf")
    if isinstance(key, str) and FleetKeys.parse(key):
        return key
    raise InvalidRequest(
        "The field 'onlyFailedOf' must be the 'manifestKey' of a fleet's event, which ends in "
        "'/fleet.json'."
    )

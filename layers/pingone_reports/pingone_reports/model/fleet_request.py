"""The fleet request of a schedule, an event or a caller, checked and completed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pingone_reports.errors import InvalidRequest
from pingone_reports.model.keys import FleetKeys
from pingone_reports.model.request import (
    UUID,
    ExportRequest,
    Request,
    completed,
    names,
    rule,
)
from pingone_reports.model.text import CONTROLS, SURROGATES

# What an export's request may hold and a fleet hands on. What a fleet leaves out comes from the
# stack's parameters, as for any export.
_OF_EXPORTS = ("reportName", "fields", "filter", "formats", "changesUntil", "skipQualityGate")
TOLERATED = "toleratedFailurePercent"
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
_MOST_NAMED = 1000
_NAMES = names(
    f"[^{CONTROLS}{SURROGATES}]{{1,256}}",
    _MOST_NAMED,
    f"a list of at most {_MOST_NAMED} different ids or names of environments",
)


def _once(ids: Iterable[str]) -> tuple[str, ...]:
    """One environment has one spelling, and is exported once."""
    return tuple(dict.fromkeys(id_.lower() for id_ in ids))


def _is_percent(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100


def _is_manifest_key(value: object) -> bool:
    return isinstance(value, str) and bool(FleetKeys.parse(value))


@dataclass(frozen=True, kw_only=True)
class FleetRequest(Request):
    """Exports of many environments: of the given ones, or of all that the worker application sees.

    Those can be narrowed by ids or names and by types. `only_failed_of` is the key of an earlier
    fleet's manifest: then its failed environments are exported. The fleet fails if more than
    `tolerated_failure_percent` of its exports did. `export` is what each export's request holds.
    """

    environment_ids: tuple[str, ...] = field(
        default=(),
        metadata=names(UUID, _MOST_NAMED, f"a list of at most {_MOST_NAMED} UUIDs", _once),
    )
    include: tuple[str, ...] = field(default=(), metadata=_NAMES)
    exclude: tuple[str, ...] = field(default=(), metadata=_NAMES)
    types: tuple[str, ...] = field(
        default=(),
        metadata=names("[A-Z_]{1,40}", 10, "a list of types, such as ['PRODUCTION', 'SANDBOX']"),
    )
    only_failed_of: str | None = field(
        default=None,
        metadata=rule(
            _is_manifest_key,
            "the 'manifestKey' of a fleet's event, which ends in '/fleet.json'",
        ),
    )
    tolerated_failure_percent: int = field(
        default=0, metadata=rule(_is_percent, "a whole number from 0 to 100")
    )
    export: Mapping[str, Any]

    @classmethod
    def parse(cls, document: object, defaults: Mapping[str, Any]) -> Self:
        """As Request.parse, and checks what each export will be asked for."""
        values = completed(document, (*cls.names(), *_OF_EXPORTS), defaults)
        export = of_exports(values)
        ExportRequest.parse(export, _STAND_INS)
        request = cls.read({**values, "export": export})
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
        about = ("correlationId", "idempotencyKey", "export")
        chosen = {name: v for name, v in self.to_state().items() if v and name not in about}
        return chosen | dict(self.export)


def of_exports(document: Mapping[str, Any]) -> dict[str, Any]:
    """What of a fleet's document is for each of its exports."""
    return {name: document[name] for name in _OF_EXPORTS if name in document}

"""Data explorations as JSON: requests, and answers like the documentation's sample."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from local.pingone_simulator.api_errors import platform_error
from local.pingone_simulator.clock import Clock
from local.pingone_simulator.explorations import IN_PROGRESS, Exploration, Settings

TEMPLATE_ID = "db632bfd-7054-4bde-b108-a384aac2d513"
"""The devices report: "currently, the only supported value" (MFA reports data model)."""

_DELIVERIES = ("ENTRIES", "ASYNC_FILE")


def settings_of(body: object, known: Sequence[str]) -> Settings:
    """Raises INVALID_DATA with a detail for everything that is wrong with the request.

    `known` are the fields of the tenant's report. Whoever names none gets all of them.
    """
    if not isinstance(body, dict):
        raise platform_error(400, "The request body is not a JSON object.")
    template, fields = body.get("dataExplorationTemplate"), body.get("fields", [])
    filter_, delivery = body.get("filter", ""), body.get("deliverAs", Settings.deliver_as)
    details: list[dict[str, object]] = []
    if not isinstance(template, dict) or template.get("id") != TEMPLATE_ID:
        details.append(_detail("dataExplorationTemplate.id", "is not supported"))
    if not isinstance(fields, list) or not all(map(_names_a_field, fields)):
        details.append(_detail("fields", "must be a list of names"))
    else:
        details += [
            _detail(f"fields[{number}].name", f"is no field: {field['name']}")
            | {"innerError": {"allowedValues": [*known]}}
            for number, field in enumerate(fields)
            if field["name"] not in known
        ]
    if not isinstance(filter_, str) or filter_.count('"') % 2:
        details.append(_detail("filter", f"cannot be parsed: {filter_}"))
    if delivery not in _DELIVERIES:
        details.append(_detail("deliverAs", f"must be one of {', '.join(_DELIVERIES)}"))
    if details:
        raise platform_error(
            400,
            "The request could not be completed. One or more validation errors were in the"
            " request.",
            details,
        )
    return Settings(
        tuple(field["name"] for field in fields) or tuple(known),
        body.get("filter"),
        delivery,
    )


def body_of(
    exploration: Exploration,
    api_url: str,
    clock: Clock,
    *,
    final: bool = False,
    downloads: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """The sample's keys, in its order; `downloads` only with the status SUCCESS."""
    environment = f"{api_url}/environments/{exploration.environment_id}"
    settings = exploration.settings
    changed_at = exploration.ready_at if final else exploration.created_at
    body: dict[str, object] = {
        "_links": {
            "self": {"href": f"{environment}/dataExplorations/{exploration.id}"},
            "environment": {"href": environment},
            "dataExplorationTemplate": {
                "href": f"{environment}/dataExplorationTemplates/{TEMPLATE_ID}"
            },
        },
        "id": exploration.id,
        "environment": {"id": exploration.environment_id},
        "createdAt": _timestamp(clock.instant(exploration.created_at)),
        "updatedAt": _timestamp(clock.instant(changed_at)),
        "expiresAt": _timestamp(clock.instant(exploration.expires_at)),
        "fields": [{"name": name} for name in settings.fields],
    }
    if settings.filter is not None:
        body["filter"] = settings.filter
    body |= {
        "orderBy": [],
        "status": exploration.scenario.final_status if final else IN_PROGRESS,
        "deliverAs": settings.deliver_as,
    }
    return body | {
        **(downloads or {}),
        "sync": False,
        "dataExplorationTemplate": {"id": TEMPLATE_ID, "name": "Devices report"},
    }


def _names_a_field(field: object) -> bool:
    return isinstance(field, dict) and isinstance(field.get("name"), str) and bool(field["name"])


def _detail(target: str, problem: str) -> dict[str, object]:
    return {"code": "INVALID_VALUE", "target": target, "message": f"{target} {problem}"}


def _timestamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

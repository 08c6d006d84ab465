"""Fleets whose exports are in the tables, or some of them; without a cloud."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from pingone_reports.model.environment import Environment
from pingone_reports.model.fleet import entry_of
from pingone_reports.model.fleet_posture import FleetPosture
from pingone_reports.model.keys import ExportKeys, FleetKeys
from pingone_reports.model.manifest import utc
from pingone_reports.model.posture import Event, Strength

FLEET = "pingone/fleet/date=2026-03-01/nightly/fleet.json"
KEYS = cast("FleetKeys", FleetKeys.parse(FLEET))


def entry(number: int, name: str = "", error: str | None = None) -> dict[str, Any]:
    """What the manifest of the fleet says of an environment."""
    id_ = str(UUID(int=number))
    key = f"pingone/report=devices/environment={id_}/date=2026-03-01/fleet-{number}/manifest.json"
    result = (
        {"status": "FAILED", "error": error}
        if error
        else {"status": "SUCCEEDED", "manifestKey": key, "records": 1}
    )
    return entry_of(Environment(id=id_, name=name or f"Customers {number}"), result)


def manifest(*entries: Mapping[str, Any], minutes_ago: float = 0) -> dict[str, Any]:
    completed_at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {"environments": list(entries), "completedAt": utc(completed_at)}


def summary(weak: int, strong: int = 0, sms_added: int = 0, changes: int = 0) -> dict[str, Any]:
    """The numbers of an export, as TabulateReport keeps them."""
    return {
        "users": dict.fromkeys(Strength, 0) | {Strength.WEAK: weak, Strength.STRONG: strong},
        "changes": changes,
        "events": dict.fromkeys(Event, 0) | {Event.SMS_ADDED: sms_added},
    }


def summary_key(entry_: Mapping[str, Any]) -> str:
    return cast("ExportKeys", ExportKeys.parse(entry_["manifestKey"])).summary


def fleet_posture(environments: int = 3, names: tuple[str, ...] = ()) -> FleetPosture:
    """A fleet of so many environments, and as many that failed and are not in the tables."""
    called = [*names, *[""] * environments][:environments]
    entries = [entry(number, name) for number, name in enumerate(called, 1)]
    failed = [entry(10**6 + n, name, "AccessDenied") for n, name in enumerate(called)]
    missing = [entry(2 * 10**6 + n, name) for n, name in enumerate(called)]
    summaries = {
        each["manifestKey"]: summary(n, environments, n % 7, n % 50)
        for n, each in enumerate(entries)
    }
    fleet = names[0] if names else "nightly"
    document = json.loads(json.dumps(manifest(*entries, *failed, *missing)))
    return FleetPosture.of(fleet, document, json.loads(json.dumps(summaries)))

"""Fleets whose exports are in the tables, or some of them; without a cloud."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from pingone_reports.aws.fleet_entries import entry_of
from pingone_reports.model.environment import Environment
from pingone_reports.model.fleet_posture import FleetPosture
from pingone_reports.model.keys import ExportKeys, FleetKeys
from pingone_reports.model.security_events import Event
from pingone_reports.model.times import utc

FLEET = "pingone/fleet/date=2026-03-01/nightly/fleet.json"
KEYS = cast("FleetKeys", FleetKeys.parse(FLEET))
ARN = "arn:aws:states:eu-central-1:123456789012:execution:reports-export-fleet:nightly"


def entry(
    number: int, name: str = "", error: str | None = None, type_: str = "SANDBOX"
) -> dict[str, Any]:
    """What the manifest of the fleet says of an environment."""
    id_ = str(UUID(int=number))
    key = f"pingone/report=devices/environment={id_}/date=2026-03-01/fleet-{number}/manifest.json"
    result = (
        {"status": "FAILED", "error": error}
        if error
        else {"status": "SUCCEEDED", "manifestKey": key, "records": 1}
    )
    return entry_of(Environment(id=id_, name=name or f"Customers {number}", type=type_), result)


def manifest(*entries: Mapping[str, Any], minutes_ago: float = 0) -> dict[str, Any]:
    completed_at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {
        "environments": list(entries),
        "completedAt": utc(completed_at),
        "executionArn": ARN,
        "correlationId": "nightly",
    }


def summary(weak: int, phishable: int = 0, **events: int | str) -> dict[str, Any]:
    """The numbers of an export, as TabulateReport keeps them."""
    numbers = {each.name: 0 for each in Event} | events
    return {
        "users": {"WEAK": weak, "PHISHABLE": phishable},
        "protected": weak + phishable,
        "notCompared": "",
        "events": numbers,
        "changes": sum(number for number in numbers.values() if isinstance(number, int)),
        "unusual": "",
    }


def alone(weak: int = 1, why: str = "It is the first export.") -> dict[str, Any]:
    """Those of an export that was compared with none."""
    nothing = {"notCompared": why, "events": None, "changes": None}
    return summary(weak) | nothing


def summary_key(entry_: Mapping[str, Any]) -> str:
    return cast("ExportKeys", ExportKeys.parse(entry_["manifestKey"])).summary


def fleet_posture(environments: int = 3, names: tuple[str, ...] = ()) -> FleetPosture:
    """A fleet of so many environments; as many failed, are not in the tables, and not compared."""
    called = [*names, *[""] * environments][:environments]
    entries = [
        entry(number, name, type_="PRODUCTION" if number % 3 else "SANDBOX")
        for number, name in enumerate(called, 1)
    ]
    failed = [entry(10**6 + n, name, "AccessDenied") for n, name in enumerate(called)]
    missing = [entry(2 * 10**6 + n, name) for n, name in enumerate(called)]
    new = [entry(3 * 10**6 + n, name) for n, name in enumerate(called)]
    summaries = {
        each["manifestKey"]: summary(
            n, environments, WEAK_FACTOR_ADDED=n % 7, ALL_FACTORS_REPLACED=1 - min(n % 5, 1)
        )
        for n, each in enumerate(entries)
    } | {
        each["manifestKey"]: alone(why=name or "First.")
        for each, name in zip(new, called, strict=True)
    }
    if entries:
        summaries[entries[0]["manifestKey"]]["unusual"] = called[0] or "Far more than usual."
    keys = KEYS if not names else FleetKeys(prefix="pingone/", date=KEYS.date, execution=names[0])
    document = json.loads(json.dumps(manifest(*entries, *failed, *missing, *new)))
    return FleetPosture.of(keys, document, json.loads(json.dumps(summaries)))

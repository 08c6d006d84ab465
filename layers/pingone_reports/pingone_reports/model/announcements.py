"""What an export's comparison announces: two kinds of events, in which no user has a name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.posture import (
    NOT_ASKED,
    Changes,
    Posture,
    Protection,
    SecurityEvent,
)
from pingone_reports.model.security_events import Event, fair
from pingone_reports.model.strength import Strength

COMPARED = "PingOne Report Compared"
SECURITY_EVENT_DETECTED = "PingOne Device Security Event Detected"

SCHEMA_VERSION = "1.0"
"""Of both events. A field that is added later leaves it as it is."""

_COUNTED = (
    *("devices", "minor", "securityEvents", "securityEventsNotSent", "usersJoined", "usersLeft"),
    *("usersLost", "unusual", "repeatedIds"),
)


@dataclass(frozen=True, kw_only=True)
class AnnouncedExport:
    """The export that is told of: keys, manifest, the bucket of both, and a link to its page."""

    keys: ExportKeys
    manifest: Mapping[str, Any]
    bucket: str
    page_link: str


def security_events(posture: Posture, export: AnnouncedExport, most: int) -> list[dict[str, Any]]:
    """The details of an export's security events, the gravest first, at most so many."""
    changes = posture.changes
    if not changes:
        return []
    ranked = {event: [each for each in changes.security if each.event is event] for event in Event}
    about = _about(posture, export)
    return [
        {
            "id": _id(each, about["previousManifestKey"] or changes.previous_export_id),
            "code": each.event.name,
            "event": str(each.event),
            "severity": each.severity,
            "reasons": [reason.name for reason in each.reasons],
            "userId": each.user_id or None,
            "strengthBefore": each.before,
            "strengthAfter": each.after,
            "devices": [
                {"deviceId": device.id or None, "deviceType": device.type, "what": device.what}
                for device in each.devices
            ],
            **about,
        }
        for each in fair(ranked, most)
    ]


def compared(posture: Posture, export: AnnouncedExport, sent: int) -> dict[str, Any]:
    """The detail of the one event about an export's comparison; `sent` security events went before.

    What the exports cannot show is "not asked", and what the filter may have caused is "hidden by
    the filter": neither is a number. What was not compared is null.
    """
    changes = posture.changes
    return {
        "result": str(posture.result),
        "reason": None if changes else posture.not_compared,
        **_about(posture, export),
        "filter": posture.filter,
        "records": posture.records,
        "dataNotBefore": posture.data_not_before,
        **_numbers(changes, sent),
        "protection": (
            _protection(posture.protection) if posture.protection else posture.no_protection
        ),
        "doubts": list(posture.doubts),
    }


def _about(posture: Posture, export: AnnouncedExport) -> dict[str, Any]:
    """Which exports an event is of. What happened did so after one time and before the other."""
    changes, manifest, keys = posture.changes, export.manifest, export.keys
    return {
        "schemaVersion": SCHEMA_VERSION,
        "observedAfter": changes.previous_data_not_before if changes else None,
        "observedBefore": posture.data_not_after,
        "region": manifest.get("region"),
        "organizationId": manifest.get("organizationId"),
        "environmentId": posture.environment,
        "environmentName": posture.environment_name or None,
        "reportName": posture.report,
        "exportId": posture.export_id,
        "exportedAt": posture.exported_at,
        "previousExportId": changes.previous_export_id if changes else None,
        "previousExportedAt": changes.previous_exported_at if changes else None,
        "previousManifestKey": (manifest.get("previous") or {}).get("manifestKey"),
        "bucket": export.bucket,
        "manifestKey": keys.manifest,
        "changesKey": keys.changes_table if changes else None,
        "pageKey": keys.page,
        "correlationId": manifest["correlationId"],
        "executionArn": manifest["executionArn"],
    }


def _id(event: SecurityEvent, previous: str) -> str:
    """The same at every repetition, and for exports that overlap.

    It is made of where both began, of who it is, and of what came of them.
    """
    what = [
        previous,
        (event.user_id or "".join(device.id for device in event.devices[:1])).lower(),
        event.event.name,
        sorted(reason.name for reason in event.reasons),
        event.after,
        sorted((device.id.lower(), device.what) for device in event.devices),
    ]
    return str(uuid5(NAMESPACE_URL, json.dumps(what)))


def _numbers(changes: Changes | None, sent: int) -> dict[str, Any]:
    lost = changes and changes.seen(Event.FACTOR_REMOVED)
    numbers = changes and {
        "devices": {str(kind): number for kind, number in changes.kinds.items()},
        "minor": changes.minor,
        "securityEvents": {event.name: changes.seen(event) for event in Event},
        "securityEventsNotSent": max(0, sum(changes.events.values()) - sent),
        "usersJoined": _known(changes.users_joined),
        "usersLeft": _known(changes.users_left),
        # They can be seen where a lost factor can.
        "usersLost": lost if isinstance(lost, str) else changes.users_lost,
        "unusual": changes.unusual or None,
        "repeatedIds": changes.ids_left_out,
    }
    return numbers or dict.fromkeys(_COUNTED)


def _protection(protection: Protection) -> dict[str, Any]:
    return {
        "protected": protection.protected,
        "users": {str(each): protection.users.get(each, 0) for each in Strength},
        "devices": protection.devices,
        "unusable": _known(protection.unusable),
        "locked": _known(protection.locked),
        "deviceBound": _known(protection.device_bound),
        "synced": _known(protection.synced),
        "dormant": _known(protection.dormant),
    }


def _known(number: int | None) -> int | str:
    return NOT_ASKED if number is None else number

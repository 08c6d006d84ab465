"""What is told of an export's changes: two kinds of events, and a mail.

No user has a name there, only an id.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.posture import NOT_ASKED, Change, Changes, Event, Posture, Strength

CHANGES_DETECTED = "PingOne Report Changes Detected"
SECURITY_EVENT_DETECTED = "PingOne Device Security Event Detected"

HIDDEN = "hidden by the filter"


def changes_detected(
    posture: Posture, changes: Changes, keys: ExportKeys, manifest: Mapping[str, Any], most: int
) -> dict[str, Any]:
    """The detail of the one event about an export that changed something.

    `most` is how many security events are told. What the exports cannot show is "not asked", and
    what the filter may have caused is "hidden by the filter": neither is a number.
    """
    return {
        **_exports(posture, changes, keys, manifest),
        "filter": posture.filter,
        "dataNotAfter": posture.data_not_after,
        "devices": posture.devices,
        "changes": {str(kind): number for kind, number in changes.kinds.items()},
        "securityEvents": {str(event): seen(changes, event) for event in Event},
        "securityEventsNotSent": max(0, sum(changes.events.values()) - most),
        "usersLeft": NOT_ASKED if changes.users_left is None else changes.users_left,
        "users": (
            {str(strength): posture.users[strength] for strength in Strength}
            if posture.users
            else NOT_ASKED
        ),
        "pageKey": keys.page,
    }


def security_events(
    posture: Posture, changes: Changes, keys: ExportKeys, manifest: Mapping[str, Any], most: int
) -> list[dict[str, Any]]:
    """The details of an export's security events, the gravest first, at most so many."""
    exports = _exports(posture, changes, keys, manifest)
    grave = [change for change in changes.rows if change.event][:most]
    return [
        {
            "id": _id(keys, change),
            "event": str(change.event),
            "userId": change.user_id or (NOT_ASKED if changes.users_left is None else None),
            "deviceId": change.device_id or None,
            **exports,
        }
        for change in grave
    ]


def mail(posture: Posture, changes: Changes, keys: ExportKeys, bucket: str) -> tuple[str, str]:
    """Subject and text of the mail about an export that changed something: numbers alone."""
    number = sum(changes.events.values())
    subject = f"PingOne {posture.report}: {number} security events, {changes.number} changes"
    return subject, "\n".join(_lines(posture, changes, f"s3://{bucket}/{keys.page}"))


def seen(changes: Changes, event: Event) -> int | str:
    """How often an event happened, or why nobody can know."""
    if event in changes.not_asked:
        return NOT_ASKED
    return HIDDEN if event in changes.filtered else changes.events[event]


def _lines(posture: Posture, changes: Changes, page: str) -> Iterator[str]:
    name = f"{posture.environment_name} " if posture.environment_name else ""
    yield f"Report {posture.report} of environment {name}{posture.environment}"
    if posture.filter:
        yield "It has a filter: devices enter and leave it."
    yield f"Exported {posture.exported_at}, the one before {changes.previous_exported_at} (UTC)"
    yield f"The data may be as old as {posture.data_not_before}"
    yield ""
    yield "Security events"
    for event in Event:
        yield f"  {event}: {_number(seen(changes, event))}"
    yield ""
    yield "Devices"
    for kind, number in changes.kinds.items():
        yield f"  {kind}: {_number(number)}"
    left = NOT_ASKED if changes.users_left is None else changes.users_left
    yield f"  users who left the report: {_number(left)}"
    yield ""
    yield "Users by their strongest factor"
    for strength in Strength:
        users = posture.users[strength] if posture.users else NOT_ASKED
        yield f"  {strength}: {_number(users)}"
    yield ""
    yield f"The page: {page}"


def _number(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _exports(
    posture: Posture, changes: Changes, keys: ExportKeys, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "reportName": posture.report,
        "environmentId": posture.environment,
        "environmentName": posture.environment_name or None,
        "exportId": posture.export_id,
        "exportedAt": posture.exported_at,
        "previousExportId": changes.previous_export_id,
        "previousExportedAt": changes.previous_exported_at,
        "dataNotBefore": posture.data_not_before,
        "changesKey": keys.changes_table,
        "manifestKey": keys.manifest,
        "correlationId": manifest["correlationId"],
        "executionArn": manifest["executionArn"],
    }


def _id(keys: ExportKeys, change: Change) -> str:
    """The same for every repetition: of what happened to whom, as this export shows it."""
    what = [keys.manifest, change.event, change.user_id, change.device_id]
    return str(uuid5(NAMESPACE_URL, json.dumps(what)))

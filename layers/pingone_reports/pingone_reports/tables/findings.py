"""What a comparison found, in numbers and first rows: for the page, the events and the mail.

It reads the tables of a comparison: `changed_fields`, `events` and `people`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pingone_reports.model.posture import (
    MOST_DEVICES,
    MOST_EVENTS,
    MOST_OTHERS,
    Change,
    Changes,
    ConcernedDevice,
    Kind,
    SecurityEvent,
)
from pingone_reports.model.security_events import LOSSES, Event, fair
from pingone_reports.model.strength import Strength
from pingone_reports.tables.database import Cell, Database, number, quoted

_IN_WHOLE = (Kind.ADDED, Kind.REMOVED, Kind.CHANGED)
_IN_FILTERED = (Kind.ENTERED, Kind.LEFT, Kind.CHANGED)


@dataclass(frozen=True)
class Shown:
    """The events that two exports can show, and those that they cannot, by the reason."""

    events: list[Event]
    not_asked: list[Event]
    hidden: list[Event]


def found_changes(
    database: Database,
    about: Mapping[str, Cell],
    shown: Shown,
    *,
    knows_users: bool,
) -> Changes:
    """The numbers of all that a comparison found, and its first rows."""
    filtered = bool(about["filter"])
    kinds = dict(
        database.execute(
            "SELECT change, count(DISTINCT d) FROM changed_fields WHERE NOT minor GROUP BY change"
        ).fetchall()
    )
    minor = number(
        database,
        "SELECT count(*) FROM (SELECT d FROM changed_fields GROUP BY d HAVING bool_and(minor))",
    )
    counted = dict(database.execute("SELECT code, count(*) FROM events GROUP BY code").fetchall())
    losses = ", ".join(quoted(event.name) for event in LOSSES)
    lost = number(
        database,
        f"SELECT count(*) FROM events WHERE list_has_any(reasons, [{losses}])",  # noqa: S608
    )
    joined, left = cast(
        "tuple[int, int]",
        database.execute(
            "SELECT count(*) FILTER (in_n AND NOT in_o), count(*) FILTER (in_o AND NOT in_n) "
            "FROM people"
        ).fetchone(),
    )
    return Changes(
        previous_export_id=str(about["previous_export_id"]),
        previous_exported_at=str(about["previous_exported_at"]),
        kinds={kind: kinds.get(kind, 0) for kind in (_IN_FILTERED if filtered else _IN_WHOLE)},
        events={event: counted.get(event.name, 0) for event in shown.events},
        not_asked=shown.not_asked,
        filtered=shown.hidden,
        users_joined=joined if knows_users else None,
        users_left=left if knows_users else None,
        users_lost=lost,
        minor=minor,
        others=number(database, "SELECT count(*) FROM changed_fields WHERE NOT minor"),
        security=fair(_events(database), MOST_EVENTS),
        rows=list(_rows(database)),
    )


def _events(database: Database) -> Mapping[Event, list[SecurityEvent]]:
    """The first events of each code: as many as a page could need of it."""
    found = database.execute(
        "SELECT code, reasons, userid, username, strength_before, strength_after, "  # noqa: S608
        f"devices[:{MOST_DEVICES}] FROM events "
        f"QUALIFY row_number() OVER (PARTITION BY code ORDER BY u, d) <= {MOST_EVENTS} "
        "ORDER BY u, d"
    ).fetchall()
    events: dict[Event, list[SecurityEvent]] = {event: [] for event in Event}
    for code, reasons, user, name, before, after, devices in found:
        events[Event[code]].append(
            SecurityEvent(
                event=Event[code],
                reasons=[Event[reason] for reason in reasons],
                user_id=user or "",
                username=name or "",
                before=Strength(before) if before else None,
                after=Strength(after) if after else None,
                devices=[ConcernedDevice(**device) for device in devices],
            )
        )
    return events


def _rows(database: Database) -> Iterator[Change]:
    """The first rows about devices that matter."""
    found = database.execute(
        "SELECT coalesce(userid, ''), coalesce(username, ''), deviceid, "  # noqa: S608
        "coalesce(devicetype, ''), change, field, old_value, new_value FROM changed_fields "
        f"WHERE NOT minor ORDER BY deviceid, place LIMIT {MOST_OTHERS}"
    )
    for user, name, device, type_, kind, field, old, new in found.fetchall():
        yield Change(
            user_id=user,
            username=name,
            device_id=device,
            device_type=type_,
            kind=Kind(kind),
            field=field,
            old_value=old,
            new_value=new,
        )

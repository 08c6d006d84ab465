"""How one export differs from the one before it, device by device, as Parquet."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import cast

from pingone_reports.model.field_names import KNOWN_FIELDS
from pingone_reports.model.posture import (
    MOST_EVENTS,
    MOST_OTHERS,
    Change,
    Changes,
    Event,
    Kind,
)
from pingone_reports.tables.database import (
    Cell,
    Database,
    columns_of,
    literals,
    quoted,
    within_limits,
    write,
)
from pingone_reports.tables.posture import strength_of_type, strongest

_NEEDS = {
    Event.NO_STRONG_FACTOR: {"userid", "devicetype"},
    Event.MFA_DISABLED: {"userid", "mfaenabled"},
    # That a user has left the report is known by its user id.
    Event.FIDO2_REMOVED: {"userid", "devicetype"},
    Event.SMS_ADDED: {"devicetype"},
    Event.VOICE_ADDED: {"devicetype"},
    Event.DEVICE_BLOCKED: {"deviceblocked"},
    Event.DEVICE_LOCKED: {"devicelocked"},
}
_IN_WHOLE = (Kind.ADDED, Kind.REMOVED, Kind.CHANGED)
_IN_FILTERED = (Kind.ENTERED, Kind.LEFT, Kind.CHANGED)
_CAUSED_BY_A_FILTER = {
    Event.NO_STRONG_FACTOR, Event.FIDO2_REMOVED, Event.SMS_ADDED, Event.VOICE_ADDED,
}  # fmt: skip
_BECAME_TRUE = "lower(new_value) = 'true' AND lower(old_value) <> 'true'"
# A user who has left the report has lost no device that is worth an alarm.
_OF_DEVICES = {
    Event.FIDO2_REMOVED: (
        "change = 'removed' AND upper(devicetype) = 'FIDO2' AND NOT user_left AND userid <> ''"
    ),
    Event.SMS_ADDED: "change = 'added' AND upper(devicetype) = 'SMS'",
    Event.VOICE_ADDED: "change = 'added' AND upper(devicetype) = 'VOICE'",
    Event.DEVICE_BLOCKED: f"field = 'deviceBlocked' AND {_BECAME_TRUE}",
    Event.DEVICE_LOCKED: f"field = 'deviceLocked' AND {_BECAME_TRUE}",
}
# Each with the field that its row names, and the field's two values.
_OF_USERS = {
    Event.NO_STRONG_FACTOR: ("weakened", "strength", "old_strength", "new_strength"),
    Event.MFA_DISABLED: ("mfa_disabled", "mfaEnabled", "'true'", "'false'"),
}


def not_asked(columns: Collection[str]) -> list[Event]:
    """The events that a report with these columns, in lower case, cannot show."""
    return [event for event, needs in _NEEDS.items() if not needs <= set(columns)]


def changes_to_parquet(
    database: Database,
    newer: Path,
    older: Path,
    about: Mapping[str, Cell],
    parquet: Path,
    *,
    filtered: bool,
) -> Changes:
    """Compare two exports' Parquet files of devices, and write what differs.

    Devices are told apart by deviceId, so both files must have it, and once each. A device that is
    in one file alone is one row; else each field that differs is. A field that one file lacks is no
    change. What happened to a user is a row without device. `about` are further columns, the
    previous export's id and time among them. The same files give the same file again.

    In a `filtered` report a device enters and leaves: that is no event, because the filter may be
    why.
    """
    with database.cursor() as own, within_limits():
        has = {side: columns_of(own, path) for side, path in (("n", newer), ("o", older))}
        common = has["n"].keys() & has["o"].keys()
        unknown = not_asked(common)
        hidden = [
            event for event in Event
            if filtered and event in _CAUSED_BY_A_FILTER and event not in unknown
        ]  # fmt: skip
        shown = [event for event in Event if event not in (*unknown, *hidden)]
        for side, path in (("n", newer), ("o", older)):
            own.execute(
                f"CREATE TEMP VIEW {side} AS SELECT {_columns(has[side])} "  # noqa: S608
                f"FROM read_parquet({quoted(str(path))})"
            )
        own.execute(_USERS if "userid" in common else _NO_USERS)
        both = [name for name in KNOWN_FIELDS if name.lower() in common]
        write(
            own,
            f"SELECT {', '.join(literals(about))}, "  # noqa: S608
            "userid, username, deviceid, devicetype, "
            f"{_KIND_IN_FILTERED if filtered else 'change'} AS change, "
            f"field, old_value, new_value, event FROM ({_changes(both, shown)}) "
            "ORDER BY deviceid NULLS LAST, userid, place, event",
            parquet,
        )
        kinds, events, users_left = _numbers(own, parquet)
        return Changes(
            previous_export_id=str(about["previous_export_id"]),
            previous_exported_at=str(about["previous_exported_at"]),
            kinds={kind: kinds.get(kind, 0) for kind in (_IN_FILTERED if filtered else _IN_WHOLE)},
            events={event: events.get(event, 0) for event in shown},
            others=events.get(None, 0),
            not_asked=unknown,
            filtered=hidden,
            users_left=users_left if "userid" in common else None,
            rows=[
                *_rows(own, parquet, "event IS NOT NULL", MOST_EVENTS),
                *_rows(own, parquet, "event IS NULL", MOST_OTHERS),
            ],
        )


# Only users to whom something happened. A user without userId is nobody.
_USERS = f"""
CREATE TEMP TABLE users AS
SELECT *,
    NOT in_newer AS user_left,
    in_newer AND was_strong AND new_strength = 'weak' AS weakened,
    in_newer AND mfa_was_on AND mfa_is_off AND NOT mfa_is_on AS mfa_disabled
FROM (
    SELECT userid,
        max(CASE WHEN newer THEN username END) AS username,
        bool_or(newer) AS in_newer,
        bool_or(NOT newer) AS in_older,
        bool_or(NOT newer AND strength IN ('phishing-resistant', 'strong')) AS was_strong,
        {strongest("CASE WHEN NOT newer THEN strength END")} AS old_strength,
        {strongest("CASE WHEN newer THEN strength END")} AS new_strength,
        bool_or(NOT newer AND mfa = 'true') AS mfa_was_on,
        bool_or(newer AND mfa = 'true') AS mfa_is_on,
        bool_or(newer AND mfa = 'false') AS mfa_is_off
    FROM (
        SELECT true AS newer, userid, username, {strength_of_type()} AS strength,
            coalesce(lower(mfaenabled), '') AS mfa FROM n
        UNION ALL
        SELECT false, userid, username, {strength_of_type()},
            coalesce(lower(mfaenabled), '') FROM o)
    WHERE userid <> '' GROUP BY userid)
WHERE in_older AND (user_left OR weakened OR mfa_disabled)
"""  # noqa: S608
_NO_USERS = """
CREATE TEMP TABLE users (userid VARCHAR, username VARCHAR, old_strength VARCHAR,
    new_strength VARCHAR, user_left BOOLEAN, weakened BOOLEAN, mfa_disabled BOOLEAN)
"""
_KIND_IN_FILTERED = (
    "CASE change WHEN 'added' THEN 'entered' WHEN 'removed' THEN 'left' ELSE change END"
)


def _changes(both: list[str], shown: list[Event]) -> str:
    differs = " OR ".join(f"n.{name.lower()} <> o.{name.lower()}" for name in both)
    values = ", ".join(
        f"{{'place': {place}, 'field': {quoted(name)}, "
        f"'old_value': o.{name.lower()}, 'new_value': n.{name.lower()}}}"
        for place, name in enumerate(both)
    )
    events = "".join(
        f" WHEN {condition} THEN {quoted(event)}"
        for event, condition in _OF_DEVICES.items()
        if event in shown
    )
    people = "".join(
        f"""
        UNION ALL
        SELECT userid, username, NULL, NULL, 'changed', {quoted(field)}, {old}, {new},
            {quoted(event)}, 0
        FROM users WHERE {condition}"""  # noqa: S608
        for event, (condition, field, old, new) in _OF_USERS.items()
        if event in shown
    )
    return f"""
        WITH compared AS (
            SELECT coalesce(n.userid, o.userid) AS userid,
                coalesce(n.username, o.username) AS username,
                coalesce(n.deviceid, o.deviceid) AS deviceid,
                coalesce(n.devicetype, o.devicetype) AS devicetype,
                CASE WHEN o.deviceid IS NULL THEN 'added'
                    WHEN n.deviceid IS NULL THEN 'removed' ELSE 'changed' END AS change,
                [{values}] AS fields
            FROM (FROM n WHERE deviceid <> '') n
            FULL OUTER JOIN (FROM o WHERE deviceid <> '') o ON n.deviceid = o.deviceid
            WHERE n.deviceid IS NULL OR o.deviceid IS NULL OR {differs}),
        fields AS (
            SELECT compared.* EXCLUDE (fields), coalesce(users.user_left, false) AS user_left,
                unnest(fields, recursive := true)
            FROM compared LEFT JOIN users ON users.userid = compared.userid)
        SELECT userid, username, deviceid, devicetype, change, field, old_value, new_value,
            CASE{events or " WHEN false THEN ''"} END AS event, place
        FROM fields
        WHERE CASE change WHEN 'changed' THEN old_value <> new_value ELSE place = 0 END{people}
        """  # noqa: S608


def _numbers(
    database: Database, parquet: Path
) -> tuple[dict[str, int], dict[str | None, int], int]:
    """Devices of each kind, rows of each event and of none, and users who have left."""
    file = f"read_parquet({quoted(str(parquet))})"
    kinds = database.execute(
        f"SELECT change, count(DISTINCT deviceid) FROM {file} GROUP BY change"  # noqa: S608
    ).fetchall()
    events = database.execute(
        f"SELECT event, count(*) FROM {file} GROUP BY event"  # noqa: S608
    ).fetchall()
    left = database.execute("SELECT count(*) FROM users WHERE user_left").fetchone()
    return dict(kinds), dict(events), int(cast("tuple[int]", left)[0])


def _rows(database: Database, parquet: Path, condition: str, most: int) -> Iterator[Change]:
    """The first rows, the gravest events before others."""
    found = database.execute(
        f"""
        SELECT coalesce(userid, ''), coalesce(username, ''), coalesce(deviceid, ''),
            coalesce(devicetype, ''), change, field, coalesce(old_value, ''),
            coalesce(new_value, ''), event
        FROM read_parquet({quoted(str(parquet))}) WHERE {condition}
        ORDER BY list_position({[str(event) for event in Event]}, event), deviceid, userid, field
        LIMIT {most}
        """  # noqa: S608
    )
    for user, name, device, type_, kind, field, old, new, event in found.fetchall():
        yield Change(
            user_id=user,
            username=name,
            device_id=device,
            device_type=type_,
            kind=Kind(kind),
            field=field,
            old_value=old,
            new_value=new,
            event=Event(event) if event else None,
        )


def rows_with_date(database: Database, rows: Path, day: date, parquet: Path) -> None:
    """Copy an export's Parquet file of devices, with its date as a further column."""
    source = f"read_parquet({quoted(str(rows))})"
    write(database, f"SELECT *, DATE '{day}' AS date FROM {source}", parquet)  # noqa: S608


def _columns(has: Mapping[str, str]) -> str:
    return ", ".join(
        f"{has.get(name.lower(), 'NULL::VARCHAR')} AS {name.lower()}" for name in KNOWN_FIELDS
    )

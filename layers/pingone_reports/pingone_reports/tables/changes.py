"""How one export differs from its predecessor, device by device and user by user, as Parquet.

The two exports are joined once, by the ids alone and a hash of what is compared. What differs is
little: only for that, the fields and the other devices of the same users are read.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pingone_reports.model.fields import FIELDS, Weight, spelled
from pingone_reports.model.filters import fields_of_filter, hides_factors
from pingone_reports.model.posture import Changes
from pingone_reports.model.security_events import RULES, Event
from pingone_reports.tables.database import (
    Cell,
    Database,
    literals,
    number,
    quoted,
    within_limits,
    write,
)
from pingone_reports.tables.events import find_events
from pingone_reports.tables.facts import fields_of, rows_of
from pingone_reports.tables.findings import Shown, found_changes

_KIND_IN_FILTERED = (
    "CASE change WHEN 'added' THEN 'entered' WHEN 'removed' THEN 'left' ELSE change END"
)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two exports: its Parquet file of devices, and its times (UTC, ISO 8601)."""

    rows: Path
    at: str
    data_not_before: str


def not_asked(fields: Collection[str]) -> list[Event]:
    """The events that a report with these fields, in lower case, cannot show."""
    return [
        event
        for event, rule in RULES.items()
        if not {need.lower() for need in rule.needs} <= set(fields)
    ]


def hidden_by(filter_: str) -> list[Event]:
    """The events that a filter could cause or prevent."""
    if not filter_:
        return []
    named = fields_of_filter(filter_)
    return [
        event
        for event, rule in RULES.items()
        if rule.of_presence or named & {spelled(need) for need in rule.needs}
    ]


def changes_to_parquet(
    database: Database,
    newer: Side,
    older: Side,
    about: Mapping[str, Cell],
    parquet: Path,
    *,
    incomparable: Collection[str],
) -> Changes:
    """Compare two exports, and write what differs.

    Devices are told apart by deviceId, whatever its case, so both must have it. An id that one of
    them repeats tells none apart, and is left out. A device that is in one export alone is one row;
    else each field that differs is. A field that one of them lacks is no change, nor is one of
    `incomparable`, in lower case. Each security event is a row without device. `about` are further
    columns: among them the filter, and the previous export's id and time. The same files give the
    same file again.
    """
    with database.cursor() as own, within_limits():
        # What one of them lacks must not differ.
        common = (fields_of(own, newer.rows) & fields_of(own, older.rows)) - {*incomparable}
        for side, view in ((newer, "n"), (older, "o")):
            rows_of(own, side.rows, view, side.at, common)
        filter_ = str(about["filter"])
        unknown = not_asked(common)
        hidden = [event for event in hidden_by(filter_) if event not in unknown]
        shown = [event for event in Event if event not in (*unknown, *hidden)]
        repeated = _find_repeated(own)
        _join(own, common)
        _find_changes(own, common, filtered=bool(filter_))
        knows_users = "userid" in common
        find_events(
            own,
            shown,
            knows_users=knows_users,
            shows_strength="devicetype" in common and not hides_factors(filter_),
            knows_phones="phone" in common,
        )
        _write_changes(own, about, parquet)
        changes = found_changes(own, about, Shown(shown, unknown, hidden), knows_users=knows_users)
        return replace(
            changes, previous_data_not_before=older.data_not_before, ids_left_out=repeated
        )


def _write_changes(database: Database, about: Mapping[str, Cell], parquet: Path) -> None:
    words = {event: str(event) for event in Event}
    severities = {event: str(rule.severity) for event, rule in RULES.items()}
    write(
        database,
        f"SELECT {', '.join(literals(about))}, * FROM ("  # noqa: S608
        f"SELECT userid, username, deviceid, devicetype, change, field, old_value, new_value, "
        "NULL::VARCHAR AS event, NULL::VARCHAR AS code, NULL::VARCHAR AS severity, "
        "NULL::VARCHAR AS reasons, NULL::VARCHAR AS devices, NULL::VARCHAR AS strength_before, "
        "NULL::VARCHAR AS strength_after FROM changed_fields "
        "UNION ALL "
        f"SELECT userid, username, '', '', 'event', '', '', '', {_said('code', words)}, code, "
        f"{_said('code', severities)}, "
        f"array_to_string(list_transform(reasons, lambda each: {_said('each', words)}), ', '), "
        "array_to_string(list_transform(devices, lambda each: concat_ws(' ', "
        "nullif(each.type, ''), each.id, each.what)), '; '), strength_before, strength_after "
        "FROM events) "
        "ORDER BY deviceid, userid, field, event",
        parquet,
    )


def _find_repeated(database: Database) -> int:
    """Let `repeated` hold the device ids that tell no device apart; returns their number."""
    database.execute(
        "CREATE TEMP TABLE repeated AS "
        "SELECT d FROM n WHERE d <> '' GROUP BY d HAVING count(*) > 1 UNION "
        "SELECT d FROM o WHERE d <> '' GROUP BY d HAVING count(*) > 1"
    )
    return number(database, "SELECT count(*) FROM repeated")


def _join(database: Database, common: Collection[str]) -> None:
    """Let `touched` hold each device that is not the same in both exports, of one user at a time.

    A device that moved is there twice: as one that left its old user, and one that came to its new.
    """
    compared = [name.lower() for name, field in FIELDS.items() if field.weight is not Weight.USE]
    known = ", ".join(name for name in compared if name in common) or "''"
    side = (
        "(SELECT u, d, device, class, flags, phone_key, hash({known}) AS fields FROM {view} "
        "WHERE NOT device OR d NOT IN (FROM repeated))"
    )
    newer, older = (side.format(known=known, view=view) for view in ("n", "o"))
    database.execute(
        "CREATE TEMP TABLE touched AS "  # noqa: S608
        "SELECT coalesce(n.u, o.u) AS u, coalesce(n.d, o.d) AS d, "
        "n.u IS NOT NULL AS in_n, o.u IS NOT NULL AS in_o, "
        "coalesce(n.device, o.device) AS device, "
        "n.class AS n_class, n.flags AS n_flags, o.flags AS o_flags, "
        "n.phone_key AS n_phone, o.phone_key AS o_phone "
        f"FROM {newer} n FULL JOIN {older} o ON n.d = o.d AND n.u = o.u "
        "WHERE n.u IS NULL OR o.u IS NULL OR n.fields <> o.fields OR n.flags <> o.flags"
    )


def _find_changes(database: Database, common: Collection[str], *, filtered: bool) -> None:
    """Let `changed_fields` hold each device that came or went, and each field that changed."""
    names = [
        name
        for name, field in FIELDS.items()
        if name.lower() in common and field.weight is not Weight.USE and name != "deviceId"
    ]
    values = ", ".join(
        f"{{'place': {place}, 'minor': {str(FIELDS[name].weight is Weight.MINOR).lower()}, "
        f"'field': {quoted(name)}, 'old_value': o.{name.lower()}, 'new_value': n.{name.lower()}}}"
        for place, name in enumerate(names)
    )
    nothing = "{'place': 0, 'minor': false, 'field': '', 'old_value': '', 'new_value': ''}"
    columns = "u, d, userid, username, deviceid, devicetype" + "".join(
        f", {name.lower()}"
        for name in names
        if name.lower() not in ("userid", "username", "devicetype")
    )
    side = (
        f"(SELECT {columns} FROM {{view}} WHERE d <> '' "  # noqa: S608
        "AND d IN (SELECT d FROM touched WHERE device))"
    )
    newer, older = side.format(view="n"), side.format(view="o")
    database.execute(
        "CREATE TEMP TABLE changed_fields AS "  # noqa: S608
        "SELECT * EXCLUDE (change, fields), "
        f"{_KIND_IN_FILTERED if filtered else 'change'} AS change, "
        "unnest(fields, recursive := true) FROM ("
        "SELECT coalesce(n.userid, o.userid) AS userid, coalesce(n.username, o.username) AS "
        "username, coalesce(n.deviceid, o.deviceid) AS deviceid, "
        "coalesce(n.devicetype, o.devicetype) AS devicetype, coalesce(n.d, o.d) AS d, "
        "CASE WHEN o.d IS NULL THEN 'added' WHEN n.d IS NULL THEN 'removed' ELSE 'changed' END "
        "AS change, CASE WHEN o.d IS NULL OR n.d IS NULL THEN "
        f"[{nothing}] ELSE list_filter([{values or nothing}], lambda f: "
        "CASE f.field WHEN 'userId' THEN lower(f.old_value) <> lower(f.new_value) "
        "ELSE f.old_value <> f.new_value END) END AS fields "
        f"FROM {newer} n FULL JOIN {older} o ON n.d = o.d)"
    )


def _said(code: str, values: Mapping[Event, str]) -> str:
    """SQL: what is said of an event, by its code."""
    whens = " ".join(
        f"WHEN {quoted(event.name)} THEN {quoted(value)}" for event, value in values.items()
    )
    return f"CASE {code} {whens} END"

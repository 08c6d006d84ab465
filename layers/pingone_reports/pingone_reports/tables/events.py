"""The security events between two exports: one for each user, with all its reasons.

It works on the views `n` and `o` of the newer and the older export, and on `touched`, which holds
the devices that are not the same in both.
"""

from collections.abc import Sequence

from pingone_reports.model.security_events import RULES, Event
from pingone_reports.model.strength import Strength
from pingone_reports.tables.database import Database, quoted
from pingone_reports.tables.facts import (
    ACTIVE,
    BLOCKED,
    CLASSES,
    LOCKED,
    has,
    mfa_is_off,
    same_type,
    strength_of_user,
    usable,
)

_MANY_USERS = 3
"""So many users of one phone number are no family, and no spare phone."""


def find_events(
    database: Database,
    shown: Sequence[Event],
    *,
    knows_users: bool,
    shows_strength: bool,
    knows_phones: bool,
) -> None:
    """Let `people` hold the facts about each touched user, and `events` the security events.

    Without `knows_users`, an event is of one device. A user without userId is nobody, too.
    """
    for near, side in (("n_near", "n"), ("o_near", "o")):
        database.execute(_NEAR.format(near=near, side=side))
    database.execute(_PEOPLE)
    database.execute(_NEWLY_SHARED if knows_users and knows_phones else _NOTHING_SHARED)
    database.execute(_CONCERNED)
    reasons = ", ".join(
        f"CASE WHEN {RULES[event].sql} THEN {quoted(event.name)} END" for event in shown
    )
    before, after = (_strength(side, shows_strength=shows_strength) for side in ("before", "after"))
    database.execute(
        "CREATE TEMP TABLE events AS "  # noqa: S608
        f"SELECT reasons[1] AS code, *, {before} AS strength_before, {after} AS strength_after "
        f"FROM (SELECT *, list_filter([{reasons}]::VARCHAR[], lambda r: r IS NOT NULL) AS reasons "
        f"FROM ({_FACTS})) WHERE len(reasons) > 0"
    )


def _strength(side: str, *, shows_strength: bool) -> str:
    if not shows_strength:
        return "NULL::VARCHAR"
    there, flags = ("in_o", "o_flags") if side == "before" else ("in_n", "n_flags")
    usable_of = {each: f"{name}_{side} > 0" for each, name in _NAMES.items()}
    return f"CASE WHEN {there} THEN {strength_of_user(usable_of, flags)} END"


_NAMES = {
    Strength.PHISHING_RESISTANT: "resistant",
    Strength.PHISHABLE: "phishable",
    Strength.WEAK: "weak",
    Strength.UNKNOWN: "unknown",
}
_COUNTS = ", ".join(
    f"count(*) FILTER ({when} AND usable AND class = {CLASSES[each]}) AS {name}_{side}"
    for side, when in (("before", "NOT newer"), ("after", "newer"))
    for each, name in _NAMES.items()
)
# The rows of touched users and devices: each export is read once for all that follows.
_NEAR = """
CREATE TEMP TABLE {near} AS
SELECT u, d, device, class, flags, userid, username, deviceid, devicetype FROM {side}
WHERE u IN (SELECT u FROM touched WHERE u <> '')
    OR d IN (SELECT d FROM touched WHERE device AND u = '')
"""

_PEOPLE = f"""
CREATE TEMP TABLE people AS
SELECT u, coalesce(max(userid) FILTER (newer), max(userid)) AS userid,
    coalesce(max(username) FILTER (newer), max(username)) AS username,
    bool_or(newer) AS in_n, bool_or(NOT newer) AS in_o,
    coalesce(bit_or(flags) FILTER (newer), 0) AS n_flags,
    coalesce(bit_or(flags) FILTER (NOT newer), 0) AS o_flags,
    {_COUNTS}
FROM (
    SELECT true AS newer, u, userid, username, class, flags,
        device AND {usable("flags")} AND d NOT IN (FROM repeated) AS usable
    FROM n_near WHERE u <> ''
    UNION ALL
    SELECT false, u, userid, username, class, flags,
        device AND {usable("flags")} AND d NOT IN (FROM repeated)
    FROM o_near WHERE u <> '')
GROUP BY u
"""  # noqa: S608

_NOTHING_SHARED = "CREATE TEMP TABLE shared (u VARCHAR, phone VARCHAR, users BIGINT)"
# Who newly has a number that so many have now.
_NEWLY_SHARED = f"""
CREATE TEMP TABLE shared AS
WITH new AS (
    SELECT DISTINCT u, n_phone AS phone FROM touched
    WHERE device AND in_n AND u <> '' AND n_phone <> '' AND n_phone IS DISTINCT FROM o_phone
    EXCEPT SELECT u, phone_key FROM o WHERE device AND phone_key <> ''),
many AS (
    SELECT phone_key, count(DISTINCT u) AS users FROM n
    WHERE device AND u <> '' AND phone_key IN (SELECT phone FROM new)
    GROUP BY phone_key HAVING count(DISTINCT u) >= {_MANY_USERS})
SELECT new.u, new.phone, many.users FROM new JOIN many ON many.phone_key = new.phone
"""  # noqa: S608

_BOTH = "(t.in_n AND t.in_o)"
_HAPPENED = f"""concat_ws(', ',
    CASE WHEN moved AND NOT in_o THEN 'came from another user'
        WHEN moved AND NOT in_n THEN 'went to another user'
        WHEN NOT in_o THEN if({has("n_flags", ACTIVE)}, 'added', 'added, not active yet')
        WHEN NOT in_n THEN 'removed'
        WHEN {has("n_flags", ACTIVE)} AND NOT {has("o_flags", ACTIVE)} THEN 'activated'
        WHEN {has("o_flags", ACTIVE)} AND NOT {has("n_flags", ACTIVE)} THEN 'not active any more'
        END,
    CASE WHEN blocked THEN 'blocked'
        WHEN in_n AND in_o AND {has("o_flags", BLOCKED)} AND NOT {has("n_flags", BLOCKED)}
        THEN 'unblocked' END,
    if(locked, 'locked', NULL),
    if(retyped, 'was ' || o_type, NULL),
    if(rephoned, 'phone number changed', NULL),
    if(shared_by > 0, 'phone number of ' || shared_by || ' users', NULL))"""
_CONCERNED = f"""
CREATE TEMP TABLE concerned AS
SELECT *, {_HAPPENED} AS what FROM (
    SELECT t.u, t.d, t.in_n, t.in_o, t.n_flags, t.o_flags, t.n_class,
        coalesce(n.deviceid, o.deviceid) AS id, coalesce(n.devicetype, o.devicetype, '') AS type,
        o.devicetype AS o_type, coalesce(n.userid, o.userid) AS userid,
        coalesce(n.username, o.username) AS username,
        coalesce(t.in_n AND {usable("t.n_flags")}, false) AS n_usable,
        coalesce(t.in_o AND {usable("t.o_flags")}, false) AS o_usable,
        {_BOTH} AND {has("t.n_flags", BLOCKED)} AND NOT {has("t.o_flags", BLOCKED)} AS blocked,
        {_BOTH} AND {has("t.n_flags", LOCKED)} AND NOT {has("t.o_flags", LOCKED)} AS locked,
        {_BOTH} AND coalesce(n.devicetype <> '' AND o.devicetype <> '', false)
            AND CASE WHEN n.devicetype <> o.devicetype
                THEN NOT ({same_type("n.devicetype", "o.devicetype")}) ELSE false END AS retyped,
        {_BOTH} AND coalesce(t.n_phone <> '' AND t.o_phone <> '' AND t.n_phone <> t.o_phone, false)
            AS rephoned,
        t.u <> '' AND t.d IN (
            SELECT d FROM touched WHERE device AND u <> '' GROUP BY d
            HAVING bool_or(NOT in_o) AND bool_or(NOT in_n)) AS moved,
        coalesce(s.users, 0) AS shared_by
    FROM touched t
    LEFT JOIN n_near n ON t.in_n AND n.d = t.d AND n.u = t.u
    LEFT JOIN o_near o ON t.in_o AND o.d = t.d AND o.u = t.u
    LEFT JOIN shared s ON s.u = t.u AND s.phone = t.n_phone
    WHERE t.device)
"""  # noqa: S608

_ENROLLED = f"n_usable AND (NOT in_o OR NOT {has('o_flags', ACTIVE)})"
_OF_DEVICES = f"""
    count(*) FILTER (n_usable AND NOT o_usable) AS new_usable,
    count(*) FILTER ({_ENROLLED}) AS enrolled,
    count(*) FILTER ({_ENROLLED} AND n_class = {CLASSES[Strength.WEAK]}) AS weak_enrolled,
    count(*) FILTER (o_usable AND (NOT in_n OR NOT {has("n_flags", ACTIVE)})) AS removed,
    count(*) FILTER (moved OR retyped) AS moved, count(*) FILTER (rephoned) AS rephoned,
    count(*) FILTER (shared_by > 0) AS shared, count(*) FILTER (blocked) AS blocked,
    count(*) FILTER (locked) AS locked,
    coalesce(list({{'id': id, 'type': type, 'what': what}} ORDER BY d) FILTER (what <> ''), [])
        AS devices"""
_FACTS = f"""
    SELECT people.*, '' AS d, in_n AND in_o AS in_both,
        resistant_before + phishable_before AS better_before,
        resistant_after + phishable_after AS better_now,
        resistant_after AS resistant_now,
        resistant_before + phishable_before + weak_before + unknown_before AS usable_before,
        resistant_after + phishable_after + weak_after + unknown_after AS usable_now,
        usable_now - coalesce(new_usable, 0) AS usable_kept,
        {mfa_is_off("o_flags")} AS off_before, {mfa_is_off("n_flags")} AS off_now,
        coalesce(enrolled, 0) AS enrolled, coalesce(weak_enrolled, 0) AS weak_enrolled,
        coalesce(removed, 0) AS removed, coalesce(moved, 0) AS moved,
        coalesce(rephoned, 0) AS rephoned, coalesce(shared, 0) AS shared,
        coalesce(blocked, 0) AS blocked, coalesce(locked, 0) AS locked,
        coalesce(devices, []) AS devices
    FROM people LEFT JOIN (SELECT u, {_OF_DEVICES} FROM concerned WHERE u <> '' GROUP BY u) of_user
        ON of_user.u = people.u
    UNION ALL BY NAME
    SELECT '' AS u, d, max(userid) AS userid, max(username) AS username, false AS in_both,
        false AS in_n, false AS in_o, 0 AS n_flags, 0 AS o_flags, {_OF_DEVICES}
    FROM concerned WHERE u = '' GROUP BY d
"""  # noqa: S608

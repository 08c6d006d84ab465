"""What each row of an export says about a device and its user, as SQL that all tables share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pingone_reports.model.fields import KNOWN, spelled
from pingone_reports.model.strength import FACTORS, SAME_FACTOR, Strength
from pingone_reports.tables.database import Database, columns_of, name_of, quoted, rows_in

ACTIVE, BLOCKED, LOCKED, MFA_ON, MFA_OFF, BYPASS_UNKNOWN = 1, 2, 4, 8, 16, 32
"""The bits of a row's `flags`."""

CLASSES = {
    Strength.PHISHING_RESISTANT: 3,
    Strength.PHISHABLE: 2,
    Strength.WEAK: 1,
    Strength.UNKNOWN: 0,
}
"""The number of each class of device types, in a row's `class`."""

_MOST_TYPES = 62
"""Device types that have a bit, those of known strength first: no report has so many."""

_BYPASS = "bypassmfaenableduntil"
"""Until when a user is let past MFA: "MFA settings" of a user, developer.pingidentity.com."""


@dataclass(frozen=True)
class Rows:
    """What a view of an export's rows shows: its fields in lower case, and types, by their bits."""

    fields: Collection[str]
    types: tuple[str, ...]


def usable(flags: str) -> str:
    """SQL: whether a device can be used: a lock passes by itself, so it does not count."""
    return f"({flags} & {ACTIVE | BLOCKED}) = {ACTIVE}"


def has(flags: str, flag: int) -> str:
    """SQL: whether flags have this one."""
    return f"({flags} & {flag}) <> 0"


def mfa_is_off(flags: str) -> str:
    """SQL: whether the flags of all rows of a user say so: contradictions leave MFA on."""
    return f"({has(flags, MFA_OFF)} AND NOT {has(flags, MFA_ON)})"


def strength_of_user(usable_of: Mapping[Strength, str], flags: str) -> str:
    """SQL: a user's strength, from whether there are usable factors of each class.

    `flags` are those of all rows of the user.
    """
    cases = {
        mfa_is_off(flags): Strength.MFA_OFF,
        has(flags, BYPASS_UNKNOWN): Strength.UNKNOWN,
        usable_of[Strength.PHISHING_RESISTANT]: Strength.PHISHING_RESISTANT,
        usable_of[Strength.UNKNOWN]: Strength.UNKNOWN,  # it could be the strongest
        usable_of[Strength.PHISHABLE]: Strength.PHISHABLE,
        usable_of[Strength.WEAK]: Strength.WEAK,
    }
    whens = " ".join(f"WHEN {condition} THEN {quoted(each)}" for condition, each in cases.items())
    return f"CASE {whens} ELSE {quoted(Strength.NONE)} END"


def fields_of(database: Database, parquet: Path) -> frozenset[str]:
    """The known fields of a Parquet file of devices, in lower case, that can be understood.

    JSON leaves out what has no value: a status that nobody has was not told.
    """
    given = columns_of(database, parquet)
    fields = frozenset(KNOWN) & given.keys()
    if "devicestatus" in fields:
        status = f"{given['devicestatus']} <> ''"
        told = f"SELECT 1 FROM {rows_in(parquet)} WHERE {status} LIMIT 1"  # noqa: S608
        if not database.execute(told).fetchone():
            return fields - {"devicestatus"}
    return fields


def rows_of(database: Database, parquet: Path, view: str, at: str, fields: Collection[str]) -> Rows:
    """Make the view of a Parquet file of devices.

    `at` is when it was exported (UTC, ISO 8601). The columns of the view are `u` and `d`, the ids
    of user and device whatever their case; `device`, whether the row has a device; `class`, the
    number of its type in CLASSES; `type_bit`, a bit for each of the types; `flags`; `phone_key`, a
    number whatever its punctuation; and each known field. Those that are not among `fields`, in
    lower case, are NULL.
    """
    file, given = rows_in(parquet), columns_of(database, parquet)
    known = {name: given[name] for name in KNOWN if name in fields}
    bypasses = {
        name: column
        for name, column in given.items()
        if "bypass" in name and (name in fields or name not in KNOWN)
    }
    types: tuple[str, ...] = ()
    if "devicetype" in known:
        found = database.execute(
            f"SELECT type FROM (SELECT DISTINCT {known['devicetype']} AS type FROM {file}) "  # noqa: S608
            f"WHERE type <> '' ORDER BY {_letters('type')} NOT IN "
            f"({', '.join(map(quoted, FACTORS))}), type LIMIT {_MOST_TYPES}"
        )
        types = tuple(sorted(name for (name,) in found.fetchall()))
    columns = {
        "u": f"lower({known['userid']})" if "userid" in known else "''",
        "d": f"lower({known['deviceid']})" if "deviceid" in known else "''",
        "device": _is_device(known),
        "class": _class(known, types),
        "type_bit": _type_bit(known, types),
        "flags": _flags(known, bypasses, at),
        "phone_key": f"translate({known['phone']}, ' ()-./', '')" if "phone" in known else "''",
        **{name: known.get(name, "NULL::VARCHAR") for name in KNOWN},
    }
    database.execute(
        f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT "  # noqa: S608
        f"{', '.join(f'{sql} AS {name_of(name)}' for name, sql in columns.items())} FROM {file}"
    )
    return Rows(fields, types)


def same_type(one: str, other: str) -> str:
    """SQL: whether two device types are one, although they may be spelt or called differently."""

    def plain(name: str) -> str:
        family = ", ".join(map(quoted, SAME_FACTOR))
        return f"CASE WHEN {_letters(name)} IN ({family}) THEN 'FIDO2' ELSE {_letters(name)} END"

    return f"{plain(one)} = {plain(other)}"


def strength_of_type(device_type: str) -> Strength:
    """The strength of a factor of this type, however it is spelt."""
    return FACTORS.get(spelled(device_type).upper(), Strength.UNKNOWN)


def _letters(name: str) -> str:
    return f"upper(regexp_replace({name}, '[^A-Za-z0-9]', '', 'g'))"


def _is_device(known: Mapping[str, str]) -> str:
    """A user without a device has a row without these."""
    name = next((known[name] for name in ("deviceid", "devicetype") if name in known), "")
    return f"{name} <> ''" if name else "true"


def _class(known: Mapping[str, str], types: tuple[str, ...]) -> str:
    whens = ""
    for strength, number in CLASSES.items():
        names = [quoted(name) for name in types if strength_of_type(name) is strength]
        if names and number:
            whens += f" WHEN {known['devicetype']} IN ({', '.join(names)}) THEN {number}"
    return f"CASE{whens} ELSE 0 END::TINYINT" if whens else "0::TINYINT"


def _type_bit(known: Mapping[str, str], types: tuple[str, ...]) -> str:
    whens = "".join(f" WHEN {quoted(name)} THEN {1 << bit}" for bit, name in enumerate(types))
    return f"CASE {known['devicetype']}{whens} ELSE 0 END::BIGINT" if whens else "0::BIGINT"


def _flags(known: Mapping[str, str], bypasses: Mapping[str, str], at: str) -> str:
    def is_true(name: str) -> str:
        return f"lower({known[name]}) = 'true'" if name in known else "false"

    mfa = known.get("mfaenabled", "''")
    bits = {
        ACTIVE: f"upper({known['devicestatus']}) = 'ACTIVE'" if "devicestatus" in known else "true",
        BLOCKED: is_true("deviceblocked"),
        LOCKED: is_true("devicelocked"),
        MFA_ON: f"lower({mfa}) = 'true'",
        MFA_OFF: f"lower({mfa}) = 'false'",
    }
    if bypasses:
        until = bypasses.get(_BYPASS, "''")
        # What is no time, and any other field of a bypass, is not understood.
        odd = [f"lower({column}) NOT IN ('', 'false')" for column in bypasses.values()]
        if _BYPASS in bypasses:
            time = f"try_cast({until} AS TIMESTAMPTZ)"
            in_force = f"coalesce({time} > TIMESTAMPTZ {quoted(at)}, false)"
            bits[MFA_ON] = f"{bits[MFA_ON]} AND NOT {in_force}"
            bits[MFA_OFF] = f"{bits[MFA_OFF]} OR {in_force}"
            others = [sql for name, sql in zip(bypasses, odd, strict=True) if name != _BYPASS]
            odd = [*others, f"{time} IS NULL AND lower({until}) NOT IN ('', 'false')"]
        bits[BYPASS_UNKNOWN] = " OR ".join(f"({sql})" for sql in odd)
    return " | ".join(f"CASE WHEN {sql} THEN {bit} ELSE 0 END" for bit, sql in bits.items())

"""How strong the users of an export are, from its Parquet file of devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pingone_reports.model.posture import NOT_ASKED, Factor, Strength
from pingone_reports.tables.database import (
    Cell,
    Database,
    columns_of,
    literals,
    quoted,
    within_limits,
    write,
)

_TYPES = {
    Strength.PHISHING_RESISTANT: ("FIDO2",),
    # PingOne's spelling of OATH tokens in reports is not documented.
    Strength.STRONG: ("TOTP", "MOBILE", "OATH", "OATH_TOKEN", "DESKTOP"),
    Strength.WEAK: ("SMS", "VOICE", "WHATSAPP", "EMAIL"),
}
_STRONGEST_FIRST = (
    Strength.PHISHING_RESISTANT,
    Strength.UNKNOWN,  # it could be phishing-resistant
    Strength.STRONG,
    Strength.WEAK,
)


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """`users` counts each strength; both are None if the export lacks userId or deviceType."""

    users: Mapping[Strength, int] | None
    factors: Sequence[Factor] | None


def strength_of_type() -> str:
    """SQL: the strength of a row's `devicetype`; a user without a device has a row without ids."""
    cases = " ".join(
        f"WHEN upper(devicetype) IN ({', '.join(quoted(name) for name in names)}) "
        f"THEN {quoted(strength)}"
        for strength, names in _TYPES.items()
    )
    return f"CASE {cases} WHEN deviceid = '' THEN 'none' ELSE 'unknown' END"


def strongest(strength: str) -> str:
    """SQL: the strongest of a user's strengths, as an aggregate of this expression."""
    cases = " ".join(
        f"WHEN bool_or({strength} = {quoted(each)}) THEN {quoted(each)}"
        for each in _STRONGEST_FIRST
    )
    return f"CASE {cases} ELSE 'none' END"


def users_to_parquet(
    database: Database, rows: Path, about: Mapping[str, Cell], parquet: Path
) -> Strengths:
    """Write a row for each user of an export: strength, factors and number of devices.

    There is none if the export lacks userId. Without deviceType, the strength is "not asked". A
    user with a device of unknown type and none that resists phishing is unknown. `about` are
    further columns.
    """
    with database.cursor() as own, within_limits():
        has = columns_of(own, rows)
        knows_users, knows_types = "userid" in has, "devicetype" in has
        columns = ", ".join(
            f"{has.get(name, default)} AS {name}"
            for name, default in {
                "userid": "''", "username": "NULL::VARCHAR", "devicetype": "''",
                "deviceid": "'?'", "mfaenabled": "NULL::VARCHAR",
            }.items()
        )  # fmt: skip
        strength = strongest("type_strength") if knows_types else quoted(NOT_ASKED)
        own.execute(
            f"CREATE TEMP VIEW typed AS SELECT *, {strength_of_type()} AS type_strength "  # noqa: S608
            f"FROM (SELECT {columns} FROM read_parquet({quoted(str(rows))}))"
        )
        write(
            own,
            f"""
            SELECT {", ".join(literals(about))}, userid, max(username) AS username,
                {strength} AS strength,
                coalesce(string_agg(DISTINCT devicetype, ', ' ORDER BY devicetype)
                    FILTER (devicetype <> ''), '') AS factors,
                count(*) FILTER (type_strength <> 'none') AS devices,
                max(mfaenabled) AS mfaenabled
            FROM typed WHERE userid <> '' GROUP BY userid ORDER BY userid
            """,  # noqa: S608
            parquet,
        )
        if not (knows_users and knows_types):
            return Strengths(users=None, factors=None)
        counted = dict(
            own.execute(
                "SELECT strength, count(*) "  # noqa: S608
                f"FROM read_parquet({quoted(str(parquet))}) GROUP BY strength"
            ).fetchall()
        )
        factors = own.execute(
            "SELECT devicetype, min(type_strength), count(*), "
            "count(DISTINCT userid) FILTER (userid <> '') FROM typed "
            "WHERE type_strength <> 'none' GROUP BY devicetype ORDER BY count(*) DESC, devicetype"
        ).fetchall()
    return Strengths(
        users={strength: int(counted.get(strength, 0)) for strength in Strength},
        factors=[
            Factor(device_type=name, strength=Strength(strength), devices=devices, users=users)
            for name, strength, devices, users in factors
        ],
    )

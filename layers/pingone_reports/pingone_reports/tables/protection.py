"""How well the users of an export are protected, from its Parquet file of devices."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from pingone_reports.model.fields import READ
from pingone_reports.model.filters import hides_factors
from pingone_reports.model.posture import HIDDEN, NOT_ASKED, Factor, Protection
from pingone_reports.model.strength import DORMANT_DAYS, Strength
from pingone_reports.tables.database import (
    Cell,
    Database,
    literals,
    number,
    quoted,
    rows_in,
    within_limits,
    write,
)
from pingone_reports.tables.facts import (
    BYPASS_UNKNOWN,
    CLASSES,
    LOCKED,
    Rows,
    fields_of,
    has,
    mfa_is_off,
    rows_of,
    strength_of_type,
    strength_of_user,
    usable,
)

_FACTS = f"(SELECT *, device AND {usable('flags')} AS usable FROM r)"  # noqa: S608
_RESISTANT_TYPES = f"class = {CLASSES[Strength.PHISHING_RESISTANT]} AND usable"


def users_to_parquet(
    database: Database,
    rows: Path,
    about: Mapping[str, Cell],
    parquet: Path,
    filter_: str,
    tokens: Collection[str],
) -> Protection | None:
    """Write a row for each user of an export: strength, usable factors and numbers of devices.

    There is none if the export lacks userId. Without deviceType, the strength is "not asked"; if
    the filter may hide factors, or users because of theirs, it says so. Then the answer is None.
    `about` are further columns, `exported_at` among them; `tokens` are fields, in lower case, whose
    values are tokens.
    """
    at = str(about["exported_at"])
    with database.cursor() as own, within_limits():
        export = rows_of(own, rows, "r", at, fields_of(own, rows) - (READ & {*tokens}))
        unknown = HIDDEN if hides_factors(filter_) else ""
        if not {"userid", "devicetype"} <= set(export.fields):
            unknown = NOT_ASKED
        own.execute(
            "CREATE TEMP TABLE per_user AS SELECT u, min(userid) AS userid, "  # noqa: S608
            "max(username) AS username, max(mfaenabled) AS mfaenabled, bit_or(flags) AS flags, "
            "count(*) FILTER (device) AS devices, count(*) FILTER (usable) AS usable, "
            "bit_or(CASE WHEN usable THEN 1 << class ELSE 0 END) AS classes, "
            "bit_or(CASE WHEN usable THEN type_bit ELSE 0 END) AS types "
            f"FROM {_FACTS} WHERE u <> '' GROUP BY u"
        )
        there = {each: f"(classes & {1 << bit}) <> 0" for each, bit in CLASSES.items()}
        strength = quoted(unknown) if unknown else strength_of_user(there, "flags")
        write(
            own,
            f"SELECT {', '.join(literals(about))}, userid, username, {strength} AS strength, "  # noqa: S608
            f"{_names(export)} AS factors, devices, usable, mfaenabled FROM per_user",
            parquet,
        )
        return None if unknown else _protection(own, export, parquet, at)


def _names(export: Rows) -> str:
    """SQL: the types of the bits, each once, in the order of the alphabet."""
    names = "".join(
        f", CASE WHEN (types & {1 << bit}) <> 0 THEN {quoted(name)} END"
        for bit, name in enumerate(export.types)
    )
    return f"concat_ws(', '{names})" if names else "''"


def _protection(database: Database, export: Rows, parquet: Path, at: str) -> Protection:
    strengths = dict(
        database.execute(
            f"SELECT strength, count(*) FROM {rows_in(parquet)} GROUP BY strength"  # noqa: S608
        ).fetchall()
    )
    protected = number(
        database,
        "SELECT count(*) FROM per_user WHERE usable > 0 "  # noqa: S608
        f"AND NOT {mfa_is_off('flags')} AND NOT {has('flags', BYPASS_UNKNOWN)}",
    )
    oldest = (datetime.fromisoformat(at) - timedelta(days=DORMANT_DAYS)).isoformat()
    # One that was never used counts from its creation.
    last_used = (
        "coalesce(try_cast(nullif(lastdevicetrxtime, '') AS TIMESTAMPTZ), "
        "CASE WHEN lastdevicetrxtime = '' THEN try_cast(devicecreatedat AS TIMESTAMPTZ) END)"
    )
    # What is counted, and the fields of which one at least must be there.
    numbers = {
        "devices": ("device", {"devicetype"}),
        "unusable": ("device AND NOT usable", {"devicestatus", "deviceblocked"}),
        "locked": (f"usable AND {has('flags', LOCKED)}", {"devicelocked"}),
        "device_bound": (
            f"{_RESISTANT_TYPES} AND lower(fidobackupeligibility) = 'false'",
            {"fidobackupeligibility"},
        ),
        "synced": (f"{_RESISTANT_TYPES} AND lower(fidobackupstate) = 'true'", {"fidobackupstate"}),
        "dormant": (
            f"usable AND {last_used} < TIMESTAMPTZ {quoted(oldest)}",
            {"lastdevicetrxtime"},
        ),
    }
    known = {name: sql for name, (sql, needs) in numbers.items() if needs & {*export.fields}}
    columns = ", ".join(f"count(*) FILTER ({sql})" for sql in known.values())
    counted = _row(database, f"SELECT {columns} FROM {_FACTS}")  # noqa: S608
    found: dict[str, Any] = dict.fromkeys(numbers) | dict(zip(known, counted, strict=True))
    return Protection(
        users={strength: int(strengths.get(strength, 0)) for strength in Strength},
        protected=protected,
        factors=_factors(database, export),
        **found,
    )


def _factors(database: Database, export: Rows) -> list[Factor]:
    of_types = _row(
        database,
        "SELECT count(*)"  # noqa: S608
        + "".join(
            f", count(*) FILTER ((types & {1 << bit}) <> 0)" for bit in range(len(export.types))
        )
        + " FROM per_user",
    )[1:]
    users = dict(zip(export.types, of_types, strict=True))
    factors = database.execute(
        "SELECT devicetype, count(*) FILTER (usable), count(*) FILTER (NOT usable) "  # noqa: S608
        f"FROM {_FACTS} WHERE device GROUP BY devicetype ORDER BY 2 DESC, devicetype"
    ).fetchall()
    return [
        Factor(
            device_type=name,
            strength=strength_of_type(name),
            devices=devices,
            users=users.get(name, devices),
            unusable=unusable,
        )
        for name, devices, unusable in factors
    ]


def _row(database: Database, query: str) -> tuple[int, ...]:
    return cast("tuple[Any, ...]", database.execute(query).fetchone())

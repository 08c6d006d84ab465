"""How one export differs from the one before it, device by device, as Parquet."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pingone_reports.tables.parquet import Cell, columns_of, database_in, literals, quoted, write

FIELDS = (
    "deviceId", "userId", "username", "givenName", "familyName", "email", "phone", "mfaEnabled",
    "userCreatedAt", "userUpdatedAt", "deviceType", "deviceStatus", "deviceNickname",
    "deviceOrder", "deviceName", "deviceCreatedAt", "deviceUpdatedAt", "lastDeviceTrxTime",
    "deviceBlocked", "blockedAt", "deviceLocked", "lockExpiration", "manufacturer", "modelName",
    "osType", "osVersion", "fidoBackupEligibility", "fidoBackupState", "fidoUserVerification",
)  # fmt: skip
"""What is compared, if both exports have it."""

_EVENT = """CASE
    WHEN change = 'removed' AND upper(devicetype) = 'FIDO2' THEN 'FIDO2 removed'
    WHEN change = 'added' AND upper(devicetype) = 'SMS' THEN 'SMS added'
    WHEN change = 'added' AND upper(devicetype) = 'VOICE' THEN 'voice added'
    WHEN field = 'mfaEnabled' AND lower(old_value) = 'true' THEN 'MFA disabled'
    WHEN field = 'deviceBlocked' AND lower(new_value) = 'true' THEN 'device blocked'
    WHEN field = 'deviceLocked' AND lower(new_value) = 'true' THEN 'device locked'
END::VARCHAR"""


def changes_to_parquet(newer: Path, older: Path, about: Mapping[str, Cell], parquet: Path) -> int:
    """Compare two exports' Parquet files of devices; returns the number of changes.

    Devices are told apart by deviceId, so both files must have it, and once each. A device that is
    in one file alone is one row; else each field that differs is. A field that one file lacks is no
    change. `about` are further columns. The same files give the same file again.
    """
    with database_in(parquet.parent) as database:
        has = {side: columns_of(database, path) for side, path in (("n", newer), ("o", older))}
        both = [name for name in FIELDS if name.lower() in has["n"] and name.lower() in has["o"]]
        sides = ", ".join(
            f"{side} AS (SELECT {_columns(has[side])} FROM read_parquet({quoted(str(path))}) "  # noqa: S608
            f"WHERE deviceid <> '')"
            for side, path in (("n", newer), ("o", older))
        )
        differs = " OR ".join(f"n.{name.lower()} <> o.{name.lower()}" for name in both)
        values = ", ".join(
            f"{{'place': {place}, 'field': {quoted(name)}, "
            f"'old_value': o.{name.lower()}, 'new_value': n.{name.lower()}}}"
            for place, name in enumerate(both)
        )
        return write(
            database,
            f"""
            WITH {sides},
            compared AS (
                SELECT coalesce(n.userid, o.userid) AS userid,
                    coalesce(n.username, o.username) AS username,
                    coalesce(n.deviceid, o.deviceid) AS deviceid,
                    coalesce(n.devicetype, o.devicetype) AS devicetype,
                    CASE WHEN o.deviceid IS NULL THEN 'added'
                        WHEN n.deviceid IS NULL THEN 'removed' ELSE 'changed' END AS change,
                    [{values}] AS fields
                FROM n FULL OUTER JOIN o ON n.deviceid = o.deviceid
                WHERE n.deviceid IS NULL OR o.deviceid IS NULL OR {differs}),
            fields AS (
                SELECT * EXCLUDE (fields), unnest(fields, recursive := true) FROM compared)
            SELECT {", ".join(literals(about))}, userid, username, deviceid, devicetype,
                change, field, old_value, new_value, {_EVENT} AS event
            FROM fields
            WHERE CASE change WHEN 'changed' THEN old_value <> new_value ELSE place = 0 END
            ORDER BY deviceid, place
            """,  # noqa: S608
            parquet,
        )


def rows_with_date(rows: Path, day: date, parquet: Path) -> None:
    """Copy an export's Parquet file of devices, with its date as a further column."""
    with database_in(parquet.parent) as database:
        source = f"read_parquet({quoted(str(rows))})"
        write(database, f"SELECT *, DATE '{day}' AS date FROM {source}", parquet)  # noqa: S608


def _columns(has: Mapping[str, str]) -> str:
    return ", ".join(
        f"{has.get(name.lower(), 'NULL::VARCHAR')} AS {name.lower()}" for name in FIELDS
    )

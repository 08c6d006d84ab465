"""The numbers about an export's factors and users are those of its rows."""

import csv
from pathlib import Path

from pingone_reports.model.posture import Factor, Protection
from pingone_reports.model.strength import Strength
from pingone_reports.tables.database import open_database
from pingone_reports.tables.parquet import report_to_parquet
from pingone_reports.tables.protection import users_to_parquet

_AT = "2026-03-31T02:00:00.000Z"
_FIELDS = {
    "userId": "",
    "username": "",
    "mfaEnabled": "true",
    "deviceId": "",
    "deviceType": "",
    "deviceStatus": "ACTIVE",
    "deviceBlocked": "false",
    "deviceLocked": "false",
    "lastDeviceTrxTime": "2026-03-30T00:00:00Z",
    "deviceCreatedAt": "2025-01-01T00:00:00Z",
    "fidoBackupEligibility": "",
    "fidoBackupState": "",
}


def _device(user: str, kind: str, **fields: str) -> dict[str, str]:
    return _FIELDS | {"userId": user, "deviceId": f"{user}-{kind}", "deviceType": kind} | fields


def _protection(folder: Path, rows: list[dict[str, str]], *without: str) -> Protection:
    report = folder / "devices.csv"
    with report.open("w", newline="") as text:
        writer = csv.DictWriter(
            text, [name for name in _FIELDS if name not in without], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(rows)
    parquet = folder / "rows.parquet"
    with open_database(folder) as database:
        report_to_parquet(database, report, "csv", {}, parquet)
        found = users_to_parquet(database, parquet, {"exported_at": _AT}, folder / "users", "", ())
    assert found
    return found


_ROWS = [
    _device("bound", "FIDO2", fidoBackupEligibility="False", fidoBackupState="false"),
    _device("synced", "FIDO2", fidoBackupEligibility="true", fidoBackupState="TRUE"),
    _device("eligible", "FIDO2", fidoBackupEligibility="true", fidoBackupState="false"),
    _device("locked", "TOTP", deviceLocked="true"),
    # What cannot be used tonight is neither locked, bound, synced nor dormant.
    _device("blocked", "TOTP", deviceBlocked="true", deviceLocked="true", lastDeviceTrxTime=""),
    _device("expired", "FIDO2", deviceStatus="EXPIRED", fidoBackupEligibility="false"),
    _device("off", "SMS", mfaEnabled="false"),
    # 90 days before is the last day of 2025, at two.
    _device("long ago", "SMS", lastDeviceTrxTime="2025-12-31T01:59:59Z"),
    _device("just then", "SMS", lastDeviceTrxTime="2025-12-31T02:00:00Z"),
    _device("never, old", "SMS", lastDeviceTrxTime=""),
    _device("never, new", "SMS", lastDeviceTrxTime="", deviceCreatedAt="2026-03-01T00:00:00Z"),
    _FIELDS | {"userId": "no device", "deviceStatus": "", "lastDeviceTrxTime": ""},
]


def test_each_number_is_counted_from_the_rows(tmp_path: Path) -> None:
    assert _protection(tmp_path, _ROWS) == Protection(
        users={
            Strength.PHISHING_RESISTANT: 3,
            Strength.PHISHABLE: 1,
            Strength.WEAK: 4,
            Strength.NONE: 3,
            Strength.MFA_OFF: 1,
            Strength.UNKNOWN: 0,
        },
        protected=8,
        factors=[
            Factor(device_type=kind, strength=strength, devices=n, users=n, unusable=unusable)
            for kind, strength, n, unusable in (
                ("SMS", Strength.WEAK, 5, 0),
                ("FIDO2", Strength.PHISHING_RESISTANT, 3, 1),
                ("TOTP", Strength.PHISHABLE, 1, 1),
            )
        ],
        devices=11,
        unusable=2,
        locked=1,
        device_bound=1,
        synced=1,
        dormant=2,
    )


def test_a_number_whose_field_was_not_asked_for_is_none(tmp_path: Path) -> None:
    for without, number in (
        (["deviceLocked"], "locked"),
        (["fidoBackupEligibility"], "device_bound"),
        (["fidoBackupState"], "synced"),
        (["lastDeviceTrxTime"], "dormant"),
        (["deviceStatus", "deviceBlocked"], "unusable"),
    ):
        numbers = vars(_protection(tmp_path, _ROWS, *without))
        assert [name for name, value in numbers.items() if value is None] == [number]
    # Either says that some cannot be used.
    assert _protection(tmp_path, _ROWS, "deviceStatus").unusable == 1


def test_more_types_than_have_a_bit_are_counted_too(tmp_path: Path) -> None:
    kinds = [*(f"TYPE-{number:02}" for number in range(70)), "sms"]
    found = _protection(tmp_path, [_device("u", kind) for kind in kinds] + [_device("v", "sms")])
    users = {each.device_type: each.users for each in found.factors}
    assert users == dict.fromkeys(kinds, 1) | {"sms": 2}
    assert found.protected == 2
    assert (found.users[Strength.UNKNOWN], found.users[Strength.WEAK]) == (1, 1)

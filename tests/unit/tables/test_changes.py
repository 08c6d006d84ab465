"""Each change that was planted is found exactly once, and none that was not."""

import csv
import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pingone_reports.model.posture import Changes, Event, Kind, Strength
from pingone_reports.tables.changes import changes_to_parquet
from pingone_reports.tables.database import Database, open_database
from pingone_reports.tables.parquet import report_to_parquet
from pingone_reports.tables.posture import users_to_parquet

_TYPES = ("FIDO2", "TOTP", "MOBILE", "SMS", "VOICE", "EMAIL", "WHATSAPP")
_STRONG = {"FIDO2", "TOTP", "MOBILE"}
_ABOUT = {"previous_export_id": "before", "previous_exported_at": "2026-03-01T02:00:00.000Z"}

Device = dict[str, str]
Devices = dict[str, Device]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path) as database:
        yield database


def _rows(database: Database, devices: Devices, path: Path, name: str = "devices.csv") -> Path:
    report, rows = path / name, list(devices.values())
    if name.endswith(".json"):
        report.write_text(json.dumps(rows))
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode()
        report.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    parquet = path / f"{name}-{len(list(path.iterdir()))}.parquet"
    report_to_parquet(database, report, "json" if ".json" in name else "csv", {}, parquet)
    return parquet


def _compare(
    database: Database, before: Path, after: Path, folder: Path, *, filtered: bool = False
) -> Changes:
    return changes_to_parquet(
        database, after, before, _ABOUT, folder / "changes", filtered=filtered
    )


def _population(dice: random.Random, users: int) -> Devices:
    devices: Devices = {}
    for user in range(users):
        mfa = dice.choice(("true", "true", "true", "false"))
        for _ in range(dice.randint(1, 4)):
            device = f"d{len(devices)}"
            devices[device] = _device(dice, f"u{user}", device, mfa)
    return devices


def _device(dice: random.Random, user: str, device: str, mfa: str) -> Device:
    return {
        "userId": user,
        "username": f"{user}@example.com",
        "phone": f"+1.555{dice.randrange(10**7):07}",
        "mfaEnabled": mfa,
        "deviceId": device,
        "deviceType": dice.choice(_TYPES),
        "deviceNickname": dice.choice(("", "my phone", 'a,"b"\n')),
        "deviceBlocked": dice.choice(("false", "false", "true")),
        "deviceLocked": "false",
    }


def _changed(dice: random.Random, before: Devices) -> Devices:
    """A day later: devices come, go and change, and users leave and join."""
    after = {device: dict(row) for device, row in before.items()}
    users = sorted({row["userId"] for row in after.values()})
    for user in dice.sample(users, len(users) // 20):
        after = {device: row for device, row in after.items() if row["userId"] != user}
    for device in dice.sample(sorted(after), len(after) // 10):
        match dice.randrange(6):
            case 0:
                del after[device]
            case 1:
                after[device]["deviceBlocked"] = dice.choice(("true", "false"))
            case 2:
                after[device]["deviceLocked"] = "true"
            case 3:
                after[device]["deviceNickname"] = "another"
            case 4:
                new = f"n{dice.getrandbits(64)}"
                row = after[device]
                after[new] = _device(dice, row["userId"], new, row["mfaEnabled"])
            case 5:
                user, mfa = after[device]["userId"], dice.choice(("true", "false"))
                for row in after.values():
                    if row["userId"] == user:
                        row["mfaEnabled"] = mfa
    for number in range(len(users) // 20):
        new = f"j{dice.getrandbits(64)}"
        after[new] = _device(dice, f"joined{number}{new}", new, "true")
    return after


def _expected(before: Devices, after: Devices) -> Counter[tuple[str, str, str]]:
    """The security events by another way: plain loops over plain rows."""
    events: Counter[tuple[str, str, str]] = Counter()
    here = {row["userId"] for row in after.values()}
    for device, row in before.items():
        if device not in after and row["deviceType"] == "FIDO2" and row["userId"] in here:
            events["FIDO2 removed", row["userId"], device] += 1
    for device, row in after.items():
        if device not in before:
            if row["deviceType"] in ("SMS", "VOICE"):
                name = {"SMS": "SMS added", "VOICE": "voice added"}[row["deviceType"]]
                events[name, row["userId"], device] += 1
            continue
        for field, name in (("deviceBlocked", "device blocked"), ("deviceLocked", "device locked")):
            if (before[device][field], row[field]) == ("false", "true"):
                events[name, row["userId"], device] += 1
    for user in here:
        old = [row for row in before.values() if row["userId"] == user]
        new = [row for row in after.values() if row["userId"] == user]
        if not old:
            continue
        if any(row["mfaEnabled"] == "true" for row in old) and all(
            row["mfaEnabled"] == "false" for row in new
        ):
            events["MFA disabled", user, ""] += 1
        if {row["deviceType"] for row in old} & _STRONG and not (
            {row["deviceType"] for row in new} & _STRONG
        ):
            events["no strong factor left", user, ""] += 1
    return events


@pytest.mark.parametrize("seed", range(2))
def test_thousands_of_random_changes_are_found_exactly(
    database: Database, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    before = _population(dice, 1_500)
    for _ in range(3):
        after = _changed(dice, before)
        found = _compare(
            database, _rows(database, before, tmp_path), _rows(database, after, tmp_path), tmp_path
        )
        events = Counter(
            (str(row.event), row.user_id, row.device_id) for row in found.rows if row.event
        )
        assert events == _expected(before, after)
        assert found.events == {
            event: sum(number for (name, *_), number in events.items() if name == event)
            for event in Event
        }
        assert found.kinds == {
            Kind.ADDED: len(after.keys() - before.keys()),
            Kind.REMOVED: len(before.keys() - after.keys()),
            Kind.CHANGED: sum(before[d] != after[d] for d in before.keys() & after.keys()),
        }
        gone = {row["userId"] for row in before.values()} - {r["userId"] for r in after.values()}
        assert found.users_left == len(gone) > 0
        before = after


@pytest.mark.parametrize("name", ["devices.csv", "devices.csv.gz", "devices.json"])
def test_the_same_rows_in_another_order_and_encoding_are_no_change(
    database: Database, tmp_path: Path, name: str
) -> None:
    dice = random.Random(1)
    devices = _population(dice, 300)
    shuffled = dict(dice.sample(sorted(devices.items()), len(devices)))
    found = _compare(
        database, _rows(database, devices, tmp_path), _rows(database, shuffled, tmp_path, name),
        tmp_path,
    )  # fmt: skip
    assert found.number == 0
    assert not any(found.events.values())


def test_in_a_filtered_report_devices_enter_and_leave_and_are_no_event(
    database: Database, tmp_path: Path
) -> None:
    dice = random.Random(2)
    before = _population(dice, 300)
    after = _changed(dice, before)
    found = _compare(
        database, _rows(database, before, tmp_path), _rows(database, after, tmp_path), tmp_path,
        filtered=True,
    )  # fmt: skip
    assert set(found.kinds) == {Kind.ENTERED, Kind.LEFT, Kind.CHANGED}
    assert set(found.filtered) == {
        Event.NO_STRONG_FACTOR, Event.FIDO2_REMOVED, Event.SMS_ADDED, Event.VOICE_ADDED,
    }  # fmt: skip
    expected = Counter(name for name, *_ in _expected(before, after).elements())
    assert found.events == {
        event: expected[event]
        for event in (Event.MFA_DISABLED, Event.DEVICE_BLOCKED, Event.DEVICE_LOCKED)
    }


def test_hundreds_of_leavers_are_a_number_and_no_event(database: Database, tmp_path: Path) -> None:
    before = _population(random.Random(3), 600)
    after = {device: row for device, row in before.items() if int(row["userId"][1:]) % 2}
    found = _compare(
        database, _rows(database, before, tmp_path), _rows(database, after, tmp_path), tmp_path
    )
    assert found.users_left == 300
    assert not any(found.events.values())


@pytest.mark.parametrize("without", ["userId", "deviceType", "mfaEnabled", "deviceBlocked"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_what_a_side_did_not_ask_for_is_said_and_is_no_change(
    database: Database, tmp_path: Path, without: str, side: str
) -> None:
    dice = random.Random(4)
    before = _population(dice, 100)
    after = _changed(dice, before)
    for rows in {"before": before, "after": after}[side].values():
        del rows[without]
    found = _compare(
        database, _rows(database, before, tmp_path), _rows(database, after, tmp_path), tmp_path
    )
    expected = {
        "userId": {Event.NO_STRONG_FACTOR, Event.MFA_DISABLED, Event.FIDO2_REMOVED},
        "deviceType": {
            Event.NO_STRONG_FACTOR, Event.FIDO2_REMOVED, Event.SMS_ADDED, Event.VOICE_ADDED,
        },
        "mfaEnabled": {Event.MFA_DISABLED},
        "deviceBlocked": {Event.DEVICE_BLOCKED},
    }[without]  # fmt: skip
    assert set(found.not_asked) == expected
    assert set(found.events) == set(Event) - expected
    assert (found.users_left is None) == (without == "userId")
    assert without not in {row.field for row in found.rows}


@pytest.mark.parametrize(
    ("types", "strength"),
    [
        (["FIDO2", "SMS"], Strength.PHISHING_RESISTANT),
        (["fido2"], Strength.PHISHING_RESISTANT),
        (["FIDO2", "RETINA"], Strength.PHISHING_RESISTANT),
        (["TOTP", "RETINA"], Strength.UNKNOWN),
        (["TOTP", "EMAIL"], Strength.STRONG),
        (["MOBILE"], Strength.STRONG),
        (["OATH_TOKEN"], Strength.STRONG),
        (["SMS", "VOICE", "WHATSAPP", "EMAIL"], Strength.WEAK),
        (["RETINA", "SMS"], Strength.UNKNOWN),
        ([], Strength.NONE),
    ],
)
def test_a_user_is_as_strong_as_the_strongest_factor(
    database: Database, tmp_path: Path, types: list[str], strength: Strength
) -> None:
    devices = {
        f"d{number}": {"userId": "u", "deviceId": f"d{number}", "deviceType": kind}
        for number, kind in enumerate(types)
    } or {"": {"userId": "u", "deviceId": "", "deviceType": ""}}
    found = users_to_parquet(
        database, _rows(database, devices, tmp_path), {"report": "devices"}, tmp_path / "users"
    )
    users: Mapping[Any, int] = found.users or {}
    assert {name for name, number in users.items() if number} == {strength}
    assert users[strength] == 1


def test_another_spelling_of_true_is_no_event(database: Database, tmp_path: Path) -> None:
    before = {"d": {"userId": "u", "deviceId": "d", "deviceBlocked": "TRUE"}}
    after = {"d": {"userId": "u", "deviceId": "d", "deviceBlocked": "true"}}
    found = _compare(
        database, _rows(database, before, tmp_path), _rows(database, after, tmp_path), tmp_path
    )
    assert found.events[Event.DEVICE_BLOCKED] == 0


def test_of_a_device_of_nobody_it_is_unknown_whether_its_user_left(
    database: Database, tmp_path: Path
) -> None:
    device = {"userId": "", "deviceId": "1", "deviceType": "FIDO2"}
    before = {"1": device, "2": device | {"deviceId": "2", "deviceType": "SMS"}}
    found = _compare(
        database, _rows(database, before, tmp_path),
        _rows(database, {"2": before["2"]}, tmp_path), tmp_path,
    )  # fmt: skip
    assert found.kinds[Kind.REMOVED] == 1
    assert found.events[Event.FIDO2_REMOVED] == 0


def test_rows_that_are_no_event_are_counted(database: Database, tmp_path: Path) -> None:
    before = _population(random.Random(5), 400)
    after = {d: row | {"deviceNickname": "x", "phone": "y"} for d, row in before.items()}
    found = _compare(
        database, _rows(database, before, tmp_path), _rows(database, after, tmp_path), tmp_path
    )
    assert found.others == 2 * len(before)
    assert len(found.rows) == 200

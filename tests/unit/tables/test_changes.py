"""Each change that was planted is told once, to the user it concerns, and none that was not."""

import csv
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from pingone_reports.model.posture import Changes, Kind, Result
from pingone_reports.model.security_events import RULES, Event
from pingone_reports.model.strength import Strength
from pingone_reports.tables.changes import Side, changes_to_parquet
from pingone_reports.tables.database import Database, open_database
from pingone_reports.tables.parquet import report_to_parquet

_RESISTANT = {"FIDO2", "SECURITY_KEY"}
_PHISHABLE = {"TOTP", "MOBILE"}
_WEAK = {"SMS", "VOICE", "EMAIL"}
_TYPES = (*sorted(_RESISTANT), *sorted(_PHISHABLE), *sorted(_WEAK), "RETINA")
_AT = "2026-03-01T02:00:00.000Z"

Device = dict[str, str]


class Nights:
    """What turns rows into the Parquet files of two nights, and compares them."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._numbers = itertools.count()

    def rows(self, devices: list[Device]) -> Path:
        report = self._folder / f"{next(self._numbers)}.csv"
        with report.open("w", newline="") as text:
            writer = csv.DictWriter(text, devices[0])
            writer.writeheader()
            writer.writerows(devices)
        parquet = report.with_suffix(".parquet")
        report_to_parquet(self._database, report, "csv", {}, parquet)
        return parquet

    def compare(self, before: list[Device], after: list[Device], filter_: str = "") -> Changes:
        older, newer = (
            Side(rows=self.rows(rows), at=_AT, data_not_before=_AT) for rows in (before, after)
        )
        about = {
            "filter": filter_,
            "previous_export_id": "before",
            "previous_exported_at": _AT,
        }
        return changes_to_parquet(
            self._database, newer, older, about, self._folder / "changes", incomparable=()
        )


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with open_database(tmp_path) as database:
        yield Nights(tmp_path, database)


def _device(user: str, device: str, kind: str, **fields: str) -> Device:
    return {
        "userId": user,
        "username": f"{user}@example.com",
        "mfaEnabled": "true",
        "deviceId": device,
        "deviceType": kind,
        "deviceStatus": "ACTIVE",
        "deviceBlocked": "false",
        "deviceLocked": "false",
        "phone": f"+1555{device}" if kind in _WEAK else "",
        "deviceNickname": "",
        "lastDeviceTrxTime": "",
    } | fields


def _no_device(user: str) -> Device:
    return _device(user, "", "", deviceStatus="", deviceBlocked="", deviceLocked="", phone="")


_FIDO, _SMS, _TOTP = (_device("u", kind, kind) for kind in ("FIDO2", "SMS", "TOTP"))
_BLOCKED = {"deviceBlocked": "true"}
_PENDING = _FIDO | {"deviceStatus": "ACTIVATION_REQUIRED"}
_OF_V = _device("v", "x", "SMS")


def _new(kind: str, user: str = "u", **fields: str) -> Device:
    return _device(user, f"{user}-new", kind, **fields)


def _of_each(users: str) -> list[Device]:
    return [_device(user, user, "SMS") for user in users]


_CASES: dict[str, tuple[list[Device], list[Device], dict[str, str]]] = {
    "a blocked FIDO2 beside SMS": (
        [_FIDO, _SMS],
        [_FIDO | _BLOCKED, _SMS],
        {"u": "NO_BETTER_THAN_WEAK"},
    ),
    "a user's row without device": ([_TOTP], [_no_device("u")], {"u": "NO_USABLE_FACTOR"}),
    "a new MOBILE alone": ([_FIDO, _TOTP], [_new("MOBILE")], {"u": "ALL_FACTORS_REPLACED"}),
    "another FIDO2 alone": ([_FIDO], [_new("FIDO2")], {"u": "ALL_FACTORS_REPLACED"}),
    "all blocked and a new one": (
        [_FIDO],
        [_FIDO | _BLOCKED, _new("SMS")],
        {"u": "ALL_FACTORS_REPLACED"},
    ),
    "a new one beside an old one": (
        [_FIDO, _SMS],
        [_SMS, _new("TOTP")],
        {"u": "PHISHING_RESISTANCE_LOST"},
    ),
    "an enrolment that was never activated": ([_TOTP], [_TOTP, _PENDING], {}),
    "an enrolment that is activated": ([_TOTP, _PENDING], [_TOTP, _FIDO], {"u": "FACTOR_ADDED"}),
    "an enrolment that is dropped": ([_TOTP, _PENDING], [_TOTP], {}),
    "SECURITY_KEY is called FIDO2 now": ([_new("SECURITY_KEY")], [_new("FIDO2")], {}),
    "another type under the same id": ([_new("TOTP")], [_new("MOBILE")], {"u": "DEVICE_MOVED"}),
    "ids in upper case": (
        [_FIDO | {"deviceId": "ab"}],
        [_FIDO | {"userId": "U", "deviceId": "AB"}],
        {},
    ),
    "MFA switched off": ([_FIDO], [_FIDO | {"mfaEnabled": "false"}], {"u": "MFA_DISABLED"}),
    "MFA switched off where it was not said": (
        [_FIDO | {"mfaEnabled": ""}],
        [_FIDO | {"mfaEnabled": "False"}],
        {"u": "MFA_DISABLED"},
    ),
    "a row without device whose MFA is switched off": (
        [_no_device("u")],
        [_no_device("u") | {"mfaEnabled": "false"}],
        {"u": "MFA_DISABLED"},
    ),
    "another phone number": ([_SMS], [_SMS | {"phone": "+49 151 2"}], {"u": "PHONE_CHANGED"}),
    "a phone number with other spaces": (
        [_SMS | {"phone": "+49 151 1234"}],
        [_SMS | {"phone": "+49(151)12-34"}],
        {},
    ),
    "a weak factor beside a better one": ([_TOTP], [_TOTP, _SMS], {"u": "WEAK_FACTOR_ADDED"}),
    "a weak factor beside another one": ([_SMS], [_SMS, _new("EMAIL")], {"u": "FACTOR_ADDED"}),
    "a lock": ([_TOTP], [_TOTP | {"deviceLocked": "true"}], {"u": "DEVICE_LOCKED"}),
    "an unlock": ([_TOTP | {"deviceLocked": "true"}], [_TOTP], {}),
    "a factor of two alike": ([_TOTP, _new("TOTP")], [_TOTP], {"u": "FACTOR_REMOVED"}),
    "an unknown type does not hide what was lost": (
        [_FIDO, _new("RETINA")],
        [_new("RETINA")],
        {"u": "NO_BETTER_THAN_WEAK"},
    ),
    "a device of another user": (
        [_FIDO, _SMS, _OF_V],
        [_SMS, _FIDO | {"userId": "v"}, _OF_V],
        {"u": "NO_BETTER_THAN_WEAK", "v": "DEVICE_MOVED"},
    ),
    "a device of somebody who joined": ([_FIDO], [_FIDO | {"userId": "v"}], {"v": "DEVICE_MOVED"}),
    "three users newly have one phone": (
        _of_each("abc"),
        [*_of_each("abc"), *(_new("SMS", user, phone="+1 555 9") for user in "abc")],
        dict.fromkeys("abc", "PHONE_SHARED"),
    ),
    "two users newly have one phone": (
        _of_each("ab"),
        [*_of_each("ab"), *(_new("SMS", user, phone="+9") for user in "ab")],
        dict.fromkeys("ab", "FACTOR_ADDED"),
    ),
    "joiners and one blocked device": (
        [_TOTP, _SMS],
        [_TOTP | _BLOCKED, _SMS, *(_device(f"j{n}", f"j{n}", "SMS") for n in range(600))],
        {"u": "NO_BETTER_THAN_WEAK"},
    ),
    "a status that no record has": (
        [_FIDO | {"deviceStatus": ""}, _SMS | {"deviceStatus": ""}],
        [_SMS | {"deviceStatus": ""}],
        {"u": "NO_BETTER_THAN_WEAK"},
    ),
    "a leaver": ([_FIDO, _OF_V], [_OF_V], {}),
    "a repeated id": ([_FIDO, _OF_V], [_OF_V, _OF_V | {"deviceId": "X"}], {}),
}


@pytest.mark.parametrize("name", _CASES)
def test_the_right_event_is_told_of(nights: Nights, name: str) -> None:
    before, after, told = _CASES[name]
    changes = nights.compare(before, after)
    assert {event.user_id: event.event.name for event in changes.security} == told
    assert len(changes.security) == len(told)
    assert changes.events == {each: [*told.values()].count(each.name) for each in Event}


def test_an_event_has_all_its_reasons_the_strengths_and_the_devices(nights: Nights) -> None:
    [event] = nights.compare([_FIDO, _SMS], [_FIDO | {"deviceBlocked": "true"}, _SMS]).security
    assert event.reasons == [
        Event.NO_BETTER_THAN_WEAK,
        Event.PHISHING_RESISTANCE_LOST,
        Event.DEVICE_BLOCKED,
    ]
    assert (event.before, event.after) == (Strength.PHISHING_RESISTANT, Strength.WEAK)
    [device] = event.devices
    assert (device.id, device.type, device.what) == ("FIDO2", "FIDO2", "blocked")


@pytest.mark.parametrize(
    ("kind", "strength"),
    [
        ("FIDO2", Strength.PHISHING_RESISTANT),
        ("TOTP", Strength.PHISHABLE),
        ("SMS", Strength.WEAK),
        ("RETINA", Strength.UNKNOWN),
    ],
)
def test_an_event_says_how_strong_its_user_was_and_is(
    nights: Nights, kind: str, strength: Strength
) -> None:
    one, blocked = _new(kind), _new(kind) | _BLOCKED
    [lost] = nights.compare([one], [blocked]).security
    assert (lost.before, lost.after) == (strength, Strength.NONE)
    [won] = nights.compare([blocked], [blocked, _device("u", "another", kind)]).security
    assert (won.before, won.after) == (Strength.NONE, strength)
    off = {"mfaEnabled": "false"}
    [switched] = nights.compare([one], [one | off]).security
    assert (switched.before, switched.after) == (strength, Strength.MFA_OFF)


def test_joiners_and_leavers_are_numbers(nights: Nights) -> None:
    before = [_device(f"a{number}", f"a{number}", "FIDO2") for number in range(300)]
    after = before[:100] + [_device(f"b{number}", f"b{number}", "SMS") for number in range(50)]
    changes = nights.compare(before, after)
    assert (changes.users_joined, changes.users_left, changes.security) == (50, 200, [])


def test_a_device_that_was_used_or_renamed_is_no_news(nights: Nights) -> None:
    before = [_device(f"u{number}", f"d{number}", "TOTP") for number in range(1000)]
    after = [row | {"lastDeviceTrxTime": _AT} if n < 400 else row for n, row in enumerate(before)]
    after[7] = after[7] | {"deviceNickname": "another"}
    changes = nights.compare(before, after)
    assert (changes.result, changes.number, changes.minor) == (Result.UNCHANGED, 0, 1)
    assert not changes.security


@pytest.mark.parametrize(
    ("filter_", "seen"),
    [
        ('(mfaEnabled eq "true")', {Event.DEVICE_MOVED, Event.PHONE_CHANGED}),
        ('deviceBlocked eq "false"', {Event.MFA_DISABLED, Event.PHONE_CHANGED}),
        ('username sw "phone"', {Event.MFA_DISABLED, Event.DEVICE_BLOCKED, Event.DEVICE_MOVED}),
        ('device.blocked eq "mfaEnabled"', {Event.MFA_DISABLED, Event.DEVICE_LOCKED}),
    ],
)
def test_what_a_filter_may_cause_is_hidden_by_it(
    nights: Nights, filter_: str, seen: set[Event]
) -> None:
    changes = nights.compare([_FIDO, _SMS | {"userId": "v"}], [_FIDO], filter_)
    assert (changes.users_left, changes.kinds[Kind.LEFT], changes.security) == (1, 1, [])
    assert seen <= changes.events.keys()
    assert {event for event, rule in RULES.items() if rule.of_presence} <= set(changes.filtered)
    assert (Event.MFA_DISABLED in changes.filtered) == filter_.startswith("(mfaEnabled")
    assert (Event.DEVICE_BLOCKED in changes.filtered) == ("locked eq" in filter_)


@pytest.mark.parametrize("without", ["userId", "deviceType", "mfaEnabled", "deviceBlocked"])
@pytest.mark.parametrize("side", [0, 1])
def test_what_a_side_did_not_ask_for_is_said_and_is_no_change(
    nights: Nights, without: str, side: int
) -> None:
    before, after = [_FIDO, _TOTP], [_FIDO | {"deviceLocked": "true"}]
    for row in (sides := [[dict(row) for row in rows] for rows in (before, after)])[side]:
        del row[without]
    changes = nights.compare(sides[0], sides[1])
    assert set(changes.not_asked) == {e for e, rule in RULES.items() if without in rule.needs}
    assert {event.event for event in changes.security} & set(changes.not_asked) == set()
    assert changes.events[Event.DEVICE_LOCKED] == 1
    assert (changes.users_left is None) == (without == "userId")
    assert without not in {row.field for row in changes.rows}


def test_each_field_that_differs_is_a_row_of_one_changed_device(nights: Nights) -> None:
    changes = nights.compare([_SMS | {"deviceLocked": "true"}], [_SMS | {"phone": "another"}])
    assert changes.number == 1
    assert {row.field for row in changes.rows} == {"phone", "deviceLocked"}


def test_of_each_kind_of_event_some_are_listed(nights: Nights) -> None:
    before = [_device(f"u{number}", f"d{number}", "TOTP") for number in range(1500)]
    after = [row | {"mfaEnabled": "false"} for row in before]
    after[5] = before[5] | {"deviceBlocked": "true"}
    changes = nights.compare(before, after)
    assert changes.events[Event.MFA_DISABLED] == 1499
    listed = Counter(event.event for event in changes.security)
    assert listed == {Event.MFA_DISABLED: 999, Event.NO_USABLE_FACTOR: 1}


def _strength(rows: list[Device]) -> Strength:
    if any(row["mfaEnabled"] == "false" for row in rows):
        return Strength.MFA_OFF
    kinds = {row["deviceType"] for row in rows if _usable(row)}
    for kinds_of, strength in (
        (_RESISTANT, Strength.PHISHING_RESISTANT),
        ({"RETINA"}, Strength.UNKNOWN),
        (_PHISHABLE, Strength.PHISHABLE),
        (_WEAK, Strength.WEAK),
    ):
        if kinds & kinds_of:
            return strength
    return Strength.NONE


def _usable(row: Device) -> bool:
    return bool(row["deviceId"]) and (row["deviceStatus"], row["deviceBlocked"]) == (
        "ACTIVE",
        "false",
    )


def _reasons(user: str, old: list[Device], new: list[Device], owners: dict[str, str]) -> set[Event]:
    """What happened to a user by another way: plain loops over plain rows."""
    was = {row["deviceId"]: row for row in old if row["deviceId"]}
    now = {row["deviceId"]: row for row in new if row["deviceId"]}
    usable_was = {device for device, row in was.items() if _usable(row)}
    usable_now = {device for device, row in now.items() if _usable(row)}
    kinds_was, kinds_now = (
        {rows[device]["deviceType"] for device in usable}
        for rows, usable in ((was, usable_was), (now, usable_now))
    )
    enrolled = {d for d in usable_now if d not in was or was[d]["deviceStatus"] != "ACTIVE"}
    better = _RESISTANT | _PHISHABLE
    found = set()
    if any(owners.get(device, user) != user for device in now):
        found.add(Event.DEVICE_MOVED)
    for device in was.keys() & now.keys():
        before, after = was[device], now[device]
        if (before["deviceBlocked"], after["deviceBlocked"]) == ("false", "true"):
            found.add(Event.DEVICE_BLOCKED)
        if (before["deviceLocked"], after["deviceLocked"]) == ("false", "true"):
            found.add(Event.DEVICE_LOCKED)
        if before["phone"] and after["phone"] and before["phone"] != after["phone"]:
            found.add(Event.PHONE_CHANGED)
    if not old or not new:
        return found & {Event.DEVICE_MOVED}
    if usable_was and not usable_was & usable_now and enrolled:
        found.add(Event.ALL_FACTORS_REPLACED)
    if usable_was and not usable_now:
        found.add(Event.NO_USABLE_FACTOR)
    if kinds_was & better and not kinds_now & better and usable_now:
        found.add(Event.NO_BETTER_THAN_WEAK)
    if kinds_was & _RESISTANT and not kinds_now & _RESISTANT:
        found.add(Event.PHISHING_RESISTANCE_LOST)
    if kinds_was & better and any(now[device]["deviceType"] in _WEAK for device in enrolled):
        found.add(Event.WEAK_FACTOR_ADDED)
    if enrolled:
        found.add(Event.FACTOR_ADDED)
    if any(d not in now or now[d]["deviceStatus"] != "ACTIVE" for d in usable_was):
        found.add(Event.FACTOR_REMOVED)
    if "false" in {row["mfaEnabled"] for row in new} - {row["mfaEnabled"] for row in old}:
        found.add(Event.MFA_DISABLED)
    return found


def _random_device(dice: random.Random, user: str, mfa: str) -> Device:
    return _device(
        user,
        f"d{dice.getrandbits(64):016x}",
        dice.choice(_TYPES),
        mfaEnabled=mfa,
        deviceStatus=dice.choice(("ACTIVE",) * 4 + ("ACTIVATION_REQUIRED",)),
        deviceBlocked=dice.choice(("false",) * 5 + ("true",)),
        phone=f"+1555{dice.randrange(10**9)}",
    )


def _next_night(dice: random.Random, before: dict[str, list[Device]]) -> dict[str, list[Device]]:
    after = {user: [dict(row) for row in rows] for user, rows in before.items()}
    for user in dice.sample(sorted(after), len(after) // 20):
        del after[user]
    for user in dice.sample(sorted(after), len(after) // 4):
        rows = after[user]
        mfa = rows[0]["mfaEnabled"]
        for _ in range(dice.randint(1, 3)):
            real = [row for row in rows if row["deviceId"]]
            match dice.randrange(8):
                case 0 | 1 if real:
                    rows.remove(dice.choice(real))
                case 2 if real:
                    dice.choice(real)["deviceBlocked"] = dice.choice(("true", "false"))
                case 3 if real:
                    dice.choice(real)["deviceLocked"] = dice.choice(("true", "false"))
                case 4 if real:
                    dice.choice(real)["deviceStatus"] = dice.choice(("ACTIVE", "EXPIRED"))
                case 5 if real:
                    dice.choice(real)["phone"] = f"+1666{dice.randrange(10**9)}"
                case 6:
                    mfa = dice.choice(("true", "false"))
                    for row in rows:
                        row["mfaEnabled"] = mfa
                case _:
                    rows.append(_random_device(dice, user, mfa))
        if not rows:
            rows.append(_no_device(user) | {"mfaEnabled": mfa})
        elif len(rows) > 1:
            rows[:] = [row for row in rows if row["deviceId"]] or rows
    for _ in range(len(before) // 30):
        giver, taker = dice.sample(sorted(after), 2)
        if after[giver][0]["deviceId"] and len(after[giver]) > 1:
            moved = after[giver].pop(0)
            taken = {"userId": taker, "username": f"{taker}@example.com"}
            mfa = after[taker][0]["mfaEnabled"]
            after[taker] = [row for row in after[taker] if row["deviceId"]]
            after[taker].append(moved | taken | {"mfaEnabled": mfa})
    for number in range(len(before) // 20):
        user = f"j{number}{dice.getrandbits(32)}"
        after[user] = [_random_device(dice, user, "true")]
    return after


@pytest.mark.parametrize("seed", range(4))
def test_random_weeks_are_told_exactly(nights: Nights, seed: int) -> None:
    dice = random.Random(seed)
    before = {
        f"u{number}": [_random_device(dice, f"u{number}", mfa) for _ in range(dice.randint(1, 4))]
        for number in range(600)
        for mfa in dice.choice((("true",), ("true",), ("false",)))
    }
    for _ in range(3):
        after = _next_night(dice, before)
        owners = [
            {row["deviceId"]: row["userId"] for rows in night.values() for row in rows}
            for night in (before, after)
        ]
        expected: dict[str, tuple[Event, Strength | None, Strength | None]] = {}
        numbers: defaultdict[Event, int] = defaultdict(int)
        for user in before.keys() | after.keys():
            old, new = before.get(user, []), after.get(user, [])
            reasons = _reasons(user, old, new, owners[0])
            if new and any(
                owners[1].get(row["deviceId"], user) != user for row in old if row["deviceId"]
            ):
                reasons.add(Event.DEVICE_MOVED)
            if reasons:
                gravest = next(event for event in Event if event in reasons)
                numbers[gravest] += 1
                strengths = _strength(old) if old else None, _strength(new) if new else None
                expected[user] = (gravest, *strengths)
        rows = [[row for rows in night.values() for row in rows] for night in (before, after)]
        changes = nights.compare(rows[0], rows[1])
        told = {
            event.user_id: (event.event, event.before, event.after) for event in changes.security
        }
        assert told == expected
        assert len(changes.security) == len(expected)
        assert changes.events == {event: numbers[event] for event in Event}
        assert changes.users_left == len(before.keys() - after.keys())
        assert changes.users_joined == len(after.keys() - before.keys())
        before = after

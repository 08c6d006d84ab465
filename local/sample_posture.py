"""A posture as a company of some 9,000 users may have it: for the page's picture and its tests."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pingone_reports.model.posture import (
    Change,
    Changes,
    Day,
    Event,
    Factor,
    Kind,
    Posture,
    Strength,
)

_EXPORTED_AT = datetime(2026, 3, 31, 2, 0, 6, tzinfo=UTC)
_ROLLED_OUT = 14
"""The day on which many users were given a security key."""

_NO_EXPORT = {8, 9}
"""Days whose exports failed."""

_EVENTS = {
    Event.NO_STRONG_FACTOR: (2, Kind.CHANGED, "FIDO2"),
    Event.MFA_DISABLED: (1, Kind.CHANGED, ""),
    Event.FIDO2_REMOVED: (3, Kind.REMOVED, "FIDO2"),
    Event.SMS_ADDED: (6, Kind.ADDED, "SMS"),
    Event.VOICE_ADDED: (0, Kind.ADDED, "VOICE"),
    Event.DEVICE_BLOCKED: (1, Kind.CHANGED, "MOBILE"),
    Event.DEVICE_LOCKED: (2, Kind.CHANGED, "TOTP"),
}
_FIELDS = {
    Event.NO_STRONG_FACTOR: ("strength", Strength.PHISHING_RESISTANT.value, Strength.WEAK.value),
    Event.MFA_DISABLED: ("mfaEnabled", "true", "false"),
    Event.DEVICE_BLOCKED: ("deviceBlocked", "false", "true"),
    Event.DEVICE_LOCKED: ("deviceLocked", "false", "true"),
}
_GIVEN_NAMES = ("ada", "bjorn", "chloe", "dilnoza", "emeka", "fatima", "grace", "hiro", "ines")
_FAMILY_NAMES = ("adeyemi", "brandt", "cruz", "dvorak", "eriksen", "fontaine", "garcia", "hopper")


def sample_posture() -> Posture:
    """30 days of it, and a night with 15 security events; always the same."""
    past = [_day(day) for day in range(31) if day not in _NO_EXPORT]
    return Posture(
        report="devices",
        environment="abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
        environment_name="Customers Europe",
        filter="",
        fields=(),
        export_id="nightly-2026-03-31",
        exported_at=past[-1].exported_at,
        data_not_before="2026-03-30T23:45:06Z",
        data_not_after=past[-1].exported_at,
        devices=13_307,
        users=past[-1].users,
        factors=(
            Factor(
                device_type="FIDO2",
                strength=Strength.PHISHING_RESISTANT,
                devices=4_388,
                users=3_911,
            ),
            Factor(device_type="MOBILE", strength=Strength.STRONG, devices=4_006, users=3_842),
            Factor(device_type="TOTP", strength=Strength.STRONG, devices=1_577, users=1_521),
            Factor(device_type="SMS", strength=Strength.WEAK, devices=2_214, users=2_186),
            Factor(device_type="EMAIL", strength=Strength.WEAK, devices=1_050, users=1_050),
            Factor(device_type="VOICE", strength=Strength.WEAK, devices=65, users=64),
            Factor(device_type="PASSKEY_X", strength=Strength.UNKNOWN, devices=7, users=7),
        ),
        past=past,
        changes=_changes(past[-2]),
        not_compared="",
        doubts=(),
    )


def _day(number: int) -> Day:
    random_ = random.Random(number)  # noqa: S311
    new = 21 * max(number - _ROLLED_OUT, 0)
    resistant = 3_540 + 3 * number + new + random_.randint(-6, 6)
    weak = 1_612 - 2 * number - new // 2 + random_.randint(-5, 5)
    return Day(
        exported_at=f"{_EXPORTED_AT - timedelta(days=30 - number):%Y-%m-%dT%H:%M:%SZ}",
        users={
            Strength.PHISHING_RESISTANT: resistant,
            Strength.STRONG: 3_905 - new // 3 + random_.randint(-9, 9),
            Strength.WEAK: weak,
            Strength.NONE: 41 + random_.randint(-3, 3),
            Strength.UNKNOWN: 7 if number > _ROLLED_OUT else 0,
        },
    )


def _changes(before: Day) -> Changes:
    rows = list(_rows(random.Random(7)))  # noqa: S311
    return Changes(
        previous_export_id="nightly-2026-03-30",
        previous_exported_at=before.exported_at,
        kinds={kind: sum(row.kind is kind for row in rows) for kind in list(Kind)[:3]},
        events={event: number for event, (number, _, _) in _EVENTS.items()},
        not_asked=(),
        filtered=(),
        users_left=4,
        others=sum(row.event is None for row in rows),
        rows=rows,
    )


def _rows(random_: random.Random) -> Iterator[Change]:
    for event, (number, kind, device_type) in _EVENTS.items():
        for _ in range(number):
            yield _change(random_, kind, device_type, _FIELDS.get(event, ("", "", "")), event)
    for _ in range(14):
        yield _change(random_, Kind.ADDED, "FIDO2", ("", "", ""), None)
    for _ in range(8):
        yield _change(random_, Kind.CHANGED, "MOBILE", ("osVersion", "18.3", "18.4"), None)
    for _ in range(3):
        yield _change(random_, Kind.REMOVED, "SMS", ("", "", ""), None)


def _change(
    random_: random.Random,
    kind: Kind,
    device_type: str,
    field: tuple[str, str, str],
    event: Event | None,
) -> Change:
    of_user = event in (Event.NO_STRONG_FACTOR, Event.MFA_DISABLED)
    return Change(
        user_id=str(UUID(int=random_.getrandbits(128), version=4)),
        username=f"{random_.choice(_GIVEN_NAMES)}.{random_.choice(_FAMILY_NAMES)}@example.com",
        device_id="" if of_user else str(UUID(int=random_.getrandbits(128), version=4)),
        device_type="" if of_user else device_type,
        kind=kind,
        field=field[0],
        old_value=field[1],
        new_value=field[2],
        event=event,
    )

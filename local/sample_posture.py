"""A posture as a company of some 9,000 users may have it: for the page's picture and its tests."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from local.pingone_simulator.days import FAMILY_NAMES, GIVEN_NAMES
from pingone_reports.model.posture import (
    Change,
    Changes,
    ConcernedDevice,
    Day,
    Factor,
    Kind,
    Posture,
    Protection,
    SecurityEvent,
)
from pingone_reports.model.security_events import Event
from pingone_reports.model.strength import Strength

_EXPORTED_AT = datetime(2026, 3, 31, 2, 0, 6, tzinfo=UTC)
_ROLLED_OUT = 14
"""The day on which many users were given a security key."""

_NO_EXPORT = {8, 9}
"""Days whose exports failed."""

_STRONG, _PHISHABLE, _WEAK = Strength.PHISHING_RESISTANT, Strength.PHISHABLE, Strength.WEAK
_FACTORS = {
    "FIDO2": (_STRONG, 4_388, 3_911, 61),
    "MOBILE": (_PHISHABLE, 4_006, 3_842, 27),
    "TOTP": (_PHISHABLE, 1_577, 1_521, 0),
    "SMS": (_WEAK, 2_214, 2_186, 12),
    "EMAIL": (_WEAK, 1_050, 1_050, 0),
    "VOICE": (_WEAK, 65, 64, 3),
    "PASSKEY_X": (Strength.UNKNOWN, 7, 7, 0),
}


@dataclass(frozen=True)
class _Happened:
    """The same to so many users: all reasons, the strength before and after, what to a device."""

    users: int
    reasons: Sequence[Event]
    before: Strength
    after: Strength
    devices: Mapping[str, str]


_HAPPENED = (
    _Happened(
        1,
        (Event.ALL_FACTORS_REPLACED, Event.PHISHING_RESISTANCE_LOST),
        _STRONG,
        _PHISHABLE,
        {"FIDO2": "removed", "TOTP": "removed", "MOBILE": "added"},
    ),
    _Happened(1, (Event.MFA_DISABLED,), _PHISHABLE, Strength.MFA_OFF, {}),
    _Happened(1, (Event.NO_USABLE_FACTOR,), _PHISHABLE, Strength.NONE, {"TOTP": "removed"}),
    _Happened(
        2, (Event.NO_BETTER_THAN_WEAK, Event.DEVICE_BLOCKED), _STRONG, _WEAK, {"FIDO2": "blocked"}
    ),
    _Happened(
        3,
        (Event.PHISHING_RESISTANCE_LOST, Event.FACTOR_REMOVED),
        _STRONG,
        _PHISHABLE,
        {"FIDO2": "removed"},
    ),
    _Happened(1, (Event.PHONE_CHANGED,), _WEAK, _WEAK, {"SMS": "sends to another number"}),
    _Happened(
        4, (Event.WEAK_FACTOR_ADDED, Event.FACTOR_ADDED), _PHISHABLE, _PHISHABLE, {"SMS": "added"}
    ),
    _Happened(2, (Event.DEVICE_LOCKED,), _PHISHABLE, _PHISHABLE, {"TOTP": "locked"}),
    _Happened(14, (Event.FACTOR_ADDED,), _WEAK, _STRONG, {"FIDO2": "added"}),
    _Happened(3, (Event.FACTOR_REMOVED,), _PHISHABLE, _PHISHABLE, {"SMS": "removed"}),
)
_KINDS = {"added": Kind.ADDED, "removed": Kind.REMOVED, "blocked": Kind.CHANGED}


def sample_posture() -> Posture:
    """30 days of it, and a night with 15 security events above info; always the same."""
    past = [_day(day) for day in range(31) if day not in _NO_EXPORT]
    users = past[-1].users
    unprotected = (Strength.NONE, Strength.MFA_OFF, Strength.UNKNOWN)
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
        records=13_336,
        protection=Protection(
            users=users,
            protected=sum(number for each, number in users.items() if each not in unprotected),
            factors=[
                Factor(device_type=type_, strength=strength, devices=n, users=owners, unusable=lost)
                for type_, (strength, n, owners, lost) in _FACTORS.items()
            ],
            devices=13_307,
            unusable=103,
            locked=9,
            device_bound=1_204,
            synced=3_123,
            dormant=412,
        ),
        no_protection="",
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
            _STRONG: resistant,
            _PHISHABLE: 3_905 - new // 3 + random_.randint(-9, 9),
            _WEAK: weak,
            Strength.NONE: 41 + random_.randint(-3, 3),
            Strength.MFA_OFF: 18 + number // 10,
            Strength.UNKNOWN: 7 if number > _ROLLED_OUT else 0,
        },
        # It was compared with none after the days without an export.
        events=None if number in (0, 10) else 15 if number == 30 else random_.randint(0, 9),
        lost=None if number in (0, 10) else random_.randint(0, 6),
        left=None if number in (0, 10) else random_.randint(0, 5),
    )


def _changes(before: Day) -> Changes:
    random_ = random.Random(7)  # noqa: S311
    security = [_event(random_, each) for each in _HAPPENED for _ in range(each.users)]
    rows = [row for event in security for row in _rows(event)]
    return Changes(
        previous_export_id="nightly-2026-03-30",
        previous_exported_at=before.exported_at,
        previous_data_not_before="2026-03-29T23:45:06Z",
        kinds={kind: sum(row.kind is kind for row in rows) for kind in list(Kind)[:3]},
        events={event: sum(each.event is event for each in security) for event in Event},
        not_asked=(),
        filtered=(),
        users_joined=6,
        users_left=4,
        users_lost=10,
        minor=8,
        others=len(rows),
        ids_left_out=0,
        security=security,
        rows=rows,
    )


def _event(random_: random.Random, happened: _Happened) -> SecurityEvent:
    return SecurityEvent(
        event=happened.reasons[0],
        reasons=happened.reasons,
        user_id=_id(random_),
        username=f"{random_.choice(GIVEN_NAMES)}.{random_.choice(FAMILY_NAMES[:8])}@example.com",
        before=happened.before,
        after=happened.after,
        devices=[
            ConcernedDevice(id=_id(random_), type=type_, what=what)
            for type_, what in happened.devices.items()
        ],
    )


def _rows(event: SecurityEvent) -> Iterator[Change]:
    """What the devices of an event look like in the table `changes`."""
    for device in event.devices:
        if kind := _KINDS.get(device.what):
            changed = kind is Kind.CHANGED
            yield Change(
                user_id=event.user_id,
                username=event.username,
                device_id=device.id,
                device_type=device.type,
                kind=kind,
                field="deviceBlocked" if changed else "",
                old_value="false" if changed else "",
                new_value="true" if changed else "",
            )


def _id(random_: random.Random) -> str:
    return str(UUID(int=random_.getrandbits(128), version=4))

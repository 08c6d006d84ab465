"""The changes of a devices report from day to day: a known list, and nothing else."""

from dataclasses import dataclass

# The rows before these hold awkward names.
_FIRST_ROW = 16

Fields = dict[str, str]
_Device = tuple[Fields | None, Fields | None]

_GOOD = {
    "mfaEnabled": "true",
    "deviceStatus": "ACTIVE",
    "deviceBlocked": "false",
    "blockedAt": "",
    "deviceLocked": "false",
}
_NO_DEVICE = {
    "deviceId": "",
    "deviceType": "",
    "deviceStatus": "",
    "deviceBlocked": "",
    "deviceLocked": "",
    "phone": "",
}
_BLOCKED = {"deviceBlocked": "true", "blockedAt": "2026-03-02T01:30:00.000Z"}


def _is(kind: str, **fields: str) -> Fields:
    return {"deviceType": kind, **fields}


def _stays(kind: str) -> _Device:
    return _is(kind), _is(kind)


# Each kind of change: the devices of a user before its day, and from that day on. None is no row.
# A kind that is named for a security event is one.
_KINDS: dict[str, tuple[_Device, ...]] = {
    "all factors replaced": ((_is("FIDO2"), None), (None, _is("MOBILE"))),
    "MFA disabled": ((_is("TOTP"), _is("TOTP", mfaEnabled="false")),),
    "no usable factor left": ((_is("TOTP"), _NO_DEVICE),),
    "no better than weak any more": (
        (_is("FIDO2"), _is("FIDO2", **_BLOCKED)),
        _stays("EMAIL"),
    ),
    "phishing resistance lost": ((_is("FIDO2"), None), _stays("TOTP")),
    "phone number of a device changed": (
        (_is("SMS", phone="+1.5550000001"), _is("SMS", phone="+1.5550000002")),
    ),
    "weak factor added": (_stays("TOTP"), (None, _is("VOICE"))),
    "device blocked": ((_is("MOBILE"), _is("MOBILE", **_BLOCKED)), _stays("TOTP")),
    "device locked": ((_is("TOTP"), _is("TOTP", deviceLocked="true")),),
    "factor added": (_stays("TOTP"), (None, _is("FIDO2"))),
    "factor removed": ((_is("TOTP"), None), _stays("FIDO2")),
    "renamed": (
        (_is("TOTP", deviceNickname="my phone"), _is("TOTP", deviceNickname='old,\n"lost"')),
    ),
    "joined": ((None, _is("EMAIL")),),
    "left": ((_is("FIDO2"), None),),
}
_NO_EVENTS = ("renamed", "joined", "left")
# The number of changes on each day after day 0.
_TIMES = {
    "all factors replaced": (0, 0, 1, 0, 2, 0),
    "MFA disabled": (0, 1, 0, 0, 3, 0),
    "no usable factor left": (0, 1, 0, 0, 1, 0),
    "no better than weak any more": (5, 0, 1, 0, 2, 0),
    "phishing resistance lost": (1, 0, 0, 1, 1, 0),
    "phone number of a device changed": (0, 0, 1, 0, 1, 0),
    "weak factor added": (1, 1, 1, 0, 2, 1),
    "device blocked": (1, 0, 1, 0, 2, 0),
    "device locked": (0, 1, 0, 2, 1, 0),
    "factor added": (3, 2, 4, 3, 1, 2),
    "factor removed": (0, 1, 1, 0, 2, 0),
    "renamed": (4, 3, 2, 5, 3, 2),
    "joined": (1, 0, 0, 2, 0, 0),
    "left": (0, 0, 1, 0, 1, 0),
}
GIVEN_NAMES = ("ada", "bjorn", "chloe", "dilnoza", "emeka", "fatima", "grace", "hiro", "ines")
FAMILY_NAMES = (
    *("adeyemi", "brandt", "cruz", "dvorak", "eriksen", "fontaine", "garcia", "hopper"),
    *("ito", "jansen", "kaya", "lindqvist"),
)
_PEOPLE = tuple(f"{given}.{family}" for family in FAMILY_NAMES for given in GIVEN_NAMES)
DAYS = 1 + len(_TIMES["joined"])


@dataclass(frozen=True)
class Change:
    """`kind` happens to a user on a day, whose devices are the rows from `row` on."""

    day: int
    row: int
    kind: str
    user: str


def changes() -> list[Change]:
    """All changes: each happens to a user of its own."""
    planted: list[Change] = []
    row = _FIRST_ROW
    for kind, times in _TIMES.items():
        for day, count in enumerate(times, 1):
            for _ in range(count):
                planted.append(Change(day, row, kind, _PEOPLE[len(planted)]))
                row += len(_KINDS[kind])
    return planted


def security_events_of_day(day: int) -> list[tuple[str, str]]:
    """What a security team looks for in the changes of a day: events with their users, sorted."""
    return sorted(
        (change.kind, change.user)
        for change in changes()
        if change.day == day and change.kind not in _NO_EVENTS
    )


def rows_of_day(day: int) -> dict[int, Fields | None]:
    """The field values that replace those of rows on a day; None for rows that are not there."""
    rows: dict[int, Fields | None] = {}
    for change in changes():
        for number, device in enumerate(_KINDS[change.kind]):
            values = device[day >= change.day]
            if values is not None:
                user = {"userId": change.user, "username": f"{change.user}@example.com"}
                # Of nobody else: numbers that meet by chance would be an event of their own.
                phone = {"phone": f"+44.7700900{change.row + number:03}"}
                values = _GOOD | phone | values | user
            rows[change.row + number] = values
    return rows

"""The changes of a devices report from day to day: a known list, and nothing else."""

from dataclasses import dataclass

# The rows before these hold awkward names.
_FIRST_ROW = 16

# Each kind of change: a row's fields before its day, and from that day on. None means no row.
_KINDS: dict[str, tuple[dict[str, str] | None, dict[str, str] | None]] = {
    "FIDO2 removed": ({"deviceType": "FIDO2"}, None),
    "SMS added": (None, {"deviceType": "SMS", "phone": "+1.5550000000"}),
    "voice added": (None, {"deviceType": "VOICE"}),
    "added": (None, {"deviceType": "FIDO2"}),
    "MFA disabled": ({"mfaEnabled": "true"}, {"mfaEnabled": "false"}),
    "device blocked": (
        {"deviceBlocked": "false", "blockedAt": ""},
        {"deviceBlocked": "true", "blockedAt": "2026-03-02T01:30:00.000Z"},
    ),
    "device locked": ({"deviceLocked": "false"}, {"deviceLocked": "true"}),
    "changed": ({"deviceNickname": "my phone"}, {"deviceNickname": 'old,\n"lost"'}),
}
# The number of changes on each day after day 0.
_TIMES = {
    "FIDO2 removed": (1, 0, 2, 1, 5, 0),
    "SMS added": (1, 2, 1, 0, 5, 1),
    "voice added": (0, 1, 0, 0, 2, 0),
    "added": (3, 2, 4, 3, 1, 2),
    "MFA disabled": (0, 1, 0, 0, 3, 0),
    "device blocked": (1, 0, 1, 0, 2, 0),
    "device locked": (0, 1, 0, 2, 1, 0),
    "changed": (4, 3, 2, 5, 3, 2),
}
_SWAPPED = ("FIDO2 removed", "SMS added")
_GIVEN_NAMES = ("ada", "bjorn", "chloe", "dilnoza", "emeka", "fatima", "grace", "hiro", "ines")
_FAMILY_NAMES = ("adeyemi", "brandt", "cruz", "dvorak", "eriksen", "fontaine", "garcia", "hopper")
_PEOPLE = tuple(f"{given}.{family}" for family in _FAMILY_NAMES for given in _GIVEN_NAMES)
DAYS = 1 + len(_TIMES["added"])


@dataclass(frozen=True)
class Change:
    """`kind` happens to the device of a row on a day."""

    day: int
    row: int
    kind: str
    user: str


def changes() -> list[Change]:
    """All changes. The user who loses a day's n-th FIDO2 device gets its n-th SMS device."""
    happening = [
        (day, kind, number)
        for kind, times in _TIMES.items()
        for day, count in enumerate(times, 1)
        for number in range(count)
    ]
    users: dict[tuple[object, ...], str] = {}
    for day, kind, number in happening:
        users.setdefault((day, kind in _SWAPPED or kind, number), _PEOPLE[len(users)])
    return [
        Change(day, row, kind, users[day, kind in _SWAPPED or kind, number])
        for row, (day, kind, number) in enumerate(happening, _FIRST_ROW)
    ]


def security_events_of_day(day: int) -> list[tuple[str, str]]:
    """What a security team looks for in the changes of a day: events with their users, sorted.

    Who loses FIDO2 and gets SMS has no strong factor left.
    """
    of_day = [change for change in changes() if change.day == day]
    losing, getting = ({c.user for c in of_day if c.kind == kind} for kind in _SWAPPED)
    return sorted(
        [
            *((c.kind, c.user) for c in of_day if c.kind not in ("added", "changed")),
            *(("no strong factor left", user) for user in losing & getting),
        ]
    )


def rows_of_day(day: int) -> dict[int, dict[str, str] | None]:
    """The field values that replace those of rows on a day; None for rows that are not there."""
    rows: dict[int, dict[str, str] | None] = {}
    for change in changes():
        values = _KINDS[change.kind][day >= change.day]
        if values is not None:
            values = values | {"userId": change.user, "username": f"{change.user}@example.com"}
        rows[change.row] = values
    return rows

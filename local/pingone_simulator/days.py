"""What happens to a devices report from day to day: a known list of changes, and nothing else."""

from dataclasses import dataclass

# The rows before these hold awkward names.
_FIRST_ROW = 16

# A kind of change: what a row's fields are before its day and from then on; None: it is not there.
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
# How often, on each day after day 0.
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
    """All changes; whoever loses the n-th FIDO2 device of a day gets its n-th SMS device."""
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


def rows_of_day(day: int) -> dict[int, dict[str, str] | None]:
    """Field values that rows have on a day, in place of their own; None for rows not there."""
    rows: dict[int, dict[str, str] | None] = {}
    for change in changes():
        values = _KINDS[change.kind][day >= change.day]
        if values is not None:
            values = values | {"userId": change.user, "username": f"{change.user}@example.com"}
        rows[change.row] = values
    return rows

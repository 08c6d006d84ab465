"""Postures for the page: as a company may have it, as few as there can be, and hostile ones."""

from collections.abc import Sequence
from dataclasses import replace

from local.sample_posture import sample_posture
from pingone_reports.model.posture import (
    HIDDEN,
    MOST_EVENTS,
    MOST_OTHERS,
    NOT_ASKED,
    Change,
    Changes,
    ConcernedDevice,
    Factor,
    Kind,
    Posture,
    Protection,
    SecurityEvent,
)
from pingone_reports.model.security_events import RULES, Event
from pingone_reports.model.series import FIRST
from pingone_reports.model.strength import Strength

HOSTILE = (
    "<script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "\"'><svg onload=document.title='run'>",
    "</style><style>body{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:document.title='run'",
    "&lt;b&gt;&#60;b&#62;",
    "admin\u202egnp.exe\u202c",
    "zero\u200bwidth\ufeff",
    "line\u2028separator\r\n\x00\x1b[31m\x85",
    "lone\ud800surrogate",
    "Z\u0335\u0321\u0321a\u0336lgo" + "\u0336" * 40,
    "W" * 3_000,
    "\u202e" * 900,
    "نورة بنت محمد",
    "🦊 fox",
)
"""What somebody may call themselves or their device."""


def event(
    number: int, *reasons: Event, name: str = "", device_type: str = "FIDO2"
) -> SecurityEvent:
    """Something that happened to a user and to one of their devices."""
    reasons = reasons or (Event.PHISHING_RESISTANCE_LOST,)
    return SecurityEvent(
        event=reasons[0],
        reasons=reasons,
        user_id=f"user-{number}",
        username=name or f"name-{number}",
        before=Strength.PHISHING_RESISTANT,
        after=Strength.PHISHABLE,
        devices=[ConcernedDevice(id=f"device-{number}", type=device_type, what="removed")],
    )


def row(number: int, kind: Kind = Kind.CHANGED, name: str = "") -> Change:
    """A row about a device."""
    changed = kind is Kind.CHANGED
    return Change(
        user_id=f"user-{number}",
        username=name or f"name-{number}",
        device_id=f"device-{number}",
        device_type="TOTP",
        kind=kind,
        field="deviceStatus" if changed else "",
        old_value="ACTIVATION_REQUIRED" if changed else "",
        new_value=(name or "ACTIVE") if changed else "",
    )


def changed(
    security: Sequence[SecurityEvent] = (),
    rows: Sequence[Change] = (),
    number: int | None = None,
    others: int | None = None,
) -> Changes:
    """These events, or so many of their first kind, and these rows, or so many."""
    events = {each: sum(one.event is each for one in security) for each in Event}
    if number is not None:
        events[security[0].event] = number
    others = len(rows) if others is None else others
    return Changes(
        previous_export_id="nightly-2026-03-30",
        previous_exported_at="2026-03-30T02:00:06Z",
        previous_data_not_before="2026-03-29T23:45:06Z",
        kinds={Kind.ADDED: 0, Kind.REMOVED: 0, Kind.CHANGED: others},
        events=events,
        not_asked=(),
        filtered=(),
        users_joined=0,
        users_left=0,
        users_lost=0,
        minor=0,
        others=others,
        ids_left_out=0,
        security=security[:MOST_EVENTS],
        rows=rows[:MOST_OTHERS],
    )


def with_events(number: int) -> Posture:
    """A night with so many security events, and as many changed devices."""
    numbers = range(number)
    return replace(sample_posture(), changes=changed([*map(event, numbers)], [*map(row, numbers)]))


def protected(**numbers: int) -> Protection:
    """So many users of each strength, by its name, without any device."""
    users = {each: numbers.get(each.name, 0) for each in Strength}
    return Protection(
        users=users,
        protected=sum(users[each] for each in list(Strength)[:3]),
        factors=(),
        devices=0,
        unusable=0,
        locked=None,
        device_bound=None,
        synced=None,
        dormant=None,
    )


def first_export() -> Posture:
    """Nothing to compare with, and nothing before."""
    posture = sample_posture()
    return replace(posture, past=posture.past[-1:], changes=None, not_compared=FIRST)


def asked_for_little() -> Posture:
    """An export without the fields that most answers take."""
    return replace(
        sample_posture(),
        fields=("deviceId", "deviceStatus"),
        protection=None,
        no_protection=NOT_ASKED,
        past=(),
        changes=replace(
            changed(), events={}, not_asked=tuple(Event), users_joined=None, users_left=None
        ),
    )


def filtered() -> Posture:
    """An export whose filter hides what leaves it, and all that rests on `mfaEnabled`."""
    hidden = [each for each in Event if RULES[each].of_presence or each is Event.MFA_DISABLED]
    changes = changed([event(1, Event.DEVICE_BLOCKED)])
    return replace(
        sample_posture(),
        filter='(mfaEnabled eq "true")',
        protection=None,
        no_protection=HIDDEN,
        past=(),
        changes=replace(
            changes,
            kinds={Kind.ENTERED: 1, Kind.LEFT: 12, Kind.CHANGED: 0},
            events={each: n for each, n in changes.events.items() if each not in hidden},
            filtered=hidden,
        ),
    )


def hostile(names: Sequence[str] = HOSTILE) -> Posture:
    """An organisation whose every name is an attack; or with names that are none."""
    posture = sample_posture()
    assert posture.protection
    events = [event(number, name=text, device_type=text) for number, text in enumerate(names)]
    rows = [row(number, name=text) for number, text in enumerate(names)]
    return replace(
        posture,
        report=names[0],
        environment=names[1],
        environment_name=names[1],
        filter=names[2],
        fields=names,
        export_id="it's <b>",
        protection=replace(
            posture.protection,
            factors=[
                Factor(device_type=text, strength=Strength.UNKNOWN, devices=1, users=1, unusable=0)
                for text in names
            ],
        ),
        changes=replace(
            changed(events, rows, number=99), previous_export_id=names[3], unusual=names[4]
        ),
        doubts=names,
    )

"""Postures for the page: as a company may have it, as few as there can be, and hostile ones."""

from collections.abc import Sequence
from dataclasses import replace

from local.sample_posture import sample_posture
from pingone_reports.model.posture import (
    MOST_EVENTS,
    MOST_OTHERS,
    Change,
    Changes,
    Event,
    Factor,
    Kind,
    Posture,
    Strength,
)

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


def sms_added(number: int, name: str = "", device_type: str = "SMS") -> Change:
    return Change(
        user_id=f"user-{number}",
        username=name or f"name-{number}",
        device_id=f"device-{number}",
        device_type=device_type,
        kind=Kind.ADDED,
        field="",
        old_value="",
        new_value="",
        event=Event.SMS_ADDED,
    )


def renamed(number: int, name: str = "") -> Change:
    """A change of no concern."""
    return replace(
        sms_added(number, name),
        kind=Kind.CHANGED,
        field="deviceNickname",
        old_value="old",
        new_value=name or "new",
        event=None,
    )


def changed(*rows: Change, events: int | None = None, others: int | None = None) -> Changes:
    """These rows, of so many SMS added and so many others."""
    listed = sum(row.event is not None for row in rows)
    events = listed if events is None else events
    others = len(rows) - listed if others is None else others
    return Changes(
        previous_export_id="nightly-2026-03-30",
        previous_exported_at="2026-03-30T02:00:06Z",
        kinds={Kind.ADDED: events, Kind.REMOVED: 0, Kind.CHANGED: others},
        events=dict.fromkeys(Event, 0) | {Event.SMS_ADDED: events},
        not_asked=(),
        filtered=(),
        users_left=0,
        others=others,
        rows=[
            *[row for row in rows if row.event][:MOST_EVENTS],
            *[row for row in rows if not row.event][:MOST_OTHERS],
        ],
    )


def with_events(number: int) -> Posture:
    """A night with so many SMS added, and as many other changes."""
    rows = [change(row) for change in (sms_added, renamed) for row in range(number)]
    return replace(sample_posture(), changes=changed(*rows))


def first_export() -> Posture:
    """Nothing to compare with, and nothing before."""
    posture = sample_posture()
    return replace(
        posture,
        past=posture.past[-1:],
        changes=None,
        not_compared="It is the first export of its report, environment and filter.",
    )


def asked_for_little() -> Posture:
    """An export without the fields that most answers take."""
    return replace(
        sample_posture(),
        fields=("deviceId", "deviceStatus"),
        users=None,
        factors=None,
        past=(),
        changes=replace(changed(), events={}, not_asked=tuple(Event), users_left=None),
    )


def filtered() -> Posture:
    """An export whose filter hides what leaves it."""
    hidden = (Event.NO_STRONG_FACTOR, Event.MFA_DISABLED, Event.FIDO2_REMOVED)
    changes = changed(sms_added(1))
    return replace(
        sample_posture(),
        filter='(mfaEnabled eq "true")',
        changes=replace(
            changes,
            kinds={Kind.ENTERED: 1, Kind.LEFT: 12, Kind.CHANGED: 0},
            events={event: n for event, n in changes.events.items() if event not in hidden},
            filtered=hidden,
        ),
    )


def hostile(names: Sequence[str] = HOSTILE) -> Posture:
    """An organisation whose every name is an attack; or with names that are none."""
    rows = [
        *(sms_added(number, text, text) for number, text in enumerate(names)),
        *(renamed(number, text) for number, text in enumerate(names)),
    ]
    return replace(
        sample_posture(),
        report=names[0],
        environment=names[1],
        environment_name=names[1],
        filter=names[2],
        fields=names,
        export_id="it's <b>",
        factors=[
            Factor(device_type=text, strength=Strength.UNKNOWN, devices=1, users=1)
            for text in names
        ],
        changes=replace(changed(*rows, events=99), previous_export_id=names[3]),
        doubts=names,
    )

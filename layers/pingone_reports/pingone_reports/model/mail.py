"""The mails about an export and about a fleet, with numbers alone: no user is in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pingone_reports.model.announcements import AnnouncedExport, compared
from pingone_reports.model.fleet_posture import EnvironmentPosture, FleetPosture
from pingone_reports.model.posture import Changes, Posture, Result
from pingone_reports.model.security_events import Event
from pingone_reports.model.series import FIRST, OLDER_DATA

_LONGEST_NAME = 40
_MOST_ROWS = 15
_NO_SURPRISE = (FIRST, OLDER_DATA)


def export_mail(posture: Posture, export: AnnouncedExport) -> tuple[str, str] | None:
    """Subject and text of the mail about an export; None if there is none.

    An export that changed nothing has none. Neither has a first one, or one of no newer data.
    """
    changes = posture.changes
    if changes.result is Result.UNCHANGED if changes else posture.not_compared in _NO_SURPRISE:
        return None
    subject = _subject(posture.environment_name or posture.environment, _gist(changes))
    sections = {
        title: [f"{what}: {_said(number)}" for what, number in numbers.items() if number]
        for title, numbers in _numbers(compared(posture, export, 0)).items()
    }
    return subject, _text(_about(posture), sections, export.page_link)


def fleet_mail(posture: FleetPosture, page_link: str) -> tuple[str, str]:
    """Subject and text of the one mail about a fleet."""
    events, failed = posture.events or {}, posture.numbers["failed"]
    seen = f"{posture.above_info:,} security events in {posture.environments:,} environments"
    gist = (
        f"{failed:,} failed" if failed else "",
        "unusual!" if any(each.unusual for each in posture.happened) else "",
        next((f"{event} ({number:,})" for event, number in events.items() if number), ""),
        "not compared" if posture.events is None else seen,
    )
    about = (
        f"Fleet {posture.fleet}, completed {posture.completed_at} (UTC)",
        f"{posture.environments:,} environments",
    )
    sections = {
        "Failed": [f"{_called(each)}: {each.why}" for each in posture.failed],
        "Security events": [f"{event}: {number:,}" for event, number in events.items() if number],
        "Where": [
            f"{_called(each)}: {'unusual! ' if each.unusual else ''}"
            + ", ".join(f"{event} ({number:,})" for event, number in each.happened.items())
            for each in posture.happened
        ],
        "Weak or worse": [
            f"{_called(each)}: {each.weak_users:,} of {each.all_users:,} users"
            for each in posture.weakest
            if each.weak_users
        ],
        "Not in the tables": list(map(_called, posture.untabulated)),
        "Not compared": [f"{_called(each)}: {each.why}" for each in posture.not_compared],
    }
    return _subject("fleet", ", ".join(filter(None, gist))), _text(about, sections, page_link)


def _subject(name: str, gist: str) -> str:
    """A subject with room for its gist, whatever the name is."""
    return f"PingOne {name[:_LONGEST_NAME]}: {gist}"


def _text(about: Iterable[str], sections: Mapping[str, Sequence[str]], page_link: str) -> str:
    shown = [
        "\n".join((f"\n{title}", *(f"  {row}" for row in rows[:_MOST_ROWS])))
        for title, rows in sections.items()
        if rows
    ]
    invitation = "\nAll of it is on the page, for who is signed on to this account:"
    return "\n".join((*about, *shown, invitation, page_link))


def _gist(changes: Changes | None) -> str:
    if not changes:
        return "could not be compared"
    happened = [event for event in Event if changes.events.get(event)]
    if not happened:
        what = f"{changes.number:,} changed devices"
    else:
        number = changes.events[happened[0]]
        what = f"{happened[0]} ({number:,})"
        if changes.above_info > number:
            what += f", {changes.above_info:,} security events"
    return f"unusual! {what}" if changes.unusual else what


def _about(posture: Posture) -> Iterator[str]:
    changes, named = posture.changes, (posture.environment_name, posture.environment)
    yield f"Report {posture.report} of environment {' '.join(filter(None, named))}"
    if posture.filter:
        yield "It has a filter: devices enter and leave it."
    yield f"Exported {posture.exported_at}, with data of {posture.data_not_before} or later (UTC)"
    if changes:
        yield f"Compared with the export of {changes.previous_exported_at}"
    else:
        yield f"It could not be compared: {posture.not_compared}"
    if changes and changes.unusual:
        yield f"\nUNUSUAL: {changes.unusual}"
    yield from (f"Doubtful: {doubt}" for doubt in posture.doubts)


def _numbers(detail: Mapping[str, Any]) -> dict[str, Mapping[str, int | str | None]]:
    """What the event says, in the words of people."""
    events, protection = detail["securityEvents"] or {}, detail["protection"]
    known = {} if isinstance(protection, str) else protection
    return {
        "Security events": {Event[code].value: number for code, number in events.items()},
        "Devices": detail["devices"] or {},
        "Users": {"joined": detail["usersJoined"], "left": detail["usersLeft"]},
        "Protection": {
            "protected users": known.get("protected"),
            **known.get("users", {}),
            "enrolled devices that cannot be used": known.get("unusable"),
        },
    }


def _said(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _called(environment: EnvironmentPosture) -> str:
    return " ".join(filter(None, (environment.name, environment.type, environment.id)))

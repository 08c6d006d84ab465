"""The page about an export: how strong the users are, and what changed, as one HTML file.

It loads nothing and runs nothing, so it opens from a disk and by a link. The same posture gives the
same bytes.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from pingone_reports.model.posture import Change, Changes, Day, Event, Kind, Posture, Strength
from pingone_reports.tables.strength_chart import DAYS, HEIGHT, bar, columns, utc
from pingone_reports.tables.visible_text import visible

MOST_FACTORS = 50
"""Device types that are listed."""

_SHORT = 20
"""Rows of a list that is open from the start."""

_MEANINGS = {
    Strength.PHISHING_RESISTANT: "FIDO2",
    Strength.STRONG: "TOTP, MOBILE, OATH or desktop",
    Strength.WEAK: "nothing better than SMS, voice, WhatsApp or e-mail",
    Strength.NONE: "no factor that can be used",
    Strength.UNKNOWN: "a type that is not known, and may be the strongest",
}
_EVENTS = {
    Event.NO_STRONG_FACTOR: "had a strong factor, and has none any more",
    Event.MFA_DISABLED: "MFA of the user was switched off",
    Event.FIDO2_REMOVED: "a phishing-resistant factor is gone",
    Event.SMS_ADDED: "a weak factor: texts can be phished or diverted",
    Event.VOICE_ADDED: "a weak factor: calls can be phished or diverted",
    Event.DEVICE_BLOCKED: "cannot be used until it is unblocked",
    Event.DEVICE_LOCKED: "cannot be used for some time",
}
_KINDS = {
    Kind.ADDED: "a device that is new",
    Kind.REMOVED: "a device that is gone",
    Kind.CHANGED: "a field of a device with another value",
    Kind.ENTERED: "a device that matches the filter now: it is new, or has changed",
    Kind.LEFT: "a device that does not match the filter any more: it is gone, or has changed",
}


@dataclass(frozen=True)
class _Group:
    """The rows of one event, or of none: some are listed, `number` is how many there are."""

    event: Event | None
    number: int
    rows: Sequence[Change]

    @property
    def missing(self) -> int:
        return max(self.number - len(self.rows), 0)


def render(posture: Posture) -> str:
    """The page, in text that UTF-8 can encode."""
    now, changes = posture.users, posture.changes
    return template("page.html").render(
        posture=posture,
        changes=changes,
        users=None if now is None else sum(now.values()),
        bar=bar(now or {}),
        then=_earlier(posture),
        chart=columns(posture.past) if posture.past else None,
        factors=sorted(posture.factors or (), key=lambda f: (-f.users, -f.devices, f.device_type)),
        events=sum(changes.events.values()) if changes else None,
        untold=sum(event not in changes.events for event in Event) if changes else 0,
        groups=list(_groups(changes)) if changes else [],
        others=_others(changes) if changes else None,
        since=utc(posture.exported_at).date() - timedelta(days=1),
    )


def _earlier(posture: Posture) -> Sequence[Day]:
    """What the users' numbers are compared with: the export before, and the first of 30 days."""
    before = posture.past[:-1] if posture.users is not None else ()
    return [*before[-1:], *before[:1]][: len(before)]


def _groups(changes: Changes) -> Sequence[_Group]:
    return [
        _Group(event, number, [row for row in changes.rows if row.event is event])
        for event in Event
        if (number := changes.events.get(event, 0))
    ]


def _others(changes: Changes) -> _Group:
    return _Group(None, changes.others, [row for row in changes.rows if row.event is None])


@cache
def template(name: str) -> Template:
    """A page to fill in. Whatever it shows that is no markup is escaped and visible."""
    environment = Environment(
        loader=PackageLoader("pingone_reports.tables", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = _source(environment, "page.css")
    environment.filters.update(
        day=_day,
        moment=_moment,
        percent=_percent,
        signed=_signed,
        sentence=lambda text: text[:1].upper() + text[1:],
        short=lambda rows: len(rows) <= _SHORT,
        sql=_sql,
        svg=lambda number: Markup(f"{number:.2f}".rstrip("0").rstrip(".")),  # noqa: S704
        age=_age,
    )
    environment.globals.update(
        Strength=Strength,
        Event=Event,
        meanings=_MEANINGS,
        event_meanings=_EVENTS,
        kind_meanings=_KINDS,
        most_factors=MOST_FACTORS,
        days=DAYS,
        height=HEIGHT,
        style=Markup(style),  # noqa: S704
        # No style of anybody else's applies, whatever stands in the report.
        style_hash=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return environment.get_template(name)


def _source(environment: Environment, name: str) -> str:
    assert environment.loader
    return environment.loader.get_source(environment, name)[0]


def _shown(value: Any) -> Any:
    """What any expression of the template puts out: text that is no markup is somebody else's."""
    match value:
        case Markup():
            return value
        case str():
            return escape(visible(value))
        case int():
            return f"{value:,}"
        case _:
            return value


def _moment(time: str) -> Markup:
    at = utc(time)
    return Markup('<time datetime="{}">{}</time>').format(
        f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{_day(at)}, {at:%H:%M} UTC"
    )


def _day(time: str | datetime, year: bool = True) -> str:
    at = utc(time) if isinstance(time, str) else time
    return f"{at.day} {at:%B %Y}" if year else f"{at.day} {at:%b}"


def _age(then: str, now: str) -> str:
    """From one time to another, such as `2 h 15 min`."""
    minutes = max(-(-(utc(now) - utc(then)) // timedelta(minutes=1)), 0)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 min"


def _percent(part: int, whole: int) -> str:
    """With one decimal, and never 0 or 100 for what is not."""
    if not whole:
        return "\u2013"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.1f}%" if part not in (0, whole) else f"{share:.0f}%"


def _signed(number: int) -> str:
    return f"+{number:,}" if number > 0 else f"\u2212{-number:,}" if number < 0 else "±0"


def _sql(value: str) -> str:
    return value.replace("'", "''")

"""The page about an export: who needs a look and why, and how well the users are protected.

It loads nothing and runs nothing, so it opens from a disk and by a link. The same posture gives the
same bytes.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from pingone_reports.model.posture import Day, Kind, Posture
from pingone_reports.model.security_events import RULES, Event, Severity
from pingone_reports.model.strength import DORMANT_DAYS, Strength
from pingone_reports.model.text import visible
from pingone_reports.model.times import time_of
from pingone_reports.tables.strength_chart import DAYS, HEIGHT, bar, columns, pillars

MOST_FACTORS = 50
"""Device types that are listed."""

SHORT = 20
"""Rows of a list that are shown from the start."""

_MEANINGS = {
    Strength.PHISHING_RESISTANT: "FIDO2, a security key or a platform",
    Strength.PHISHABLE: "a code, a push or a token",
    Strength.WEAK: "nothing better than SMS, voice, WhatsApp or e-mail",
    Strength.NONE: "no factor that can be used",
    Strength.MFA_OFF: "nobody asks for a second factor",
    Strength.UNKNOWN: "something that nobody documents",
}
_KINDS = {
    Kind.ADDED: "new",
    Kind.REMOVED: "gone",
    Kind.CHANGED: "with another value in a field that matters",
    Kind.ENTERED: "match the filter now: they are new, or have changed",
    Kind.LEFT: "do not match the filter any more: they are gone, or have changed",
}


def render(posture: Posture) -> str:
    """The page, in text that UTF-8 can encode."""
    protection, changes = posture.protection, posture.changes
    users = protection.users if protection else {}
    security = changes.security if changes else ()
    return template("page.html").render(
        posture=posture,
        protection=protection,
        changes=changes,
        bar=bar(users),
        then=_earlier(posture),
        chart=columns(posture.past) if any(day.users for day in posture.past) else None,
        pillars=pillars(posture.past),
        factors=sorted(
            protection.factors if protection else (),
            key=lambda f: (-f.users, -f.devices, f.device_type),
        ),
        grave=[each for each in security if each.severity != Severity.INFO],
        info=[each for each in security if each.severity == Severity.INFO],
        unseen=[event for event in Event if event not in changes.events] if changes else [],
        since=time_of(posture.exported_at).date() - timedelta(days=1),
    )


def _earlier(posture: Posture) -> Sequence[Day]:
    """What the users' numbers are compared with: the day before, and the first of 30 days."""
    before = posture.past[:-1] if posture.protection else ()
    return [*before[-1:], *before[:1]][: len(before)]


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
        sql=_sql,
        svg=lambda number: Markup(f"{number:.2f}".rstrip("0").rstrip(".")),  # noqa: S704
        age=_age,
    )
    environment.globals.update(
        Strength=Strength,
        Event=Event,
        Severity=Severity,
        rules=RULES,
        meanings=_MEANINGS,
        kind_meanings=_KINDS,
        short=SHORT,
        dormant_days=DORMANT_DAYS,
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
    at = time_of(time)
    return Markup('<time datetime="{}">{}</time>').format(
        f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{_day(at)}, {at:%H:%M} UTC"
    )


def _day(time: str | datetime, year: bool = True) -> str:
    at = time_of(time) if isinstance(time, str) else time
    return f"{at.day} {at:%B %Y}" if year else f"{at.day} {at:%b}"


def _age(then: str, now: str) -> str:
    """From one time to another, such as `2 h 15 min`."""
    minutes = max(-(-(time_of(now) - time_of(then)) // timedelta(minutes=1)), 0)
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

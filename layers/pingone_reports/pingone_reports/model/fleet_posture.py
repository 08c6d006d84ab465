"""How a fleet stands: where what happened, and where the most users are badly protected."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from posixpath import dirname, relpath
from typing import Any, Self

from pingone_reports.model.announcements import console_link, subject
from pingone_reports.model.fleet import COMPLETED
from pingone_reports.model.keys import ExportKeys, FleetKeys
from pingone_reports.model.posture import Posture, Result
from pingone_reports.model.security_events import RULES, Event, Severity
from pingone_reports.model.strength import Strength

# Together they are the rows of a page that a browser opens at once.
MOST_ENVIRONMENTS = 150
MOST_ABSENT = 50
_MOST_IN_A_MAIL = 15


@dataclass(frozen=True, kw_only=True)
class EnvironmentPosture:
    """An environment whose export is in the tables. Name and type are empty if nobody told them.

    `users` is None if the export cannot show them. `events` has a number or a reason for each
    event; it is empty if the export was compared with none, and `not_compared` says why. `page` is
    where its page is, as the fleet's page sees it.
    """

    id: str
    name: str
    type: str
    users: Mapping[Strength, int] | None
    protected: int
    events: Mapping[Event, int | str]
    changes: int
    unusual: str
    not_compared: str
    page: str

    @property
    def all_users(self) -> int:
        return sum((self.users or {}).values())

    @property
    def weak_users(self) -> int:
        """Users with a weak factor, with none, or with MFA off."""
        users = self.users or {}
        return sum(users.get(each, 0) for each in (Strength.WEAK, Strength.NONE, Strength.MFA_OFF))

    @property
    def happened(self) -> Mapping[Event, int]:
        """The events that happened above the severity info, the gravest first."""
        return {
            event: number
            for event in Event
            if isinstance(number := self.events.get(event), int)
            and number
            and RULES[event].severity is not Severity.INFO
        }

    @property
    def in_production(self) -> bool:
        return self.type == "PRODUCTION"


@dataclass(frozen=True)
class Absent:
    """An environment of which there are no numbers, and why: its export's error, if it failed."""

    id: str
    name: str
    type: str
    why: str


@dataclass(frozen=True, kw_only=True)
class FleetPosture:
    """All that page and mail say of a fleet.

    `happened`, `weakest`, `not_compared`, `failed` and `untabulated` hold the first of the many;
    `numbers` are of all. `users` is None if no export shows any, and `events` is None if none was
    compared. Else it has a number for each event that any export shows.
    """

    fleet: str
    completed_at: str
    execution_arn: str
    environments: int
    users: Mapping[Strength, int] | None
    protected: int
    events: Mapping[Event, int] | None
    happened: Sequence[EnvironmentPosture]
    weakest: Sequence[EnvironmentPosture]
    not_compared: Sequence[EnvironmentPosture]
    failed: Sequence[Absent]
    untabulated: Sequence[Absent]
    numbers: Mapping[str, int]

    @classmethod
    def of(
        cls,
        keys: FleetKeys,
        manifest: Mapping[str, Any],
        summaries: Mapping[str, Mapping[str, Any]],
    ) -> Self:
        """From the fleet's manifest, and from the summaries of its exports by manifest key."""
        shown: list[EnvironmentPosture] = []
        failed: list[Absent] = []
        untabulated: list[Absent] = []
        for entry in manifest["environments"]:
            named = (entry["environmentId"], entry["name"] or "", entry.get("type") or "")
            if entry["status"] != COMPLETED:
                failed.append(Absent(*named, entry["error"]))
            elif summary := summaries.get(entry["manifestKey"]):
                shown.append(_environment(named, entry["manifestKey"], summary, keys))
            else:
                untabulated.append(Absent(*named, ""))
        users, events = Counter[Strength](), Counter[Event]()
        for each in shown:
            users.update(each.users or {})
            events.update({e: n for e, n in each.events.items() if isinstance(n, int)})
        lists = {
            "happened": [each for each in shown if each.happened or each.unusual],
            "weakest": [each for each in shown if each.users is not None],
            "not_compared": [each for each in shown if each.not_compared],
        }
        absent = {"failed": failed, "untabulated": untabulated}
        return cls(
            fleet=keys.execution,
            completed_at=manifest["completedAt"],
            execution_arn=manifest["executionArn"],
            environments=len(manifest["environments"]),
            users={each: users[each] for each in Strength} if lists["weakest"] else None,
            protected=sum(each.protected for each in shown),
            events=(
                {event: events[event] for event in Event if event in events}
                if len(lists["not_compared"]) < len(shown)
                else None
            ),
            happened=_first(lists["happened"], _gravity),
            weakest=_first(lists["weakest"], lambda each: (each.in_production, each.weak_users)),
            not_compared=lists["not_compared"][:MOST_ABSENT],
            failed=failed[:MOST_ABSENT],
            untabulated=untabulated[:MOST_ABSENT],
            numbers={name: len(all_) for name, all_ in (lists | absent).items()},
        )

    @property
    def above_info(self) -> int:
        """Users with a security event above the severity info, where that is known."""
        return sum(
            number
            for event, number in (self.events or {}).items()
            if RULES[event].severity is not Severity.INFO
        )

    def seen(self, event: Event) -> int | str:
        """How many users an event happened to, where that is known; or that nobody can know."""
        return "not compared" if self.events is None else self.events.get(event, "not known")


def summary_of(posture: Posture) -> dict[str, Any]:
    """What is kept of an export of a fleet, until the page of the fleet is written."""
    protection, changes = posture.protection, posture.changes
    return {
        "users": protection and {each.name: n for each, n in protection.users.items()},
        "protected": protection and protection.protected,
        "noProtection": posture.no_protection,
        "result": str(posture.result),
        "notCompared": "" if changes else posture.not_compared,
        "events": changes and {event.name: changes.seen(event) for event in Event},
        "changes": changes and changes.number,
        "unusual": changes.unusual if changes else "",
    }


def fleet_mail(posture: FleetPosture, bucket: str, page: str) -> tuple[str, str]:
    """Subject and text of the one mail about a fleet, whose page has this key in the bucket."""
    failed = posture.numbers["failed"]
    gravest = next((event for event in Event if (posture.events or {}).get(event)), None)
    parts = (
        f"{failed:,} failed" if failed else "",
        "unusual!" if any(each.unusual for each in posture.happened) else "",
        f"{gravest} ({posture.events[gravest]:,})" if posture.events and gravest else "",
        f"{posture.above_info:,} security events in {posture.environments:,} environments",
    )
    gist = "not compared" if posture.events is None else ", ".join(filter(None, parts))
    link = console_link(bucket, page, posture.execution_arn)
    return subject("fleet", gist), "\n".join(_lines(posture, link))


def _environment(
    named: tuple[str, str, str], manifest_key: str, summary: Mapping[str, Any], fleet: FleetKeys
) -> EnvironmentPosture:
    keys, users, events = ExportKeys.parse(manifest_key), summary["users"], summary["events"]
    return EnvironmentPosture(
        id=named[0],
        name=named[1],
        type=named[2],
        users=None if users is None else {Strength[name]: n for name, n in users.items()},
        protected=summary["protected"] or 0,
        events={Event[name]: n for name, n in (events or {}).items()},
        changes=summary["changes"] or 0,
        unusual=summary["unusual"],
        not_compared="" if summary["result"] != Result.NOT_COMPARED else summary["notCompared"],
        page=relpath(keys.page, dirname(fleet.page)) if keys else "",
    )


def _gravity(environment: EnvironmentPosture) -> tuple[Any, ...]:
    """More of the gravest event is graver, whatever there is of the others."""
    happened = environment.happened
    return (bool(environment.unusual), *(happened.get(event, 0) for event in Event))


def _first(
    environments: Sequence[EnvironmentPosture], key: Callable[[EnvironmentPosture], Any]
) -> Sequence[EnvironmentPosture]:
    return nlargest(MOST_ENVIRONMENTS, environments, key=key)


def _lines(posture: FleetPosture, link: str) -> Iterator[str]:
    yield f"Fleet {posture.fleet}, completed {posture.completed_at} (UTC)"
    yield f"{posture.environments:,} environments"
    for name, what in (
        ("failed", "failed"),
        ("untabulated", "not in the tables"),
        ("not_compared", "not compared"),
    ):
        if number := posture.numbers[name]:
            yield f"  {what}: {number:,}"
    lists = {
        "Failed": [f"{_called(each)}: {each.why}" for each in posture.failed],
        "Security events": [
            f"{event}: {number:,}" for event, number in (posture.events or {}).items() if number
        ],
        "Where": [
            f"{_called(each)}: {'unusual! ' if each.unusual else ''}{_told(each.happened)}"
            for each in posture.happened
        ],
        "Weak or worse": [
            f"{_called(each)}: {each.weak_users:,} of {each.all_users:,} users"
            for each in posture.weakest
            if each.weak_users
        ],
        "Not in the tables": list(map(_called, posture.untabulated)),
    }
    for title, rows in lists.items():
        if rows:
            yield ""
            yield title
            yield from (f"  {row}" for row in rows[:_MOST_IN_A_MAIL])
    yield ""
    yield "All of it is on the page, for who is signed on to this account:"
    yield link


def _told(events: Mapping[Event, int]) -> str:
    return ", ".join(f"{event} ({number:,})" for event, number in events.items())


def _called(environment: EnvironmentPosture | Absent) -> str:
    return " ".join(filter(None, (environment.name, environment.type, environment.id)))

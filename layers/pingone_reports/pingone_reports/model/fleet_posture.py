"""How a fleet stands: which of its environments are weakest, and where what changed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Self

from pingone_reports.model.fleet import COMPLETED
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.posture import NOT_ASKED, Event, Posture, Strength

# Together they are the rows of a page that a browser opens at once.
MOST_ENVIRONMENTS = 200
MOST_ABSENT = 50
_MOST_IN_A_MAIL = 10


@dataclass(frozen=True, kw_only=True)
class EnvironmentPosture:
    """An environment whose export is in the tables; its name is empty if nobody told it.

    `users` is None if the fields for them were not asked for. `changes` is None if the export was
    compared with none. `events` has a number for each event that could be seen.
    """

    id: str
    name: str
    users: Mapping[Strength, int] | None
    changes: int | None
    events: Mapping[Event, int]
    page: str

    @property
    def all_users(self) -> int:
        return sum((self.users or {}).values())

    @property
    def weak_users(self) -> int:
        """Users with a weak factor, or none."""
        users = self.users or {}
        return users.get(Strength.WEAK, 0) + users.get(Strength.NONE, 0)

    @property
    def number_of_events(self) -> int:
        return sum(self.events.values())


@dataclass(frozen=True)
class Absent:
    """An environment of which there are no numbers, and why: its export's error, if it failed."""

    id: str
    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class FleetPosture:
    """All that page and mail say of a fleet.

    `weakest`, `changed`, `failed` and `untabulated` hold the first of the many; the numbers are of
    all. `users` is None if no export shows any.
    """

    fleet: str
    completed_at: str
    environments: int
    users: Mapping[Strength, int] | None
    events: Mapping[Event, int]
    changes: int
    weakest: Sequence[EnvironmentPosture]
    without_users: int
    changed: Sequence[EnvironmentPosture]
    number_changed: int
    failed: Sequence[Absent]
    number_failed: int
    untabulated: Sequence[Absent]
    number_untabulated: int

    @classmethod
    def of(
        cls, fleet: str, manifest: Mapping[str, Any], summaries: Mapping[str, Mapping[str, Any]]
    ) -> Self:
        """From the fleet's manifest, and from the summaries of its exports by manifest key."""
        shown: list[EnvironmentPosture] = []
        failed: list[Absent] = []
        untabulated: list[Absent] = []
        for entry in manifest["environments"]:
            name = entry["name"] or ""
            if entry["status"] != COMPLETED:
                failed.append(Absent(entry["environmentId"], name, entry["error"]))
            elif summary := summaries.get(entry["manifestKey"]):
                shown.append(_environment(entry, name, summary))
            else:
                untabulated.append(Absent(entry["environmentId"], name, ""))
        users, events = Counter[Strength](), Counter[Event]()
        for each in shown:
            users.update(each.users or {})
            events.update(each.events)
        with_users = [each for each in shown if each.all_users]
        changed = [each for each in shown if each.changes]
        return cls(
            fleet=fleet,
            completed_at=manifest["completedAt"],
            environments=len(manifest["environments"]),
            users={strength: users[strength] for strength in Strength} if with_users else None,
            events={event: events[event] for event in Event if event in events},
            changes=sum(each.changes or 0 for each in shown),
            weakest=nlargest(
                MOST_ENVIRONMENTS,
                with_users,
                key=lambda each: (each.weak_users / each.all_users, each.weak_users),
            ),
            without_users=len(shown) - len(with_users),
            changed=nlargest(
                MOST_ENVIRONMENTS,
                changed,
                key=lambda each: (each.number_of_events, each.changes),
            ),
            number_changed=len(changed),
            failed=failed[:MOST_ABSENT],
            number_failed=len(failed),
            untabulated=untabulated[:MOST_ABSENT],
            number_untabulated=len(untabulated),
        )

    @property
    def number_of_events(self) -> int:
        return sum(self.events.values())

    @property
    def number_with_users(self) -> int:
        return self.environments - self.number_failed - self.number_untabulated - self.without_users


def summary_of(posture: Posture) -> dict[str, Any]:
    """What is kept of an export of a fleet, until the page of the fleet is written."""
    changes = posture.changes
    return {
        "users": posture.users and {str(each): n for each, n in posture.users.items()},
        "changes": changes.number if changes else None,
        "events": {str(event): n for event, n in changes.events.items()} if changes else {},
    }


def fleet_mail(posture: FleetPosture, page: str) -> tuple[str, str]:
    """Subject and text of the one mail about a fleet. `page` is where its page is."""
    subject = (
        f"PingOne fleet: {posture.number_of_events} security events in {posture.environments} "
        f"environments, {posture.number_failed} failed"
    )
    return subject, "\n".join(_lines(posture, page))


def _environment(
    entry: Mapping[str, Any], name: str, summary: Mapping[str, Any]
) -> EnvironmentPosture:
    keys = ExportKeys.parse(entry["manifestKey"])
    users = summary["users"]
    return EnvironmentPosture(
        id=entry["environmentId"],
        name=name,
        users=users and {Strength(strength): number for strength, number in users.items()},
        changes=summary["changes"],
        events={Event(event): number for event, number in summary["events"].items()},
        page=keys.page if keys else "",
    )


def _lines(posture: FleetPosture, page: str) -> Iterator[str]:
    yield f"Fleet {posture.fleet}, completed {posture.completed_at} (UTC)"
    yield f"{posture.environments:,} environments"
    yield f"  failed: {posture.number_failed:,}"
    yield f"  not in the tables: {posture.number_untabulated:,}"
    yield ""
    yield "Security events"
    for event, number in posture.events.items():
        yield f"  {event}: {number:,}"
    yield f"  all changes: {posture.changes:,}"
    yield ""
    yield "Users by their strongest factor"
    for strength in Strength:
        users = f"{posture.users[strength]:,}" if posture.users else NOT_ASKED
        yield f"  {strength}: {users}"
    lists = {
        "The weakest environments": [
            f"{_called(each)}: {each.weak_users:,} of {each.all_users:,} users are weak"
            for each in posture.weakest[:_MOST_IN_A_MAIL]
            if each.weak_users
        ],
        "Where the most changed": [
            f"{_called(each)}: {each.number_of_events:,} security events, {each.changes:,} changes"
            for each in posture.changed[:_MOST_IN_A_MAIL]
        ],
        "Failed": [f"{_called(each)}: {each.why}" for each in posture.failed[:_MOST_IN_A_MAIL]],
        "Not in the tables": list(map(_called, posture.untabulated[:_MOST_IN_A_MAIL])),
    }
    for title, rows in lists.items():
        if rows:
            yield ""
            yield title
            yield from (f"  {row}" for row in rows)
    yield ""
    yield f"All of it is on the page: {page}"


def _called(environment: EnvironmentPosture | Absent) -> str:
    return f"{environment.name} {environment.id}" if environment.name else environment.id

"""How a fleet stands: where what happened, and where the most users are badly protected."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import dirname, relpath
from typing import Any, Self

from pingone_reports.model.fleet import COMPLETED
from pingone_reports.model.keys import ExportKeys, FleetKeys
from pingone_reports.model.posture import Posture
from pingone_reports.model.security_events import Event, above_info
from pingone_reports.model.strength import Strength

# Together they are the rows of a page that a browser opens at once.
_MOST = {"happened": 150, "weakest": 150, "not_compared": 50, "failed": 50, "untabulated": 50}


@dataclass(frozen=True, kw_only=True)
class EnvironmentPosture:
    """An environment of a fleet; of one whose export is not in the tables, nothing but its name.

    Name and type are empty if nobody told them. `why` says why its export failed or was not
    compared, and is empty else. `users` is None if the export cannot show them. `events` has a
    number or a reason for each event. `page` is where its page is, as the fleet's page sees it.
    """

    id: str
    name: str
    type: str
    why: str = ""
    users: Mapping[Strength, int] | None = None
    protected: int = 0
    events: Mapping[Event, int | str] = field(default_factory=dict)
    changes: int = 0
    unusual: str = ""
    page: str = ""

    @property
    def all_users(self) -> int:
        return sum((self.users or {}).values())

    @property
    def weak_users(self) -> int:
        """Users with a weak factor, with none, or with MFA off."""
        worse = (Strength.WEAK, Strength.NONE, Strength.MFA_OFF)
        return sum((self.users or {}).get(each, 0) for each in worse)

    @property
    def counted(self) -> Mapping[Event, int]:
        """The events that can be known, the gravest first."""
        return {e: n for e in Event if isinstance(n := self.events.get(e), int)}

    @property
    def happened(self) -> Mapping[Event, int]:
        """Those that happened, above the severity info."""
        return {e: n for e, n in self.counted.items() if above_info({e: n})}


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
    failed: Sequence[EnvironmentPosture]
    untabulated: Sequence[EnvironmentPosture]
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
        failed: list[EnvironmentPosture] = []
        untabulated: list[EnvironmentPosture] = []
        for entry in manifest["environments"]:
            summary = summaries.get(entry["manifestKey"])
            environment = _environment(entry, summary, keys)
            if entry["status"] != COMPLETED:
                failed.append(environment)
            else:
                (shown if summary else untabulated).append(environment)
        users, events = Counter[Strength](), Counter[Event]()
        for each in shown:
            users.update(each.users or {})
            events.update(each.counted)
        of_users = [each for each in shown if each.users is not None]
        compared = [each for each in shown if not each.why]
        lists = {
            "happened": sorted(
                (each for each in compared if each.happened or each.unusual),
                key=_gravity,
                reverse=True,
            ),
            "weakest": sorted(
                of_users, key=lambda e: (e.type == "PRODUCTION", e.weak_users), reverse=True
            ),
            "not_compared": [each for each in shown if each.why],
            "failed": failed,
            "untabulated": untabulated,
        }
        return cls(
            fleet=keys.execution,
            completed_at=manifest["completedAt"],
            execution_arn=manifest["executionArn"],
            environments=len(manifest["environments"]),
            users={each: users[each] for each in Strength} if of_users else None,
            protected=sum(each.protected for each in shown),
            events={each: events[each] for each in Event if each in events} if compared else None,
            numbers={name: len(each) for name, each in lists.items()},
            **{name: each[: _MOST[name]] for name, each in lists.items()},
        )

    @property
    def above_info(self) -> int:
        """Users with a security event above the severity info, where that is known."""
        return above_info(self.events or {})

    def seen(self, event: Event) -> int | str:
        """How many users an event happened to, where that is known; or that nobody can know."""
        return "not compared" if self.events is None else self.events.get(event, "not known")


def summary_of(posture: Posture) -> dict[str, Any]:
    """What is kept of an export of a fleet, until the page of the fleet is written."""
    protection, changes = posture.protection, posture.changes
    return {
        "users": protection and {each.name: n for each, n in protection.users.items()},
        "protected": protection and protection.protected,
        "notCompared": "" if changes else posture.not_compared,
        "events": changes and {event.name: changes.seen(event) for event in Event},
        "changes": changes and changes.number,
        "unusual": changes.unusual if changes else "",
    }


def _environment(
    entry: Mapping[str, Any], summary: Mapping[str, Any] | None, fleet: FleetKeys
) -> EnvironmentPosture:
    named = {"id": entry["environmentId"], "name": entry["name"] or "", "type": entry["type"] or ""}
    keys = ExportKeys.parse(entry["manifestKey"] or "")
    if not summary or not keys:
        return EnvironmentPosture(**named, why=entry["error"] or "")
    users = summary["users"]
    return EnvironmentPosture(
        **named,
        why=summary["notCompared"],
        users=None if users is None else {Strength[name]: n for name, n in users.items()},
        protected=summary["protected"] or 0,
        events={Event[name]: n for name, n in (summary["events"] or {}).items()},
        changes=summary["changes"] or 0,
        unusual=summary["unusual"],
        page=relpath(keys.page, dirname(fleet.page)),
    )


def _gravity(environment: EnvironmentPosture) -> tuple[Any, ...]:
    """More of the gravest event is graver, whatever there is of the others."""
    happened = environment.happened
    return (bool(environment.unusual), *(happened.get(event, 0) for event in Event))

"""A fleet has one page and one mail, when its exports are in the tables or too late to be."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from pingone_reports.errors import AnnouncementFailed, FleetNotTabulated, InvalidRequest
from pingone_reports.steps.show_fleet import ShowFleet
from tests.support.fleets import FLEET, KEYS, entry, manifest, summary, summary_key
from tests.support.memory_bucket import MemoryBucket
from tests.support.tabulating import Bus

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import Topic

pytestmark = pytest.mark.usefixtures("stopped_clock")


@dataclass
class World:
    """A fleet of three, of which one failed. `meanwhile` happens in a pause."""

    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    bus: Bus = field(default_factory=Bus)
    meanwhile: Callable[[], None] = lambda: None
    seconds: float = 600
    pauses: list[float] = field(default_factory=list)

    def ended(self, minutes_ago: float = 0) -> "World":
        self.exports = [entry(1), entry(2, "Play"), entry(3, error="AccessDenied")]
        self.bucket.write_json(FLEET, manifest(*self.exports, minutes_ago=minutes_ago))
        return self

    def tabulated(self, *numbers: int) -> None:
        for number in numbers:
            key = summary_key(self.exports[number - 1])
            self.bucket.write_json(key, summary(number, 10, sms_added=number, changes=5))

    def show(self) -> dict[str, Any]:
        step = ShowFleet(
            bucket=cast("Bucket", self.bucket),
            digest=cast("Topic", self.bus),
            seconds_left=lambda: self.seconds - sum(self.pauses),
            sleep=self._sleep,
        )
        return step.run(FLEET)

    @property
    def page(self) -> str:
        return self.bucket.objects[KEYS.page].decode()

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.meanwhile()


def test_the_page_and_the_mail_are_of_the_whole_fleet() -> None:
    world = World().ended()
    world.tabulated(1, 2)

    assert world.show() == {
        "environments": 3,
        "failed": 1,
        "untabulated": 0,
        "keys": ["pingone/posture/fleet/date=2026-03-01/nightly.html"],
    }
    assert world.pauses == []
    [(subject, text)] = world.bus.mails
    assert subject == "PingOne fleet: 3 security events in 3 environments, 1 failed"
    assert f"  Play {world.exports[1]['environmentId']}: 2 of 12 users are weak\n" in text
    assert ": 2 security events, 5 changes\n" in text
    assert f"  Customers 3 {world.exports[2]['environmentId']}: AccessDenied\n" in text
    assert f"s3://reports/{KEYS.page}" in text
    assert "Play" in world.page


def test_an_export_that_is_not_tabulated_yet_is_waited_for() -> None:
    world = World().ended()
    world.tabulated(1)
    world.meanwhile = lambda: world.tabulated(2)
    assert world.show()["untabulated"] == 0
    assert len(world.pauses) == 1


def test_before_the_time_is_over_another_try_waits_again() -> None:
    world = World().ended()
    world.tabulated(1)
    with pytest.raises(FleetNotTabulated, match="1 exports"):
        world.show()
    assert sum(world.pauses) <= world.seconds
    assert KEYS.page not in world.bucket.objects
    assert world.bus.mails == []


def test_when_the_time_is_over_the_missing_ones_are_named() -> None:
    world = World().ended(minutes_ago=41)
    world.tabulated(1)
    assert world.show()["untabulated"] == 1
    assert world.pauses == []
    assert "Not in the tables\n  Play" in world.bus.mails[0][1]
    assert "were not in the tables" in world.page


def test_a_fleet_that_is_shown_twice_sends_one_mail() -> None:
    world = World().ended(minutes_ago=41)
    world.show()
    world.tabulated(1, 2)
    assert world.show()["untabulated"] == 0
    assert "were not in the tables" not in world.page
    assert len(world.bus.mails) == 1


def test_a_mail_that_was_not_taken_is_sent_by_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World().ended()
    world.tabulated(1, 2)

    def refuse(*_mail: str) -> None:
        raise AnnouncementFailed("No.")

    with monkeypatch.context() as refused:
        refused.setattr(world.bus, "send", refuse)
        with pytest.raises(AnnouncementFailed):
            world.show()
    world.show()
    assert len(world.bus.mails) == 1


def test_a_fleet_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        World().show()


def test_ten_thousand_environments_are_a_small_page_and_mail() -> None:
    world = World()
    entries = [entry(number) for number in range(10_000)]
    world.bucket.write_json(FLEET, manifest(*entries, minutes_ago=41))
    for number, each in enumerate(entries[:-1]):
        world.bucket.objects[summary_key(each)] = json.dumps(summary(number, 1, 1, 1)).encode()
    assert world.show() == {
        "environments": 10_000, "failed": 0, "untabulated": 1, "keys": [KEYS.page],
    }  # fmt: skip
    assert len(world.page) < 400_000
    [(_, text)] = world.bus.mails
    assert len(text) < 5_000

"""A fleet has one page and one mail, when its exports are in the tables or too late to be."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from pingone_reports.errors import AnnouncementFailed, InvalidRequest
from pingone_reports.steps.show_fleet import ShowFleet
from tests.support.announced import Bus
from tests.support.documents import faults
from tests.support.fleets import FLEET, KEYS, entry, manifest, summary, summary_key
from tests.support.memory_bucket import MemoryBucket

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import Topic

pytestmark = pytest.mark.usefixtures("stopped_clock")


@dataclass
class World:
    """A fleet: of three, of which one failed, if nothing else is said."""

    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    bus: Bus = field(default_factory=Bus)

    def ended(self, *exports: dict[str, Any], minutes_ago: float = 0) -> "World":
        self.exports = exports or (entry(1), entry(2, "Play"), entry(3, error="AccessDenied"))
        self.bucket.write_json(FLEET, manifest(*self.exports, minutes_ago=minutes_ago))
        return self

    def tabulated(self, *numbers: int) -> None:
        for number in numbers:
            key = summary_key(self.exports[number - 1])
            self.bucket.write_json(key, summary(number, 10, WEAK_FACTOR_ADDED=number))

    def show(self, notify: bool = True) -> dict[str, Any]:
        bucket, topic = cast("Bucket", self.bucket), cast("Topic", self.bus)
        answer = ShowFleet(bucket=bucket, digest=topic).run(FLEET, notify)
        assert faults("show-fleet-output", answer) == []
        return answer

    @property
    def page(self) -> str:
        return self.bucket.objects[KEYS.page].decode()


def test_the_page_and_the_mail_are_of_the_whole_fleet() -> None:
    world = World().ended()
    world.tabulated(1, 2)

    assert world.show() == {
        "status": "SHOWN",
        "missing": 0,
        "pageKey": "pingone/posture/fleet/date=2026-03-01/nightly.html",
    }
    [(subject, text)] = world.bus.mails
    assert subject == "PingOne fleet: 1 failed, weak factor added (3), " + (
        "3 security events in 3 environments"
    )
    assert f"  Play SANDBOX {world.exports[1]['environmentId']}: 2 of 12 users\n" in text
    assert f"  Customers 3 SANDBOX {world.exports[2]['environmentId']}: AccessDenied\n" in text
    assert "Play" in world.page


@pytest.mark.parametrize("minutes", [0, 34])
def test_an_export_that_is_not_tabulated_yet_is_waited_for_by_who_asked(minutes: float) -> None:
    world = World().ended(minutes_ago=minutes)
    world.tabulated(1)
    assert world.show() == {"status": "WAITING", "missing": 1}
    assert KEYS.page not in world.bucket.objects
    assert world.bus.mails == []

    world.tabulated(2)
    assert world.show()["status"] == "SHOWN"
    assert len(world.bus.mails) == 1


def test_when_the_time_is_over_the_missing_ones_are_named_until_the_page_is_written_anew() -> None:
    world = World().ended(minutes_ago=41)
    world.tabulated(1)
    assert world.show() == {"status": "SHOWN", "missing": 1, "pageKey": KEYS.page}
    assert "Not in the tables\n  Play" in world.bus.mails[0][1]
    assert "were not in the tables" in world.page

    world.tabulated(2)
    assert world.show(notify=False)["missing"] == 0
    assert "were not in the tables" not in world.page
    assert len(world.bus.mails) == 1


def test_a_mail_that_is_refused_leaves_the_page() -> None:
    world = World().ended()
    world.tabulated(1, 2)

    def refuse(_kind: str) -> None:
        raise AnnouncementFailed("No.")

    world.bus.before = refuse
    with pytest.raises(AnnouncementFailed):
        world.show()
    assert "Play" in world.page


def test_a_fleet_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        World().show()


def test_very_many_environments_are_a_small_page_and_mail() -> None:
    world = World().ended(*map(entry, range(2_000)), minutes_ago=41)
    world.tabulated(*range(1, 2_000))
    assert world.show()["missing"] == 1
    assert len(world.page) < 400_000
    [(_, text)] = world.bus.mails
    assert len(text) < 8_000

"""Links are renewed once for all who share them, in PingOne's rhythm, while there is time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from local.memory_calendar import MemoryCalendar
from local.pingone_simulator import Answer, ChangeBody, Fault, PingOneSimulator
from pingone_reports.errors import ASK_LATER, DownloadInterrupted, LinkNotAllowed
from pingone_reports.model.report_file import Format
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.link_hosts import LinkHosts
from pingone_reports.pingone.links import FreshLinks, LinkRequests
from pingone_reports.pingone.turns import Turn, Turns
from tests.support.asking import REQUEST, export_of, play, told
from tests.support.simulator import ManualClock


class Situation:
    """A finished report, and time that passes only in pauses."""

    def __init__(self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock) -> None:
        self.simulator = simulator
        self.clock = clock
        self.pauses: list[float] = []
        self.seconds_left = 900.0
        self._pingone = pingone
        self.export = export_of(pingone.create_exploration(REQUEST).id)
        self.clock.now += 6
        self.calendar = MemoryCalendar()

    def pause(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(seconds)
        self.clock.now += seconds

    def play(self, *faults: Fault, **scenario: Any) -> None:
        play(self.simulator, *faults, **scenario)

    @property
    def turns(self) -> Turns:
        return Turns(self.calendar, clock=lambda: 1_772_330_400 + self.clock.now, sleep=self.pause)

    def links(self, turn: Turn | None = None) -> FreshLinks:
        hosts = LinkHosts([self.simulator.link_host])
        requests = LinkRequests(self._pingone, self.export, self.turns, lambda: self.seconds_left)
        return FreshLinks(requests, hosts, turn)

    @property
    def reads(self) -> int:
        """How often the report was asked for, and given."""
        return sum(r.method == "GET" and r.status == 200 for r in self.simulator.requests)


@pytest.fixture
def situation(pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock) -> Situation:
    return Situation(pingone, simulator, clock)


class TestAsking:
    def test_links_come_with_the_password_and_the_times(self, situation: Situation) -> None:
        links = situation.links()
        assert links.current(Format.CSV) != links.current(Format.JSON)
        assert links.zip_password
        assert links.exploration.id == situation.export.exploration_id
        assert sum(situation.pauses) < 1

    def test_only_the_wanted_links_are_needed(self, situation: Situation) -> None:
        situation.play(Fault("read", ChangeBody(omit=("csvPresignedUrl",))))
        situation.export = replace(
            situation.export, request=replace(REQUEST, formats=(Format.JSON,))
        )
        assert situation.links().current(Format.JSON)

    def test_a_link_to_elsewhere_is_not_taken(self, situation: Situation) -> None:
        elsewhere = "https://reports.example.com/devices.zip?X-Amz-Signature=canary"
        situation.play(Fault("read", ChangeBody(override={"jsonPresignedUrl": elsewhere})))
        with pytest.raises(LinkNotAllowed, match=r"'reports\.example\.com'") as refusal:
            situation.links()
        assert "canary" not in told(refusal.value)

    @pytest.mark.parametrize("answer", [Answer(429, retry_after=600), Answer(503, retry_after=600)])
    def test_who_has_not_begun_yet_does_not_wait_for_a_pause_of_pingones(
        self, situation: Situation, answer: Answer
    ) -> None:
        """The state machine waits, which costs nothing."""
        situation.play(Fault("read", answer))
        turn, _ = situation.turns.to_read(REQUEST, None)
        with pytest.raises(ASK_LATER):
            situation.links(turn)
        assert sum(situation.pauses) < 1


class TestRenewing:
    def test_a_dead_link_is_renewed_in_the_next_turn(self, situation: Situation) -> None:
        links = situation.links()
        dead = links.current(Format.CSV)
        fresh = links.renew(Format.CSV, dead)
        assert fresh == links.current(Format.CSV) != dead
        assert 5.5 <= sum(situation.pauses) < 6.5
        assert situation.reads == 2

    def test_two_downloads_at_once_renew_once(self, situation: Situation) -> None:
        links = situation.links()
        dead = {name: links.current(name) for name in Format}
        with ThreadPoolExecutor(2) as pool:
            fresh = dict(zip(dead, pool.map(links.renew, dead, dead.values()), strict=True))
        assert situation.reads == 2
        assert all(fresh[name] == links.current(name) != dead[name] for name in dead)

    @pytest.mark.parametrize(
        ("retry_after", "times", "pauses"), [(17, 1, 5.5 + 17), (0, 3, 5.5 + 3 * 5.5)]
    )
    def test_the_pause_that_pingone_asks_for_is_made_before_a_renewal(
        self, situation: Situation, retry_after: int, times: int, pauses: float
    ) -> None:
        links = situation.links()
        situation.play(Fault("read", Answer(429, retry_after=retry_after), times=times))
        links.renew(Format.CSV, links.current(Format.CSV))
        assert pauses <= sum(situation.pauses) < pauses + 2
        calls = [r.seconds for r in situation.simulator.requests if r.method == "GET"]
        assert all(later - earlier >= 5 for earlier, later in pairwise(calls))


class TestGivingUp:
    def test_pingone_is_not_asked_without_time_to_pause(self, situation: Situation) -> None:
        links = situation.links()
        for _ in range(3):
            situation.calendar.book(f"pace#{REQUEST.environment_id}", 0, 5500, 0, 10**15)
        situation.seconds_left = 5
        with pytest.raises(DownloadInterrupted, match="No time is left"):
            links.renew(Format.CSV, links.current(Format.CSV))
        assert situation.reads == 1

    def test_a_pause_that_is_longer_than_the_time_left_is_not_made(
        self, situation: Situation
    ) -> None:
        situation.play(Fault("read", Answer(429, retry_after=1000)))
        with pytest.raises(DownloadInterrupted, match="No time is left"):
            situation.links()
        assert sum(situation.pauses) < 1

"""A report is started once, when its turn has come and its source was refreshed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from local.pingone_simulator import Answer, Fault, PingOneSimulator
from pingone_reports.errors import DeadlineExceeded, ReportRejected
from pingone_reports.model.export import Export
from pingone_reports.model.filters import without_values
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.api import PingOne
from tests.support.asking import REQUEST, execution, play
from tests.support.documents import faults
from tests.support.simulator import ManualClock
from tests.support.steps import FakeStarts, World

pytestmark = pytest.mark.usefixtures("stopped_clock")


def seconds_until(time: datetime) -> float:
    return (time - datetime.now(UTC)).total_seconds()


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


class TestStart:
    def test_an_accepted_report_is_in_progress_and_its_state_is_the_export(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        started = world.start()
        assert started["status"] == "IN_PROGRESS"
        assert started["waitSeconds"] == 6  # the documentation's sample took 5.6 s
        assert faults("start-report-output", started) == []
        export = Export.from_state(started["export"])
        assert (export.request, export.execution) == (REQUEST, execution())
        [created] = [each for each in simulator.requests if each.status == 201]
        assert created.environment_id == REQUEST.environment_id
        assert seconds_until(export.requested_at) == 0

    @pytest.mark.parametrize(("lives", "limit"), [(120, 120), (7200, 1800)])
    def test_the_deadline_of_a_report_is_the_end_of_its_exploration_and_at_most_half_an_hour(
        self, world: World, simulator: PingOneSimulator, lives: int, limit: int
    ) -> None:
        play(simulator, exploration_seconds=lives)
        export = Export.from_state(world.start()["export"])
        # PingOne counts ms.
        assert seconds_until(export.deadline) == pytest.approx(limit, abs=0.001)

    @pytest.mark.parametrize(
        ("answer", "wait"),
        [
            (Answer(429, retry_after=17), 17),
            (Answer(429, retry_after=1), 5),
            (Answer(401), 5),
            (Answer(503, retry_after=600), 600),
        ],
    )
    def test_a_start_that_is_worth_another_one_is_made_again_in_another_turn(
        self,
        world: World,
        simulator: PingOneSimulator,
        clock: ManualClock,
        answer: Answer,
        wait: int,
    ) -> None:
        play(simulator, Fault("create", answer))
        waiting = world.start()
        assert (waiting["status"], waiting["waitSeconds"]) == ("NOT_STARTED", wait)
        assert faults("start-report-output", waiting) == []
        clock.now += wait
        world.pass_time(wait)
        assert world.start(turn=waiting["turn"])["status"] == "IN_PROGRESS"

    @pytest.mark.parametrize(("cached", "wait"), [(False, 250), (True, 6)])
    def test_the_first_poll_waits_as_the_last_report_took_unless_it_may_be_cached(
        self, world: World, cached: bool, wait: int
    ) -> None:
        world.durations.took[REQUEST], world.durations.cached = 300, cached
        started = world.start()
        assert started["waitSeconds"] == wait
        assert Export.from_state(started["export"]).usual_seconds == 300
        assert faults("start-report-output", started) == []

    def test_a_start_that_is_noted_slowly_does_not_call_in_a_turn_that_has_passed(
        self, world: World, simulator: PingOneSimulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        once = FakeStarts.once

        def slow(starts: FakeStarts, execution_arn: str, start: Callable[[], Export]) -> Export:
            world.calendar.book(f"pace#{REQUEST.environment_id}", 0, 5500, 0, 10**15)
            world.pass_time(1)
            return once(starts, execution_arn, start)

        monkeypatch.setattr(FakeStarts, "once", slow)
        waiting = world.start()
        assert waiting["status"] == "NOT_STARTED"
        assert waiting["turn"]
        assert waiting["waitSeconds"] > 0
        assert [r.path for r in simulator.requests if "dataExplorations" in r.path] == []

    def test_a_report_is_given_up_when_pingone_is_busy_for_two_hours(
        self, world: World, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        """The pause is a part of them. Other failures between do not begin them anew."""
        play(simulator, Fault("create", Answer(429, retry_after=17), times=None))
        assert world.start(since=ago(hours=2, seconds=-18))["status"] == "NOT_STARTED"
        clock.now += 17
        world.pass_time(17)
        with pytest.raises(DeadlineExceeded):
            world.start(since=ago(hours=2, seconds=-16))

    def test_a_report_is_given_up_when_its_turn_does_not_come_in_two_hours(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        world.start()
        asked = len(simulator.requests)
        with pytest.raises(DeadlineExceeded):
            world.start(by=replace(execution(), arn="arn:other"), since=ago(hours=2))
        assert len(simulator.requests) == asked

    def test_a_repeated_start_gets_what_the_first_one_made_without_a_call_or_a_place_in_line(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        """The first one's answer got lost, and its turn with it."""
        first = world.start()
        for number in range(50):
            world.start(by=replace(execution(), arn=f"arn:{number}"))
        asked = len(simulator.requests)
        again = world.start(since=ago(hours=3))
        assert (again["status"], again["waitSeconds"]) == ("IN_PROGRESS", 6)
        assert again["export"] == first["export"]
        assert len(simulator.requests) == asked

    def test_a_start_whose_turn_has_not_come_does_not_call(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        world.start()
        asked = len(simulator.requests)
        waiting = world.start(by=replace(execution(), arn="arn:other"))
        assert waiting["status"] == "NOT_STARTED"
        assert waiting["waitSeconds"] == 3  # of 5.5, and the function sleeps for the rest
        assert waiting["turn"]
        assert faults("start-report-output", waiting) == []
        assert len(simulator.requests) == asked


class TestPseudonymize:
    FILTER = 'username eq "canary@example.com"'

    def test_only_pingone_gets_the_filter(self, pingone: PingOne, clock: ManualClock) -> None:
        world, request = World(pingone, pseudonymizes=True), replace(REQUEST, filter=self.FILTER)
        answer = world.start(request)
        assert answer["export"]["request"]["filter"] == without_values(self.FILTER)
        assert faults("start-report-output", answer) == []
        # What another try of the execution remembers is the same.
        assert world.start(request)["export"] == answer["export"]
        clock.now += 5
        assert pingone._read(Export.from_state(answer["export"]))["filter"] == self.FILTER

    @pytest.mark.parametrize("pseudonymizes", [True, False])
    def test_only_without_it_a_refusal_repeats_the_filters_values(
        self, pingone: PingOne, pseudonymizes: bool
    ) -> None:
        world = World(pingone, pseudonymizes=pseudonymizes)
        with pytest.raises(ReportRejected) as raised:
            world.start(replace(REQUEST, filter=self.FILTER + ' and phone eq "canary two'))
        assert ("canary" in str(raised.value)) is not pseudonymizes
        assert "filter cannot be parsed" in str(raised.value)


class TestChangesUntil:
    def asking(self, **time: float) -> ExportRequest:
        """For what changed until so long ago."""
        return replace(REQUEST, changes_until=ago(**time))

    def test_a_report_waits_until_its_source_was_refreshed_and_books_nothing(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        waiting = world.start(self.asking(minutes=5))
        assert waiting["status"] == "NOT_STARTED"
        assert waiting["waitSeconds"] == 600
        assert waiting["turn"] is None
        assert faults("start-report-output", waiting) == []
        assert simulator.requests == []
        assert world.calendar.bookings == 0

    def test_the_wait_for_changes_is_no_part_of_the_two_hours_in_line(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17), times=None))
        since = ago(hours=2)
        busy = World(pingone).start(self.asking(minutes=16), since=since)
        assert busy["status"] == "NOT_STARTED"
        with pytest.raises(DeadlineExceeded):
            World(pingone).start(self.asking(minutes=136), since=since)


def test_the_second_execution_with_a_key_is_a_duplicate_at_once(
    world: World, simulator: PingOneSimulator
) -> None:
    """It does not wait for changes, as the holder of the key does."""
    request = replace(REQUEST, idempotency_key="nightly", changes_until=ago(minutes=5))
    for _ in range(2):
        assert world.start(request)["status"] == "NOT_STARTED"
    duplicate = world.start(request, by=replace(execution(), arn="arn:other"))
    assert (duplicate["status"], duplicate["duplicateOf"]) == ("DUPLICATE", execution().arn)
    assert faults("start-report-output", duplicate) == []
    assert simulator.requests == []

"""A report is started once, when its turn has come and its source was refreshed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from local.pingone_simulator import Answer, Fault, PingOneSimulator
from pingone_reports.errors import DeadlineExceeded, PingOneUnavailable, ReportRejected
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


class TestStart:
    def test_an_accepted_report_is_in_progress(self, pingone: PingOne) -> None:
        started = World(pingone).start()
        assert started["status"] == "IN_PROGRESS"
        assert started["waitSeconds"] == 6  # the documentation's sample took 5.6 s
        assert faults("start-report-output", started) == []

    def test_the_state_of_a_started_report_is_the_export(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        export = Export.from_state(World(pingone).start()["export"])
        assert export.request == REQUEST
        assert export.execution.name == "5f2c1c1e"
        created = next(r for r in simulator.requests if r.method == "POST" and r.status == 201)
        assert created.environment_id == REQUEST.environment_id
        assert seconds_until(export.requested_at) == 0

    @pytest.mark.parametrize(("lives", "limit"), [(120, 120), (7200, 1800)])
    def test_the_deadline_of_a_report_is_the_end_of_its_exploration_and_at_most_half_an_hour(
        self, pingone: PingOne, simulator: PingOneSimulator, lives: int, limit: int
    ) -> None:
        play(simulator, exploration_seconds=lives)
        export = Export.from_state(World(pingone).start()["export"])
        # PingOne counts ms.
        assert seconds_until(export.deadline) == pytest.approx(limit, abs=0.001)

    @pytest.mark.parametrize(("retry_after", "wait"), [(17, 17), (1, 5), (None, 5)])
    def test_a_report_is_started_later_when_pingone_is_busy(
        self,
        pingone: PingOne,
        simulator: PingOneSimulator,
        retry_after: int | None,
        wait: int,
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=retry_after)))
        started = World(pingone).start()
        assert (started["status"], started["waitSeconds"]) == ("NOT_STARTED", wait)
        assert started["export"] is None
        assert faults("start-report-output", started) == []

    @pytest.mark.parametrize(
        ("answer", "wait"), [(Answer(401), 5), (Answer(503, retry_after=600), 600)]
    )
    def test_a_start_that_is_worth_another_one_is_made_again_in_another_turn(
        self,
        pingone: PingOne,
        simulator: PingOneSimulator,
        clock: ManualClock,
        answer: Answer,
        wait: int,
    ) -> None:
        play(simulator, Fault("create", answer))
        world = World(pingone)
        started = world.start()
        assert (started["status"], started["waitSeconds"]) == ("NOT_STARTED", wait)
        clock.now += wait
        world.pass_time(wait)
        assert world.start(turn=started["turn"])["status"] == "IN_PROGRESS"

    @pytest.mark.parametrize(("cached", "wait"), [(False, 250), (True, 6)])
    def test_the_first_poll_waits_as_the_last_report_took_unless_it_may_be_cached(
        self,
        pingone: PingOne,
        cached: bool,
        wait: int,
    ) -> None:
        world = World(pingone)
        world.durations.took[REQUEST], world.durations.cached = 300, cached
        started = world.start()
        assert started["waitSeconds"] == wait
        assert Export.from_state(started["export"]).usual_seconds == 300
        assert faults("start-report-output", started) == []

    def test_a_start_that_is_noted_slowly_does_not_call_in_a_turn_that_has_passed(
        self, pingone: PingOne, simulator: PingOneSimulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = World(pingone)
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
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17), times=None))
        with pytest.raises(DeadlineExceeded):
            World(pingone).start(since=datetime.now(UTC) - timedelta(hours=2))

    def test_failures_do_not_begin_the_two_hours_of_a_busy_pingone_anew(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        """The state machine retries each failure, and counts its retries anew after each 429."""
        busy, down = Fault("create", Answer(429), times=None), Fault("create", Answer(503), skip=1)
        play(simulator, down, busy)
        since = datetime.now(UTC) - timedelta(hours=2) + timedelta(seconds=6)
        assert World(pingone).start(since=since)["status"] == "NOT_STARTED"
        clock.now += 5
        with pytest.raises(PingOneUnavailable):
            World(pingone).start(since=since)
        clock.now += 5
        with pytest.raises(DeadlineExceeded):  # for ten seconds have passed
            World(pingone).start(since=since - timedelta(seconds=10))

    def test_a_report_is_given_up_when_its_turn_does_not_come_in_two_hours(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World(pingone)
        world.start()
        asked = len(simulator.requests)
        other, long_ago = replace(execution(), arn="arn:other"), timedelta(hours=2)
        with pytest.raises(DeadlineExceeded):
            world.start(by=other, since=datetime.now(UTC) - long_ago)
        assert len(simulator.requests) == asked

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(400, ReportRejected), (404, ReportRejected), (503, PingOneUnavailable)],
    )
    def test_any_other_answer_to_a_start_is_an_error(
        self, pingone: PingOne, simulator: PingOneSimulator, status: int, kind: type[Exception]
    ) -> None:
        play(simulator, Fault("create", Answer(status)))
        with pytest.raises(kind):
            World(pingone).start()

    def test_a_repeated_start_gets_what_the_first_one_made(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        """The first one's answer got lost, and its turn with it."""
        world = World(pingone)
        first = world.start()
        again = world.start()
        assert (again["status"], again["waitSeconds"]) == ("IN_PROGRESS", 6)
        assert again["export"] == first["export"]
        assert len([r for r in simulator.requests if r.path.endswith("dataExplorations")]) == 1

    def test_a_repeated_start_waits_in_no_line(self, pingone: PingOne) -> None:
        world = World(pingone)
        first = world.start()
        for number in range(50):
            world.start(by=replace(execution(), arn=f"arn:{number}"))
        again = world.start(since=datetime.now(UTC) - timedelta(hours=3))
        assert again["export"] == first["export"]

    def test_a_repeated_start_asks_pingone_for_nothing(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World(pingone)
        world.start()
        asked = len(simulator.requests)
        world.start()
        assert len(simulator.requests) == asked

    def test_a_report_that_was_not_started_is_started_by_the_next_try(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17)))
        world = World(pingone)
        first = world.start()
        clock.now += 17
        world.pass_time(17)
        again = world.start(turn=first["turn"])
        assert (first["status"], again["status"]) == ("NOT_STARTED", "IN_PROGRESS")

    def test_a_start_whose_turn_has_not_come_does_not_call(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World(pingone)
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

    def test_without_it_the_filter_is_kept(self, pingone: PingOne) -> None:
        answer = World(pingone).start(replace(REQUEST, filter=self.FILTER))
        assert answer["export"]["request"]["filter"] == self.FILTER

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
    def asking(self, ago: timedelta) -> ExportRequest:
        """For what changed until so long ago."""
        return replace(REQUEST, changes_until=datetime.now(UTC) - ago)

    def test_a_report_waits_until_its_source_was_refreshed_and_books_nothing(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World(pingone)
        waiting = world.start(self.asking(timedelta(minutes=5)))
        assert waiting["status"] == "NOT_STARTED"
        assert waiting["waitSeconds"] == 600
        assert waiting["turn"] is None
        assert faults("start-report-output", waiting) == []
        assert simulator.requests == []
        assert world.calendar.bookings == 0

    def test_a_report_starts_when_its_source_was_refreshed(self, pingone: PingOne) -> None:
        request = self.asking(timedelta(minutes=15))
        started = World(pingone).start(request)
        assert started["status"] == "IN_PROGRESS"
        assert Export.from_state(started["export"]).request == request

    def test_the_wait_for_changes_is_no_part_of_the_two_hours_in_line(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17), times=None))
        since = datetime.now(UTC) - timedelta(hours=2)
        busy = World(pingone).start(self.asking(timedelta(minutes=16)), since=since)
        assert busy["status"] == "NOT_STARTED"
        with pytest.raises(DeadlineExceeded):
            World(pingone).start(self.asking(timedelta(minutes=136)), since=since)

    def test_a_duplicate_does_not_wait_for_changes(self, pingone: PingOne) -> None:
        world, request = World(pingone), self.asking(timedelta(minutes=5))
        keyed = replace(request, idempotency_key="event")
        world.start(keyed)
        other = replace(execution(), arn="arn:other")
        assert world.start(keyed, by=other)["status"] == "DUPLICATE"


class TestIdempotencyKey:
    keyed = replace(REQUEST, idempotency_key="nightly")

    def test_the_second_execution_with_a_key_is_a_duplicate(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World(pingone)
        world.start(self.keyed)
        asked = len(simulator.requests)
        other = replace(execution(), arn="arn:other")
        duplicate = world.start(self.keyed, by=other)
        assert (duplicate["status"], duplicate["duplicateOf"]) == ("DUPLICATE", execution().arn)
        assert faults("start-report-output", duplicate) == []
        assert len(simulator.requests) == asked

    def test_the_holder_of_a_key_goes_on(self, pingone: PingOne) -> None:
        world = World(pingone)
        world.start(self.keyed)
        assert world.start(self.keyed)["duplicateOf"] is None

"""A report is started once it is accepted, checked until it is ready, and no secret is carried."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from local.metrics import embedded_metrics
from local.pingone_simulator import Answer, Fault, PingOneSimulator
from pingone_reports.config import Config
from pingone_reports.errors import (
    DeadlineExceeded,
    PingOneUnavailable,
    ReportExpired,
    ReportFailed,
    ReportRejected,
)
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.turns import Pacer
from pingone_reports.steps.check import check_report
from pingone_reports.steps.start import Queued, start_report
from tests.support.asking import REQUEST, execution, export_of, play, secrets_in
from tests.support.documents import faults
from tests.support.turns import FakeCalendar, FakeOnce
from tests.unit.local.test_pingone_simulator import ManualClock
from tests.unit.test_config import VARIABLES


@pytest.fixture
def clock() -> ManualClock:
    """One on which PingOne's time begins now: deadlines are told by this machine's clock."""
    return ManualClockOfNow()


class ManualClockOfNow(ManualClock):
    """Stands still until a test moves it, but stands at the present."""

    def __init__(self) -> None:
        super().__init__()
        self._zero = datetime.now(UTC)

    def instant(self, seconds: float) -> datetime:
        return self._zero + timedelta(seconds=seconds)


class Keys:
    """Idempotency keys, in memory."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}

    def holder(self, idempotency_key: str, execution_arn: str) -> str:
        return self._holders.setdefault(idempotency_key, execution_arn)


class World:
    """What starts share."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.once = FakeOnce()
        self.calendar = FakeCalendar()
        self.pacer = Pacer(self.calendar, time.time)


def start(
    pingone: PingOne,
    polling_limit: int = 1800,
    since: datetime | None = None,
    request: ExportRequest = REQUEST,
    by: Execution | None = None,
    turn: dict[str, int] | None = None,
    world: World | None = None,
) -> dict[str, Any]:
    config = Config.from_environment(VARIABLES | {"POLLING_LIMIT_SECONDS": str(polling_limit)})
    queued = Queued.from_state(
        {"since": (since or datetime.now(UTC)).isoformat(), "turn": turn},
    )
    world = world or World()
    return start_report(
        request, by or execution(), queued, pingone, world.keys, world.once, world.pacer, config
    )


def check(export: Export, pingone: PingOne) -> dict[str, Any]:
    """Alone, so in turn at any time."""
    return check_report(export, None, pingone, World().pacer)


def measured(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, float]]:
    """The metrics that were written, by name."""
    lines = capsys.readouterr().out.splitlines()
    return [(point.name, point.value) for line in lines for _, point in embedded_metrics(line)]


def seconds_until(time: datetime) -> float:
    return (time - datetime.now(UTC)).total_seconds()


class TestStart:
    def test_an_accepted_report_is_in_progress(self, pingone: PingOne) -> None:
        started = start(pingone)
        assert started["status"] == "IN_PROGRESS"
        assert started["waitSeconds"] == 5
        assert faults("start-report-output", started) == []

    def test_its_state_is_the_export(self, pingone: PingOne, simulator: PingOneSimulator) -> None:
        export = Export.from_state(start(pingone)["export"])
        assert export.request == REQUEST
        assert export.execution.name == "5f2c1c1e"
        created = next(r for r in simulator.requests if r.method == "POST" and r.status == 201)
        assert created.environment_id == REQUEST.environment_id
        assert abs(seconds_until(export.requested_at)) < 10

    @pytest.mark.parametrize("limit", [30, 600])
    def test_its_deadline_is_the_polling_limit(self, pingone: PingOne, limit: int) -> None:
        export = Export.from_state(start(pingone, limit)["export"])
        assert seconds_until(export.deadline) == pytest.approx(limit, abs=10)

    def test_or_the_end_of_the_exploration_if_that_is_earlier(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        play(simulator, exploration_seconds=120)
        export = Export.from_state(start(pingone)["export"])
        assert seconds_until(export.deadline) == pytest.approx(120, abs=10)

    @pytest.mark.parametrize(("retry_after", "wait"), [(17, 17), (1, 5), (None, 5)])
    def test_when_pingone_is_busy_it_is_started_later(
        self,
        pingone: PingOne,
        simulator: PingOneSimulator,
        retry_after: int | None,
        wait: int,
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=retry_after)))
        started = start(pingone)
        assert (started["status"], started["waitSeconds"]) == ("NOT_STARTED", wait)
        assert started["export"] is None
        assert faults("start-report-output", started) == []

    def test_when_pingone_is_busy_for_too_long_it_is_given_up(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17), times=None))
        with pytest.raises(DeadlineExceeded):
            start(pingone, since=datetime.now(UTC) - timedelta(hours=2))

    def test_failures_in_between_do_not_begin_that_time_anew(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        """The state machine retries each failure, and counts its retries anew after each 429."""
        busy, down = Fault("create", Answer(429), times=None), Fault("create", Answer(503), skip=1)
        play(simulator, down, busy)
        since = datetime.now(UTC) - timedelta(hours=2) + timedelta(seconds=6)
        assert start(pingone, since=since)["status"] == "NOT_STARTED"
        clock.now += 5
        with pytest.raises(PingOneUnavailable):
            start(pingone, since=since)
        clock.now += 5
        with pytest.raises(DeadlineExceeded):  # for ten seconds have passed
            start(pingone, since=since - timedelta(seconds=10))

    def test_nor_does_a_turn_that_does_not_come(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World()
        start(pingone, world=world)
        asked = len(simulator.requests)
        other, long_ago = replace(execution(), arn="arn:other"), timedelta(hours=2)
        with pytest.raises(DeadlineExceeded):
            start(pingone, world=world, by=other, since=datetime.now(UTC) - long_ago)
        assert len(simulator.requests) == asked

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(400, ReportRejected), (404, ReportRejected), (503, PingOneUnavailable)],
    )
    def test_any_other_answer_is_an_error(
        self, pingone: PingOne, simulator: PingOneSimulator, status: int, kind: type[Exception]
    ) -> None:
        play(simulator, Fault("create", Answer(status)))
        with pytest.raises(kind):
            start(pingone)

    def test_a_repeated_start_gets_what_the_first_one_made(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World()
        first = start(pingone, world=world)
        assert start(pingone, world=world) == first
        assert len([r for r in simulator.requests if r.path.endswith("dataExplorations")]) == 1

    def test_what_is_not_started_is_started_by_the_next_try(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17)))
        world = World()
        first = start(pingone, world=world)
        clock.now += 17
        again = start(pingone, world=world, turn=first["turn"])
        assert (first["status"], again["status"]) == ("NOT_STARTED", "IN_PROGRESS")

    def test_whose_turn_has_not_come_does_not_call(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World()
        start(pingone, world=world)
        asked = len(simulator.requests)
        waiting = start(pingone, world=world, by=replace(execution(), arn="arn:other"))
        assert waiting["status"] == "NOT_STARTED"
        assert waiting["waitSeconds"] >= 15
        assert waiting["turn"]
        assert faults("start-report-output", waiting) == []
        assert len(simulator.requests) == asked


class TestChangesUntil:
    def asking(self, ago: timedelta) -> ExportRequest:
        """For what changed until so long ago."""
        return replace(REQUEST, changes_until=datetime.now(UTC) - ago)

    def test_it_waits_until_the_source_was_refreshed_and_books_nothing(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World()
        waiting = start(pingone, request=self.asking(timedelta(minutes=5)), world=world)
        assert waiting["status"] == "NOT_STARTED"
        assert 595 < waiting["waitSeconds"] <= 600
        assert waiting["turn"] is None
        assert faults("start-report-output", waiting) == []
        assert simulator.requests == []
        assert world.calendar.bookings == 0

    def test_then_it_starts(self, pingone: PingOne) -> None:
        request = self.asking(timedelta(minutes=15))
        started = start(pingone, request=request)
        assert started["status"] == "IN_PROGRESS"
        assert Export.from_state(started["export"]).request == request

    def test_the_wait_is_none_for_pingone_to_have_time(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17), times=None))
        since = datetime.now(UTC) - timedelta(hours=2)
        busy = start(pingone, since=since, request=self.asking(timedelta(minutes=16)))
        assert busy["status"] == "NOT_STARTED"
        with pytest.raises(DeadlineExceeded):
            start(pingone, since=since, request=self.asking(timedelta(minutes=136)))

    def test_a_duplicate_need_not_wait(self, pingone: PingOne) -> None:
        world, request = World(), self.asking(timedelta(minutes=5))
        keyed = replace(request, idempotency_key="event")
        start(pingone, request=keyed, world=world)
        other = replace(execution(), arn="arn:other")
        assert start(pingone, request=keyed, by=other, world=world)["status"] == "DUPLICATE"


class TestIdempotencyKey:
    keyed = replace(REQUEST, idempotency_key="nightly")

    def test_the_second_execution_with_it_is_a_duplicate(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        world = World()
        start(pingone, request=self.keyed, world=world)
        asked = len(simulator.requests)
        other = replace(execution(), arn="arn:other")
        duplicate = start(pingone, request=self.keyed, by=other, world=world)
        assert (duplicate["status"], duplicate["duplicateOf"]) == ("DUPLICATE", execution().arn)
        assert faults("start-report-output", duplicate) == []
        assert len(simulator.requests) == asked

    def test_its_holder_goes_on(self, pingone: PingOne) -> None:
        world = World()
        first = start(pingone, request=self.keyed, world=world)
        assert start(pingone, request=self.keyed, world=world) == first


class TestCheck:
    @pytest.fixture
    def exploration_id(self, pingone: PingOne, clock: ManualClock) -> str:
        """Of a report that is ready after 5.6 s; PingOne may be asked again."""
        created = pingone.create_exploration(REQUEST)
        clock.now += 5
        return str(created["id"])

    def test_an_unfinished_report_is_in_progress(
        self, pingone: PingOne, exploration_id: str
    ) -> None:
        checked = check(export_of(exploration_id), pingone)
        assert checked == {"status": "IN_PROGRESS", "waitSeconds": 5, "turn": ANY}
        assert faults("check-report-output", checked) == []

    def test_the_older_it_is_the_longer_is_the_wait(
        self, pingone: PingOne, exploration_id: str
    ) -> None:
        checked = check(export_of(exploration_id, age=100), pingone)
        assert 20 <= checked["waitSeconds"] <= 23

    def test_the_pause_that_pingone_asks_for_wins(
        self, pingone: PingOne, simulator: PingOneSimulator, exploration_id: str
    ) -> None:
        play(simulator, Fault("read", Answer(429, retry_after=42)))
        checked = check(export_of(exploration_id), pingone)
        assert checked == {"status": "IN_PROGRESS", "waitSeconds": 42, "turn": ANY}

    def test_a_finished_report_is_a_success_and_nothing_more(
        self, pingone: PingOne, clock: ManualClock, exploration_id: str
    ) -> None:
        clock.now += 1
        checked = check(export_of(exploration_id), pingone)
        assert checked == {"status": "SUCCESS", "waitSeconds": 5, "turn": ANY}
        assert faults("check-report-output", checked) == []

    def test_every_question_is_a_poll_whatever_the_answer(
        self,
        pingone: PingOne,
        simulator: PingOneSimulator,
        exploration_id: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        play(simulator, Fault("read", Answer(429)))
        check(export_of(exploration_id), pingone)
        check(export_of(exploration_id), pingone)
        assert measured(capsys) == [("Polls", 1), ("Polls", 1)]

    def test_how_long_it_was_generated_is_told_when_it_is_ready(
        self,
        pingone: PingOne,
        clock: ManualClock,
        exploration_id: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        clock.now += 1
        check(export_of(exploration_id, age=100), pingone)
        poll, (name, seconds) = measured(capsys)
        assert poll == ("Polls", 1)
        assert name == "SecondsGenerating"
        assert 100 <= seconds < 110

    def test_no_state_carries_a_secret(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        started = start(pingone)
        clock.now += 6
        checked = check(Export.from_state(started["export"]), pingone)
        kinds = {secret.kind for secret in simulator.issued_secrets}
        assert {"client secret", "access token", "zip password", "link signature"} <= kinds
        assert secrets_in(json.dumps([started, checked]), simulator) == []

    def test_after_the_deadline_it_is_given_up(self, pingone: PingOne, exploration_id: str) -> None:
        with pytest.raises(DeadlineExceeded):
            check(export_of(exploration_id, seconds_left=0), pingone)

    def test_but_a_report_that_is_ready_by_then_is_a_success(
        self, pingone: PingOne, clock: ManualClock, exploration_id: str
    ) -> None:
        clock.now += 1
        checked = check(export_of(exploration_id, seconds_left=0), pingone)
        assert checked["status"] == "SUCCESS"

    def test_a_failed_report_is_a_failure(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        play(simulator, final_status="FAILED")
        created = pingone.create_exploration(REQUEST)
        clock.now += 6
        with pytest.raises(ReportFailed, match="'FAILED'"):
            check(export_of(created["id"]), pingone)

    def test_one_that_is_gone_has_expired(
        self, pingone: PingOne, clock: ManualClock, exploration_id: str
    ) -> None:
        clock.now += 1800
        with pytest.raises(ReportExpired):
            check(export_of(exploration_id), pingone)

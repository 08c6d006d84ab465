"""A report is started once it is accepted, checked until it is ready, and no secret is carried."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.metrics import embedded_metrics
from local.pingone_simulator import Answer, Fault, PingOneSimulator
from pingone_reports.check import check_report
from pingone_reports.config import Config
from pingone_reports.errors import (
    DeadlineExceeded,
    PingOneUnavailable,
    ReportExpired,
    ReportFailed,
    ReportRejected,
)
from pingone_reports.export import Export
from pingone_reports.pingone import PingOne
from pingone_reports.start import start_report
from tests.unit.asking import REQUEST, execution, export_of, play, secrets_in
from tests.unit.documents import faults
from tests.unit.test_config import VARIABLES
from tests.unit.test_pingone_simulator import ManualClock


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


def start(
    pingone: PingOne, polling_limit: int = 1800, started_at: datetime | None = None
) -> dict[str, Any]:
    config = Config.from_environment(VARIABLES | {"POLLING_LIMIT_SECONDS": str(polling_limit)})
    return start_report(REQUEST, execution(started_at), pingone, config)


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
        assert started == {"status": "NOT_STARTED", "waitSeconds": wait, "export": None}
        assert faults("start-report-output", started) == []

    def test_when_pingone_is_busy_for_too_long_it_is_given_up(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=17), times=None))
        with pytest.raises(DeadlineExceeded):
            start(pingone, 30, started_at=datetime.now(UTC) - timedelta(seconds=25))

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
        checked = check_report(export_of(exploration_id), pingone)
        assert checked == {"status": "IN_PROGRESS", "waitSeconds": 5}
        assert faults("check-report-output", checked) == []

    def test_the_older_it_is_the_longer_is_the_wait(
        self, pingone: PingOne, exploration_id: str
    ) -> None:
        checked = check_report(export_of(exploration_id, age=100), pingone)
        assert 20 <= checked["waitSeconds"] <= 23

    def test_the_pause_that_pingone_asks_for_wins(
        self, pingone: PingOne, simulator: PingOneSimulator, exploration_id: str
    ) -> None:
        play(simulator, Fault("read", Answer(429, retry_after=42)))
        checked = check_report(export_of(exploration_id), pingone)
        assert checked == {"status": "IN_PROGRESS", "waitSeconds": 42}

    def test_a_finished_report_is_a_success_and_nothing_more(
        self, pingone: PingOne, clock: ManualClock, exploration_id: str
    ) -> None:
        clock.now += 1
        checked = check_report(export_of(exploration_id), pingone)
        assert checked == {"status": "SUCCESS", "waitSeconds": 5}
        assert faults("check-report-output", checked) == []

    def test_every_question_is_a_poll_whatever_the_answer(
        self,
        pingone: PingOne,
        simulator: PingOneSimulator,
        exploration_id: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        play(simulator, Fault("read", Answer(429)))
        check_report(export_of(exploration_id), pingone)
        check_report(export_of(exploration_id), pingone)
        assert measured(capsys) == [("Polls", 1), ("Polls", 1)]

    def test_how_long_it_was_generated_is_told_when_it_is_ready(
        self,
        pingone: PingOne,
        clock: ManualClock,
        exploration_id: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        clock.now += 1
        check_report(export_of(exploration_id, age=100), pingone)
        poll, (name, seconds) = measured(capsys)
        assert poll == ("Polls", 1)
        assert name == "SecondsGenerating"
        assert 100 <= seconds < 110

    def test_no_state_carries_a_secret(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        started = start(pingone)
        clock.now += 6
        checked = check_report(Export.from_state(started["export"]), pingone)
        kinds = {secret.kind for secret in simulator.issued_secrets}
        assert {"client secret", "access token", "zip password", "link signature"} <= kinds
        assert secrets_in(json.dumps([started, checked]), simulator) == []

    def test_after_the_deadline_it_is_given_up(self, pingone: PingOne, exploration_id: str) -> None:
        with pytest.raises(DeadlineExceeded):
            check_report(export_of(exploration_id, seconds_left=0), pingone)

    def test_but_a_report_that_is_ready_by_then_is_a_success(
        self, pingone: PingOne, clock: ManualClock, exploration_id: str
    ) -> None:
        clock.now += 1
        checked = check_report(export_of(exploration_id, seconds_left=0), pingone)
        assert checked["status"] == "SUCCESS"

    def test_a_failed_report_is_a_failure(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        play(simulator, final_status="FAILED")
        created = pingone.create_exploration(REQUEST)
        clock.now += 6
        with pytest.raises(ReportFailed, match="'FAILED'"):
            check_report(export_of(created["id"]), pingone)

    def test_one_that_is_gone_has_expired(
        self, pingone: PingOne, clock: ManualClock, exploration_id: str
    ) -> None:
        clock.now += 1800
        with pytest.raises(ReportExpired):
            check_report(export_of(exploration_id), pingone)

"""A report is checked until it is ready, and no secret is carried on."""

import json
import time
from dataclasses import replace

import pytest

from local.metrics import embedded_metrics
from local.pingone_simulator import Answer, Fault, PingOneSimulator
from pingone_reports.errors import DeadlineExceeded, ReportExpired, ReportFailed
from pingone_reports.model.export import Export
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.turns import Turn, Turns
from tests.support.asking import REQUEST, export_of, play, secrets_in
from tests.support.documents import faults
from tests.support.simulator import ManualClock
from tests.support.steps import World

pytestmark = pytest.mark.usefixtures("stopped_clock")


def measured(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, float]]:
    """The metrics that were written, by name."""
    lines = capsys.readouterr().out.splitlines()
    return [(point.name, point.value) for line in lines for _, point in embedded_metrics(line)]


@pytest.fixture
def exploration_id(pingone: PingOne, clock: ManualClock) -> str:
    """Of a report that is ready after 5.6 s; PingOne may be asked again."""
    created = pingone.create_exploration(REQUEST)
    clock.now += 5
    return created.id


def test_an_unfinished_report_is_in_progress(pingone: PingOne, exploration_id: str) -> None:
    checked = World(pingone).check(export_of(exploration_id, age=5))
    assert checked == {"status": "IN_PROGRESS", "waitSeconds": 5, "turn": None}
    assert faults("check-report-output", checked) == []


def test_the_older_a_report_is_the_longer_is_the_wait(
    pingone: PingOne, exploration_id: str
) -> None:
    checked = World(pingone).check(export_of(exploration_id, age=100))
    assert 20 <= checked["waitSeconds"] <= 23


def test_the_pause_that_pingone_asks_for_wins_over_the_schedule(
    pingone: PingOne, simulator: PingOneSimulator, exploration_id: str
) -> None:
    play(simulator, Fault("read", Answer(429, retry_after=42)))
    checked = World(pingone).check(export_of(exploration_id))
    assert checked == {"status": "IN_PROGRESS", "waitSeconds": 42, "turn": None}


def test_a_check_before_its_turn_does_not_call(
    pingone: PingOne, simulator: PingOneSimulator, exploration_id: str
) -> None:
    world = World(pingone)
    world.calendar.book(f"pace#{REQUEST.environment_id}", 0, int(time.time() + 60) * 1000, 0, 0)
    asked = len(simulator.requests)
    checked = world.check(export_of(exploration_id))
    assert checked["waitSeconds"] > 0
    assert checked["turn"]["place"] is None
    assert faults("check-report-output", checked) == []
    assert len(simulator.requests) == asked


def test_a_finished_report_is_a_success_and_nothing_more(
    pingone: PingOne, clock: ManualClock, exploration_id: str
) -> None:
    clock.now += 1
    checked = World(pingone).check(export_of(exploration_id))
    assert checked == {"status": "SUCCESS", "waitSeconds": 5, "turn": None}
    assert faults("check-report-output", checked) == []


def test_every_question_is_a_poll_whatever_the_answer(
    pingone: PingOne,
    simulator: PingOneSimulator,
    exploration_id: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    play(simulator, Fault("read", Answer(429)))
    World(pingone).check(export_of(exploration_id))
    World(pingone).check(export_of(exploration_id))
    assert measured(capsys) == [("Polls", 1), ("Polls", 1)]


def test_the_time_that_a_report_took_is_told_when_it_is_ready(
    pingone: PingOne,
    clock: ManualClock,
    exploration_id: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock.now += 1
    World(pingone).check(export_of(exploration_id, age=100))
    assert measured(capsys) == [("Polls", 1), ("SecondsGenerating", 100)]


def test_no_state_carries_a_secret(
    pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
) -> None:
    started = World(pingone).start()
    clock.now += 6
    checked = World(pingone).check(Export.from_state(started["export"]))
    kinds = {secret.kind for secret in simulator.issued_secrets}
    assert {"client secret", "access token", "zip password", "link signature"} <= kinds
    assert secrets_in(json.dumps([started, checked]), simulator) == []


def test_an_unfinished_report_is_given_up_after_the_deadline(
    pingone: PingOne, exploration_id: str
) -> None:
    with pytest.raises(DeadlineExceeded):
        World(pingone).check(export_of(exploration_id, seconds_left=0))


def test_a_report_that_is_ready_at_the_deadline_is_a_success(
    pingone: PingOne, clock: ManualClock, exploration_id: str
) -> None:
    clock.now += 1
    checked = World(pingone).check(export_of(exploration_id, seconds_left=0))
    assert checked["status"] == "SUCCESS"


def test_a_failed_report_is_a_failure(
    pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
) -> None:
    play(simulator, final_status="FAILED")
    created = pingone.create_exploration(REQUEST)
    clock.now += 6
    with pytest.raises(ReportFailed, match="'FAILED'"):
        World(pingone).check(export_of(created.id))


def test_a_report_that_is_gone_has_expired(
    pingone: PingOne, clock: ManualClock, exploration_id: str
) -> None:
    clock.now += 1800
    with pytest.raises(ReportExpired):
        World(pingone).check(export_of(exploration_id, age=1800))


@pytest.mark.parametrize(
    ("answer", "wait"), [(Answer(404), 5), (Answer(401), 5), (Answer(503, retry_after=600), 600)]
)
def test_a_poll_that_is_worth_another_one_is_made_again_in_another_turn(
    pingone: PingOne,
    simulator: PingOneSimulator,
    clock: ManualClock,
    exploration_id: str,
    answer: Answer,
    wait: int,
) -> None:
    play(simulator, Fault("read", answer))
    clock.now += 1
    export = export_of(exploration_id, age=6)
    world = World(pingone)
    assert world.check(export) == {"status": "IN_PROGRESS", "waitSeconds": wait, "turn": None}
    clock.now += 6
    world.pass_time(6)
    assert world.check(export)["status"] == "SUCCESS"


def test_a_pause_that_ends_after_the_deadline_is_not_waited_for(
    pingone: PingOne, simulator: PingOneSimulator, exploration_id: str
) -> None:
    play(simulator, Fault("read", Answer(503, retry_after=600)))
    with pytest.raises(DeadlineExceeded):
        World(pingone).check(export_of(exploration_id, seconds_left=500))


def test_the_time_that_pingone_took_is_remembered_for_the_next_report(
    pingone: PingOne, clock: ManualClock, exploration_id: str
) -> None:
    world = World(pingone)
    clock.now += 50
    world.check(export_of(exploration_id, age=55))
    assert world.durations.took == {REQUEST: 6}  # it was ready long before it was seen


def test_a_report_that_is_not_ready_yet_is_asked_for_when_the_last_one_was(
    pingone: PingOne, exploration_id: str
) -> None:
    export = replace(export_of(exploration_id, age=5), usual_seconds=300)
    assert 240 <= World(pingone).check(export)["waitSeconds"] <= 245


def test_a_turn_that_passes_while_a_connection_is_opened_is_not_used(
    pingone: PingOne,
    simulator: PingOneSimulator,
    exploration_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others have booked the environment's next turns."""
    world = World(pingone)
    begin = Turns.begin

    def late(turns: Turns, turn: Turn) -> bool:
        world.calendar.book(f"pace#{REQUEST.environment_id}", 0, 5500, 0, 10**15)
        world.pass_time(1)
        return begin(turns, turn)

    monkeypatch.setattr(Turns, "begin", late)
    asked = len(simulator.requests)
    checked = world.check(export_of(exploration_id))
    assert checked["waitSeconds"] > 0
    assert checked["turn"]
    assert len(simulator.requests) == asked

"""A report is checked until it is ready, and no secret is carried on."""

import json
import time
from dataclasses import replace

import pytest

from local.pingone_simulator import Answer, Fault, PingOneSimulator
from pingone_reports.errors import DeadlineExceeded
from pingone_reports.model.export import Export
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.turns import Turn, Turns
from tests.support.asking import REQUEST, export_of, play, secrets_in
from tests.support.documents import faults
from tests.support.metrics import embedded_metrics
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


@pytest.mark.parametrize(("age", "usual", "wait"), [(5, 0, 5), (100, 0, 20), (5, 300, 245)])
def test_an_unfinished_report_is_checked_again_when_its_age_and_the_last_one_say(
    world: World, exploration_id: str, age: float, usual: int, wait: int
) -> None:
    export = replace(export_of(exploration_id, age=age), usual_seconds=usual)
    checked = world.check(export)
    assert checked == {"status": "IN_PROGRESS", "waitSeconds": wait, "turn": None}
    assert faults("check-report-output", checked) == []


def test_a_finished_report_is_a_success_whose_time_is_measured_and_remembered(
    world: World, clock: ManualClock, exploration_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.now += 50
    checked = world.check(export_of(exploration_id, age=55))
    assert checked == {"status": "SUCCESS", "waitSeconds": 5, "turn": None}
    assert faults("check-report-output", checked) == []
    assert measured(capsys) == [("Polls", 1), ("SecondsGenerating", 55)]
    assert world.durations.took == {REQUEST: 6}  # it was ready long before it was seen


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (Answer(404), 5),
        (Answer(401), 5),
        (Answer(429, retry_after=42), 42),
        (Answer(500, retry_after=1), 5),
        (Answer(503, retry_after=600), 600),
    ],
)
def test_a_poll_that_is_worth_another_one_is_made_again_in_another_turn(
    world: World,
    simulator: PingOneSimulator,
    clock: ManualClock,
    exploration_id: str,
    capsys: pytest.CaptureFixture[str],
    answer: Answer,
    wait: int,
) -> None:
    play(simulator, Fault("read", answer))
    clock.now += 1
    export = export_of(exploration_id, age=6)
    assert world.check(export) == {"status": "IN_PROGRESS", "waitSeconds": wait, "turn": None}
    assert measured(capsys) == [("Polls", 1)]
    clock.now += 6
    world.pass_time(6)
    assert world.check(export)["status"] == "SUCCESS"


def test_no_state_carries_a_secret(
    world: World, simulator: PingOneSimulator, clock: ManualClock
) -> None:
    started = world.start()
    clock.now += 6
    world.pass_time(6)
    checked = world.check(Export.from_state(started["export"]))
    kinds = {secret.kind for secret in simulator.issued_secrets}
    assert {"client secret", "access token", "zip password", "link signature"} <= kinds
    assert secrets_in(json.dumps([started, checked]), simulator) == []


def test_an_unfinished_report_is_given_up_after_the_deadline(
    world: World, exploration_id: str
) -> None:
    with pytest.raises(DeadlineExceeded):
        world.check(export_of(exploration_id, seconds_left=0))


def test_a_report_that_is_ready_at_the_deadline_is_a_success(
    world: World, clock: ManualClock, exploration_id: str
) -> None:
    clock.now += 1
    assert world.check(export_of(exploration_id, seconds_left=0))["status"] == "SUCCESS"


def test_a_check_before_its_turn_does_not_call(
    world: World, simulator: PingOneSimulator, exploration_id: str
) -> None:
    world.calendar.book(f"pace#{REQUEST.environment_id}", 0, int(time.time() + 60) * 1000, 0, 0)
    asked = len(simulator.requests)
    checked = world.check(export_of(exploration_id))
    assert checked["waitSeconds"] > 0
    assert checked["turn"]["place"] is None
    assert faults("check-report-output", checked) == []
    assert len(simulator.requests) == asked


def test_a_turn_that_passes_while_a_connection_is_opened_is_not_used(
    world: World,
    simulator: PingOneSimulator,
    exploration_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others have booked the environment's next turns."""
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

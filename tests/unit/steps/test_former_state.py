"""Executions that the last release has begun go on with today's functions.

state_of_1_0_0.json is what 1.0.0 wrote: an export that waits for its turn.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.paths import ROOT
from pingone_reports.model.export import Export
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.turns import Turn
from tests.support.asking import REQUEST, export_of
from tests.support.documents import faults
from tests.support.simulator import ManualClock
from tests.support.steps import World

STATE: dict[str, Any] = json.loads((ROOT / "tests/support/state_of_1_0_0.json").read_text())


@pytest.fixture
def exploration_id(pingone: PingOne, clock: ManualClock) -> str:
    created = pingone.create_exploration(REQUEST)
    clock.now += 10
    return created.id


def test_an_export_is_read_whole() -> None:
    """What came since then is added, and has a value of its own."""
    written, was = Export.from_state(STATE["export"]).to_state(), STATE["export"]
    assert written | {"request": was["request"]} == written | was
    assert written["request"] | was["request"] == written["request"]


def test_an_export_that_waits_is_checked(pingone: PingOne, exploration_id: str) -> None:
    now = export_of(exploration_id, age=10).to_state()
    renewed = {name: now[name] for name in ("explorationId", "requestedAt", "deadline")}
    export = Export.from_state(STATE["export"] | renewed)
    checked = World(pingone).check(export, Turn.from_state(STATE["turn"]))
    assert checked["status"] == "SUCCESS"
    assert faults("check-report-output", checked) == []


def test_an_export_that_is_in_line_is_started(pingone: PingOne) -> None:
    started = World(pingone).start(since=datetime.now(UTC), turn=STATE["turn"])
    assert started["status"] in ("NOT_STARTED", "IN_PROGRESS")
    assert faults("start-report-output", started) == []

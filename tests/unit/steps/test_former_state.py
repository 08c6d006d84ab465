"""Executions that the last release has begun go on with today's functions.

state_of_1_0_0.json is what 1.0.0 wrote: an export that waits for its turn.
"""

import json
from datetime import UTC, datetime
from typing import Any

from local.paths import ROOT
from pingone_reports.model.export import Export
from pingone_reports.pingone.turns import Turn
from tests.support.asking import REQUEST, export_of
from tests.support.documents import faults
from tests.support.simulator import ManualClock
from tests.support.steps import World

STATE: dict[str, Any] = json.loads((ROOT / "tests/support/state_of_1_0_0.json").read_text())


def test_an_export_is_read_whole() -> None:
    """What came since then is added, and has a value of its own."""
    written, was = Export.from_state(STATE["export"]).to_state(), STATE["export"]
    assert written | {"request": was["request"]} == written | was
    assert written["request"] | was["request"] == written["request"]


def test_an_export_that_waits_is_checked(world: World, clock: ManualClock) -> None:
    created = world.pingone.create_exploration(REQUEST)
    clock.now += 10
    now = export_of(created.id, age=10).to_state()
    renewed = {name: now[name] for name in ("explorationId", "requestedAt", "deadline")}
    export = Export.from_state(STATE["export"] | renewed)
    checked = world.check(export, Turn.from_state(STATE["turn"]))
    assert checked["status"] == "SUCCESS"
    assert faults("check-report-output", checked) == []


def test_an_export_that_is_in_line_is_started(world: World) -> None:
    started = world.start(since=datetime.now(UTC), turn=STATE["turn"])
    assert started["status"] in ("NOT_STARTED", "IN_PROGRESS")
    assert faults("start-report-output", started) == []

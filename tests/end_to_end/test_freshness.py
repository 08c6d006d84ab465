"""An export waits for changes that it is asked to have."""

from datetime import UTC, datetime, timedelta

from local.pingone_simulator import Scenario
from local.stack import Stack, states_entered
from tests.end_to_end.conftest import Exporter


def test_changes_are_waited_for_in_the_state_machine(exporter: Exporter, stack: Stack) -> None:
    # So that the function runs, and answers long before the source is refreshed.
    exporter.run(formats=["none"])
    refreshed = datetime.now(UTC) + timedelta(seconds=8)
    changes_until = refreshed - timedelta(minutes=15)

    ended = exporter.run(Scenario(rows=20), changesUntil=changes_until.isoformat())

    created, *_ = exporter.calls
    assert (created.method, created.status) == ("POST", 201)
    assert created.time >= refreshed
    states = [name for _, name in states_entered(stack.history(ended.description["executionArn"]))]
    assert states[:4] == ["StartReport", "WaitForPingOne", "IsReportReady", "StartReport"]
    assert datetime.fromisoformat(ended.manifest["changesUntil"]) == changes_until.replace(
        microsecond=changes_until.microsecond // 1000 * 1000
    )
    assert ended.manifest["changesIncluded"] == "possible"

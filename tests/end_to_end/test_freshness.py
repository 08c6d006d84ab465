"""An export says how fresh it is, and waits for changes that it is asked to have."""

from datetime import UTC, datetime, timedelta

from local.pingone_simulator import PingOneSimulator, Scenario
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


def test_older_changes_are_certain_to_be_there(exporter: Exporter) -> None:
    changes_until = datetime.now(UTC) - timedelta(hours=2, minutes=16)

    ended = exporter.run(Scenario(rows=20), changesUntil=changes_until.isoformat())

    assert ended.manifest["changesIncluded"] == "certain"


def test_a_time_without_a_zone_is_refused(exporter: Exporter, pingone: PingOneSimulator) -> None:
    ended = exporter.run(Scenario(rows=20), changesUntil="2026-03-01T02:00:00")

    assert ended.error == "InvalidRequest"
    assert "'changesUntil'" in ended.message
    assert pingone.requests_of(exporter.environment_id) == []


def test_an_export_says_whether_its_content_is_that_of_the_one_before(exporter: Exporter) -> None:
    reports = [Scenario(rows=20), None, Scenario(rows=21), Scenario(rows=21, csv_line_end="\n")]

    manifests = [exporter.run(report).manifest for report in reports]

    assert [manifest["unchanged"] for manifest in manifests] == [False, True, False, False]


def test_only_exports_of_the_same_report_are_compared(exporter: Exporter) -> None:
    first = exporter.run(Scenario(rows=20), fields=["userId"])
    other = exporter.run(fields=["userId"], reportName="other")
    csv_alone = exporter.run(fields=["userId"], formats=["csv"])

    assert [end.manifest["unchanged"] for end in (first, other, csv_alone)] == [False, False, True]
    assert first.manifest["columns"] == ["userId"]

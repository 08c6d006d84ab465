"""Every export, completed or failed, is measured as its manifest or its error says."""

from collections import Counter

from local.metrics import Point, embedded_metrics
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import Stack
from tests.end_to_end.conftest import Ended, Exporter, log_lines


def _points(stack: Stack, ended: Ended) -> list[Point]:
    """The metrics that the functions wrote of an execution."""
    return [
        point
        for text in log_lines(stack.cloud)
        for line, point in embedded_metrics(text)
        if line["execution"] == ended.description["name"]
    ]


def _failures(stack: Stack, error: str) -> int:
    """How often the state machine has recorded an error."""
    cloudwatch = stack.cloud.client("cloudwatch")
    found = cloudwatch.list_metrics(
        Namespace="PingOneReports", Dimensions=[{"Name": "error", "Value": error}]
    )["Metrics"]
    return sum(
        int(datum["Sum"])
        for metric in found
        if {"Name": "service", "Value": "reports"} in metric["Dimensions"]
        for datum in cloudwatch.get_metric_statistics(
            **metric, StartTime=0, EndTime=2**33, Period=60, Statistics=["Sum"]
        )["Datapoints"]
    )


def test_a_completed_export_is_measured_once(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    ended = exporter.run(Scenario(rows=300), reportName="measured")

    points = _points(stack, ended)
    calls = pingone.requests_of(exporter.environment_id)
    reads = [call.status for call in calls if call.method == "GET"]
    measured = Counter(point.name for point in points)
    # FetchReport asks once more, for the links. On a busy machine, PingOne may refuse some of both.
    assert reads.count(200) - 1 <= measured.pop("Polls") < len(reads)
    assert measured == {
        "ExportsCompleted": 1,
        "Bytes": 1,
        "Records": 1,
        "SecondsGenerating": 1,
        "SecondsFetching": 1,
    }
    values = {point.name: point.value for point in points}
    assert values["Bytes"] == sum(file["bytes"] for file in ended.manifest["files"])
    assert values["Records"] == 300
    for point in points:
        assert point.dimensions == {"service": "reports", "report": "measured"}


def test_a_failed_export_is_counted_under_its_error(exporter: Exporter, stack: Stack) -> None:
    before = _failures(stack, "WrongPassword")

    ended = exporter.run(Scenario(wrong_password=True))

    assert ended.error == "WrongPassword"
    assert _failures(stack, "WrongPassword") == before + 1
    assert "ExportsCompleted" not in {point.name for point in _points(stack, ended)}

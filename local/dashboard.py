"""Draws the dashboard of template.yaml from real exports of two simulated weeks.

Every night is an export on the local cloud. What the functions and the state machine publish is
moved to its night; what CloudWatch would make of it is in `metrics`.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local.cloud import LocalCloud
from local.display import console, step
from local.metrics import Metric, Point, embedded_metrics, series
from local.paths import ROOT
from local.pingone_simulator import Scenario
from local.stack import ENVIRONMENT_ID, Stack, deployed, simulated_pingone, simulator_parameters
from local.widgets import draw

_PICTURE = ROOT / "docs" / "dashboard.png"
_NIGHTS = tuple(
    Scenario(
        rows=40_000 + 900 * night + 2_500 * (night % 3),
        generation_seconds=4 + night * 3 % 11,
        wrong_password=night == 9,
    )
    for night in range(14)
)
_STATES = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


@dataclass(frozen=True)
class _Night:
    """An execution, and when it would have been."""

    execution: Mapping[str, Any]
    began: datetime

    def moved(self, point: Point) -> Point:
        return replace(point, time=self.began + (point.time - self.execution["startDate"]))


def main() -> int:
    """Run the exports and draw; returns the exit status."""
    with LocalCloud(log_name="dashboard") as cloud, simulated_pingone(cloud) as pingone:
        with step("Deploying template.yaml with `sam deploy`"):
            stack = deployed(
                cloud, pingone.client_id, pingone.client_secret, simulator_parameters(pingone)
            )
        last = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
        nights = []
        for number, scenario in enumerate(_NIGHTS):
            with step(f"Night {number + 1} of {len(_NIGHTS)}: {scenario.rows:,} devices"):
                pingone.set_scenario(ENVIRONMENT_ID, scenario)
                ended = stack.wait_for(stack.start_export({}))
            nights.append(_Night(ended, last - timedelta(days=len(_NIGHTS) - 1 - number)))
        points = list(_points(stack, nights))
        cloudwatch = cloud.client("cloudwatch")
        (name,) = (
            entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]
        )
        body = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
        morning = last + timedelta(hours=5)
        alarms = {
            alarm["AlarmArn"]: (_title(alarm), _is_breached(alarm, points, morning))
            for alarm in cloudwatch.describe_alarms()["MetricAlarms"]
        }
    _PICTURE.parent.mkdir(exist_ok=True)
    draw(body, points, alarms, morning, _PICTURE)
    console.print(f"[green]✓[/] {_PICTURE.relative_to(ROOT)}")
    return 0


def _points(stack: Stack, nights: list[_Night]) -> Iterator[Point]:
    """All that was published, in the night that it belongs to."""
    logs, cloudwatch = (stack.cloud.client(name) for name in ("logs", "cloudwatch"))
    by_name = {night.execution["name"]: night for night in nights}
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in (event for page in pages for event in page["events"]):
            for line, point in embedded_metrics(event["message"]):
                yield by_name[line["execution"]].moved(point)
    for night in nights:
        ended = night.execution["stopDate"]
        yield night.moved(
            Point(
                "AWS/States",
                _STATES[night.execution["status"]],
                {"StateMachineArn": stack.outputs["StateMachineArn"]},
                ended,
                1,
            )
        )
    for metric in cloudwatch.list_metrics(Namespace="PingOneReports")["Metrics"]:
        answer = cloudwatch.get_metric_statistics(
            **metric,
            StartTime=nights[0].execution["startDate"],
            EndTime=nights[-1].execution["stopDate"] + timedelta(seconds=1),
            Period=1,
            Statistics=["Sum"],
        )
        dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
        for datum in answer["Datapoints"]:
            # The state machine does not say which execution it was, but it was at its end.
            time, value = datum["Timestamp"], datum["Sum"]
            night = min(nights, key=lambda night: abs(night.execution["stopDate"] - time))
            yield night.moved(
                Point(metric["Namespace"], metric["MetricName"], dimensions, time, value)
            )


def _title(alarm: Mapping[str, Any]) -> str:
    """The alarm's name in the template: CloudFormation puts the stack before and a suffix after."""
    return str(alarm["AlarmName"]).split("-")[-2]


def _is_breached(alarm: Mapping[str, Any], points: list[Point], now: datetime) -> bool:
    """Whether an alarm of this template is on; each takes a period without data for a zero."""
    metric = Metric(
        alarm["Namespace"],
        alarm["MetricName"],
        {item["Name"]: item["Value"] for item in alarm["Dimensions"]},
        alarm["Statistic"],
        alarm["Period"],
    )
    since = now - timedelta(seconds=metric.period * alarm["EvaluationPeriods"])
    found = series(metric, (point for point in points if since <= point.time < now))
    values = [value for periods in found.values() for value in periods.values()]
    if alarm["ComparisonOperator"] == "LessThanThreshold":
        return all(value < alarm["Threshold"] for value in values)
    return any(value >= alarm["Threshold"] for value in values)


if __name__ == "__main__":
    sys.exit(main())

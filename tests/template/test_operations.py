"""Alarms and the dashboard show what is published."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pingone_reports.config import StartConfig
from pingone_reports.observability import FLEET_UNITS, NAMESPACE, UNITS
from tests.support.metrics import metrics_of
from tests.support.template import PARAMETERS, TEMPLATE, resources_of
from tests.support.variables import VARIABLES
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, definition
from tests.template.rendering import render

ALARMS = {name: item["Properties"] for name, item in resources_of("AWS::CloudWatch::Alarm").items()}
FAILING = {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionThrottled"}
OF_OURS = (
    {name: {"report", "service"} for name in UNITS}
    | {name: {"service"} for name in (*FLEET_UNITS, "FleetsUnshown")}
    | {name: {"error", "service"} for name in ("ExportsFailed", "FleetsFailed")}
)
# Each metric with its dimensions. Source: the services' lists of metrics, docs.aws.amazon.com.
PUBLISHED = {
    NAMESPACE: OF_OURS,
    "AWS/States": {name: {"StateMachineArn"} for name in (*FAILING, "ExecutionsSucceeded")},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible": {"QueueName"}},
}


def watched(alarm: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Namespace, name and dimensions of each metric that an alarm looks at."""
    given = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ())[1:]]
    for metric in given or [alarm]:
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


def dashboard(parameters: dict[str, str]) -> dict[str, Any]:
    """The dashboard's body; a placeholder's own name stands for its value."""
    resources = render(TEMPLATE, parameters).resources
    text, unknown = resources["ExportsDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, value in unknown.items():
        if "Fn::Sub" in value:
            text = text.replace(f"${{{name}}}", value["Fn::Sub"][0])
    return dict(json.loads(re.sub(r"\$\{!?([^}]+)\}", r"\1", text)))


class TestAlarms:
    @pytest.mark.parametrize("name", ALARMS)
    def test_an_alarm_watches_what_is_published_and_tells_what_to_do(self, name: str) -> None:
        for namespace, metric, dimensions in watched(ALARMS[name]):
            assert PUBLISHED[namespace][metric] == set(dimensions)
        assert ALARMS[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        text = ALARMS[name]["AlarmDescription"]
        text = text["Fn::Sub"] if isinstance(text, dict) else text
        assert re.fullmatch(r"[A-Z][^.:]+: [^.:]+\.", text)
        assert len(text) <= 1024
        # Where nothing happens, only an export that is expected is missing.
        expected = "breaching" if name == "NoCompletedExport" else "notBreaching"
        assert ALARMS[name]["TreatMissingData"] == expected

    @pytest.mark.parametrize("machine", ["ExportReport", "ExportFleet"])
    def test_every_way_an_execution_can_end_badly_has_an_alarm(self, machine: str) -> None:
        watching = [metric for alarm in ALARMS.values() for metric in watched(alarm)]
        of_machine = {"StateMachineArn": {"Ref": machine}}
        assert {metric for _, metric, of in watching if of == of_machine} == FAILING

    def test_an_export_that_is_expected_and_missing_is_an_alarm(self) -> None:
        alarm = ALARMS["NoCompletedExport"]
        every_hour, completed = alarm["Metrics"]
        assert alarm["ComparisonOperator"] == "LessThanThreshold"
        assert every_hour["Expression"] == f"FILL({completed['Id']}, 0)"
        assert completed["ReturnData"] is False
        report = StartConfig.from_environment(VARIABLES["start_report"]).request_defaults
        named = {"Name": "report", "Value": report["reportName"]}
        assert named in completed["MetricStat"]["Metric"]["Dimensions"]
        # PutMetricAlarm: periods of an hour and more look back seven days at most, others one.
        assert completed["MetricStat"]["Period"] == 3600
        assert alarm["EvaluationPeriods"] == {"Ref": "AlarmAfterHoursWithoutExport"}
        assert PARAMETERS["AlarmAfterHoursWithoutExport"]["MaxValue"] <= 7 * 24


class TestDashboard:
    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/mrk-1234"},
            {"Analytics": "disabled"},
            {"AlarmAfterHoursWithoutExport": "0"},
        ],
        ids=str,
    )
    def test_the_dashboard_shows_every_alarm_that_there_is(
        self, parameters: dict[str, str]
    ) -> None:
        alarms = render(TEMPLATE, parameters).of_type("AWS::CloudWatch::Alarm")
        (shown,) = (w for w in dashboard(parameters)["widgets"] if w["type"] == "alarm")
        assert sorted(shown["properties"]["alarms"]) == sorted(f"{name}.Arn" for name in alarms)

    def test_the_dashboard_shows_what_is_published(self) -> None:
        shown = [metric for widget in dashboard({})["widgets"] for metric in metrics_of(widget)]
        assert len(shown) > 10
        for metric in shown:
            assert PUBLISHED[metric.namespace][metric.name] == set(metric.dimensions)

    def test_no_widget_lies_over_another_or_beyond_the_edge(self) -> None:
        cells = [
            (x, y)
            for w in dashboard({})["widgets"]
            for x in range(w["x"], w["x"] + w["width"])
            for y in range(w["y"], w["y"] + w["height"])
        ]
        assert len(cells) == len(set(cells))
        assert max(cells) < (24,)

    @pytest.mark.parametrize(
        ("source", "state", "metric"),
        [
            (EXPORT_REPORT, "RecordFailed", "ExportsFailed"),
            (EXPORT_FLEET, "RecordFailed", "FleetsFailed"),
            (EXPORT_FLEET, "RecordUnshown", "FleetsUnshown"),
        ],
    )
    def test_a_state_machine_records_what_is_watched(
        self, source: Any, state: str, metric: str
    ) -> None:
        recorded = definition(source)["States"][state]["Arguments"]
        (given,) = recorded["MetricData"]
        dimensions = {dimension["Name"] for dimension in given["Dimensions"]}
        assert recorded["Namespace"] == NAMESPACE
        assert (given["MetricName"], dimensions) == (metric, OF_OURS[metric])

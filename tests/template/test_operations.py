"""Alarms and the dashboard show what is published, and docs/operate.md what to do about it."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import pytest
import yaml

from local.metrics import metrics_of
from local.paths import ROOT
from pingone_reports import errors
from pingone_reports.config import StartConfig
from pingone_reports.observability import FLEET_UNITS, NAMESPACE, UNITS
from tests.support.template import RESOURCES, TEMPLATE, resources_of
from tests.support.variables import VARIABLES

ALARMS = {name: item["Properties"] for name, item in resources_of("AWS::CloudWatch::Alarm").items()}
# Source: the services' lists of CloudWatch metrics, docs.aws.amazon.com.
OF_AWS = {
    "AWS/States": {
        "ExecutionsSucceeded",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionsAborted",
        "ExecutionThrottled",
    },
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
}
OF_OURS = (
    {name: {"report", "service"} for name in UNITS}
    | {name: {"service"} for name in (*FLEET_UNITS, "FleetsUnshown")}
    | {name: {"error", "service"} for name in ("ExportsFailed", "FleetsFailed")}
)
DIMENSIONS = {"AWS/States": {"StateMachineArn"}, "AWS/SQS": {"QueueName"}}


def watched(alarm: dict[str, Any]) -> Iterator[tuple[str, str, set[str]]]:
    """Namespace, name and dimensions of each metric that an alarm looks at."""
    given = [
        query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query
    ]
    for metric in given or [alarm]:
        dimensions = {dimension["Name"] for dimension in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


CONDITIONS = {
    "NoCompletedExport": "ExpectsExports",
    "UntabulatedExport": "HasAnalytics",
    "UnshownFleet": "HasAnalytics",
    "UnprocessedEvent": "HasKmsKey",
}
"""Of the alarms that a stack may be without."""


def dashboard(without: Collection[str] = ()) -> dict[str, Any]:
    """The dashboard's body; a placeholder's own name stands for its value."""
    text, variables = RESOURCES["ExportsDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, choice in variables.items():
        condition, then, otherwise = choice["Fn::If"]
        alarm = name.removesuffix("Arn")
        assert condition == CONDITIONS[alarm] == RESOURCES[alarm]["Condition"]
        text = text.replace(f"${{{name}}}", otherwise if alarm in without else then["Fn::Sub"])
    return dict(json.loads(re.sub(r"\$\{!?([^}]+)\}", r"\1", text)))


def assert_published(namespace: str, name: str, dimensions: set[str]) -> None:
    if namespace == NAMESPACE:
        assert dimensions == OF_OURS[name]
    else:
        assert name in OF_AWS[namespace]
        assert dimensions == DIMENSIONS[namespace]


class TestAlarms:
    @pytest.mark.parametrize("name", ALARMS)
    def test_every_one_watches_what_is_published(self, name: str) -> None:
        for namespace, metric, dimensions in watched(ALARMS[name]):
            assert_published(namespace, metric, dimensions)

    @pytest.mark.parametrize("name", ALARMS)
    def test_every_one_says_what_it_means_and_what_to_do_in_a_sentence(self, name: str) -> None:
        text = ALARMS[name]["AlarmDescription"]
        text = text["Fn::Sub"] if isinstance(text, dict) else text
        assert re.fullmatch(r"[A-Z][^.:]+: [^.:]+\.", text)
        assert len(text) <= 1024

    @pytest.mark.parametrize("name", ALARMS)
    def test_every_one_tells_the_topic_alone(self, name: str) -> None:
        assert ALARMS[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}]

    def test_every_way_an_execution_can_end_badly_has_one(self) -> None:
        watching = {metric for alarm in ALARMS.values() for _, metric, _ in watched(alarm)}
        assert OF_AWS["AWS/States"] - {"ExecutionsSucceeded"} <= watching

    def test_nothing_that_is_retried_wakes_anybody(self) -> None:
        namespaces = {space for alarm in ALARMS.values() for space, _, _ in watched(alarm)}
        assert namespaces == {NAMESPACE, "AWS/States", "AWS/SQS"}

    @pytest.mark.parametrize("name", sorted(set(ALARMS) - {"NoCompletedExport"}))
    def test_an_alarm_is_quiet_where_nothing_happens(self, name: str) -> None:
        assert ALARMS[name]["TreatMissingData"] == "notBreaching"

    def test_an_export_that_is_expected_and_missing_is_an_alarm(self) -> None:
        alarm = ALARMS["NoCompletedExport"]
        every_hour, completed = alarm["Metrics"]
        assert alarm["TreatMissingData"] == "breaching"
        assert alarm["ComparisonOperator"] == "LessThanThreshold"
        assert every_hour["Expression"] == f"FILL({completed['Id']}, 0)"
        assert completed["ReturnData"] is False
        # PutMetricAlarm: periods of an hour and more look back seven days at most, others one.
        hours = TEMPLATE["Parameters"]["AlarmAfterHoursWithoutExport"]
        assert completed["MetricStat"]["Period"] == 3600
        assert alarm["EvaluationPeriods"] == {"Ref": "AlarmAfterHoursWithoutExport"}
        report = StartConfig.from_environment(VARIABLES["start_report"]).request_defaults
        named = {"Name": "report", "Value": report["reportName"]}
        assert named in completed["MetricStat"]["Metric"]["Dimensions"]
        assert hours["MaxValue"] * 3600 <= 7 * 24 * 3600


class TestDashboard:
    @pytest.mark.parametrize("without", [(), *((name,) for name in CONDITIONS), tuple(CONDITIONS)])
    def test_the_dashboard_is_json_with_and_without_what_a_stack_may_lack(
        self, without: list[str]
    ) -> None:
        body = dashboard(without)
        (alarms,) = (w for w in body["widgets"] if w["type"] == "alarm")
        assert len(alarms["properties"]["alarms"]) == len(ALARMS) - len(without)

    def test_the_dashboard_shows_every_alarm(self) -> None:
        text = json.dumps(RESOURCES["ExportsDashboard"])
        assert {name for name in ALARMS if f"${{{name}.Arn}}" in text} == set(ALARMS)

    def test_the_dashboard_shows_what_is_published(self) -> None:
        body = dashboard()
        shown = [metric for widget in body["widgets"] for metric in metrics_of(widget)]
        assert len(shown) > 10
        for metric in shown:
            assert_published(metric.namespace, metric.name, set(metric.dimensions))

    def test_no_widget_lies_over_another(self) -> None:
        body = dashboard()
        cells = [
            (x, y)
            for w in body["widgets"]
            for x in range(w["x"], w["x"] + w["width"])
            for y in range(w["y"], w["y"] + w["height"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


class TestFailures:
    @pytest.mark.parametrize(
        ("machine", "failures"),
        [("export_report", "ExportsFailed"), ("export_fleet", "FleetsFailed")],
    )
    def test_a_state_machine_records_what_the_dashboard_searches(
        self, machine: str, failures: str
    ) -> None:
        definition = yaml.safe_load((ROOT / "statemachine" / f"{machine}.asl.yaml").read_text())
        recorded = definition["States"]["RecordFailed"]["Arguments"]
        (metric,) = recorded["MetricData"]
        names = {dimension["Name"] for dimension in metric["Dimensions"]}
        assert recorded["Namespace"] == NAMESPACE
        assert (metric["MetricName"], names) == (failures, OF_OURS[failures])

    def test_the_operators_page_says_what_to_do_about_every_error_and_no_other(self) -> None:
        page = (ROOT / "docs" / "operate.md").read_text()
        section = page.split("## What an error means")[1].split("\n## ")[0]
        rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
        told = [name for row in rows for name in re.findall(r"`([\w.]+)`", row[1])]
        ours = {
            name
            for name, error in vars(errors).items()
            if isinstance(error, type) and not error.__subclasses__()  # no base of others
        }
        assert {name for name in told if "." not in name} == ours
        assert len(told) == len(set(told))
        assert all(row[2].strip() for row in rows)

    def test_the_readmes_few_errors_are_among_those_that_exports_can_have(self) -> None:
        section = (ROOT / "README.md").read_text().split("## When it fails")[1].split("\n## ")[0]
        rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
        assert rows
        told = {name for row in rows for name in re.findall(r"`(\w+)`", row[1])}
        assert told <= set(vars(errors))

    def test_the_operators_page_names_every_alarm_and_metric(self) -> None:
        text = (ROOT / "docs" / "operate.md").read_text()
        named = set(re.findall(r"`([A-Z]\w+)`", text))
        assert set(ALARMS) | set(OF_OURS) <= named

    def test_the_operators_page_names_only_what_the_stack_has(self) -> None:
        text = (ROOT / "docs" / "operate.md").read_text()
        named = set(re.findall(r"<([A-Z]\w+)>", text))
        assert named
        assert named <= set(TEMPLATE["Outputs"]) | set(TEMPLATE["Parameters"])
        errors_named = set(re.findall(r"`([A-Z]\w+)`", text))
        assert errors_named <= (
            set(vars(errors))
            | set(TEMPLATE["Parameters"])
            | set(TEMPLATE["Outputs"])
            | set(ALARMS)
            | set(OF_OURS)
            | {"PingOneReports", "ExportFailed", "ERROR_CODE", "ERROR_MESSAGE"}
        )

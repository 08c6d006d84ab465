"""The three ways to start an export take the same input."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.pingone_simulator import PingOneSimulator
from local.stack import ENVIRONMENT_ID, Stack
from tests.end_to_end.conftest import Exporter


def test_start_execution_exports_what_the_input_asks_for(
    exporter: Exporter, pingone: PingOneSimulator
) -> None:
    ended = exporter.run(
        reportName="strong-factors",
        fields=["userId", "deviceType"],
        filter='(deviceType eq "FIDO2")',
        formats=["csv"],
        correlationId="ticket:4711",
    )

    assert ended.description["status"] == "SUCCEEDED"
    assert ended.file("csv").startswith(b"userId,deviceType\r\n")
    assert [key.rpartition("/")[2] for key in ended.keys] == ["manifest.json", "strong-factors.csv"]
    manifest = ended.manifest
    assert manifest["fields"] == ["userId", "deviceType"]
    assert manifest["filter"] == '(deviceType eq "FIDO2")'
    assert manifest["correlationId"] == "ticket:4711"
    assert ended.event["detail"]["correlationId"] == "ticket:4711"
    calls = pingone.requests_of(exporter.environment_id)
    assert {call.correlation_id for call in calls} == {"ticket:4711"}


def test_an_event_starts_the_export_it_asks_for(exporter: Exporter, stack: Stack) -> None:
    [entry] = json.loads(Path("events/export-requested.event.json").read_text())
    detail = {"environmentId": exporter.environment_id, "formats": ["json"]}

    stack.cloud.client("events").put_events(
        Entries=[
            entry | {"EventBusName": stack.outputs["EventBusName"], "Detail": json.dumps(detail)}
        ]
    )
    ended = exporter.end_of(_execution(stack, lambda given: given.get("request") == detail))

    assert ended.description["status"] == "SUCCEEDED"
    assert json.loads(ended.file("json"))


def test_an_event_that_is_delivered_twice_exports_once(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    detail = {"environmentId": exporter.environment_id, "formats": ["csv"]}
    stack.cloud.client("events").put_events(
        Entries=[
            {
                "EventBusName": stack.outputs["EventBusName"],
                "Source": "my.application",
                "DetailType": "PingOne Report Export Requested",
                "Detail": json.dumps(detail),
            }
        ]
    )
    first = _execution(stack, lambda given: given.get("request") == detail)
    delivered = json.loads(stack.describe(first)["input"])

    again = stack.wait_for(stack.start_export(delivered))

    assert json.loads(again["output"]) == {"duplicateOf": first}
    assert exporter.end_of(first).description["status"] == "SUCCEEDED"
    calls = pingone.requests_of(exporter.environment_id)
    assert sum(call.method == "POST" for call in calls) == 1


def test_the_schedule_starts_an_export(exporter: Exporter, stack: Stack) -> None:
    scheduled = {"deliveryId": "schedule-2026-03-01T02:00:00Z", "request": {}}
    ended = exporter.end_of(_execution(stack, lambda given: given == scheduled))

    assert ended.description["status"] == "SUCCEEDED"
    assert ended.event["detail"]["environmentId"] == ENVIRONMENT_ID
    assert ended.event["detail"]["executionArn"].endswith(ended.event["detail"]["correlationId"])
    scheduler = stack.cloud.client("scheduler")
    [schedule] = [
        schedule
        for schedule in scheduler.list_schedules()["Schedules"]
        if schedule["Target"]["Arn"] == stack.outputs["StateMachineArn"]
    ]
    target = scheduler.get_schedule(Name=schedule["Name"])["Target"]
    assert target["DeadLetterConfig"]["Arn"].startswith("arn:aws:sqs:")


def _execution(
    stack: Stack, wanted: Callable[[dict[str, Any]], bool], timeout_seconds: float = 60
) -> str:
    """The execution with the wanted input, as soon as there is one."""
    states = stack.cloud.client("stepfunctions")
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        listed = states.list_executions(stateMachineArn=stack.outputs["StateMachineArn"])
        for execution in listed["executions"]:
            arn = str(execution["executionArn"])
            if wanted(json.loads(stack.describe(arn)["input"])):
                return arn
        time.sleep(0.2)
    raise TimeoutError("No execution has the wanted input.")

"""The three ways to start an export take the same input."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.cloud import ACCOUNT_ID
from local.deployment import read_template
from local.paths import ROOT
from local.pingone_simulator import PingOneSimulator
from local.stack import ENVIRONMENT_ID, Stack, states_entered
from local.waiting import wait_until
from tests.end_to_end.conftest import Exporter, resource
from tests.support.documents import faults

PAGE = ROOT / "docs" / "ask.md"


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
    entry |= {"EventBusName": stack.outputs["EventBusName"], "Detail": json.dumps(detail)}

    [put] = stack.cloud.client("events").put_events(Entries=[entry])["Entries"]
    delivered = {"deliveryId": put["EventId"], "request": detail}
    ended = exporter.end_of(_execution(stack, lambda given: given == delivered))

    assert ended.description["status"] == "SUCCEEDED"
    assert json.loads(ended.file("json"))


def test_a_rule_of_ones_own_starts_an_export_with_the_time_of_its_event(
    stack: Stack, tmp_path: Path
) -> None:
    """The example of one in docs/ask.md."""
    [example] = re.findall(r"```yaml\n(UsersImported:.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "rule.yaml").write_text(example)
    rule = read_template(tmp_path / "rule.yaml")["UsersImported"]["Properties"]
    [target] = rule["Targets"]
    role = resource(stack.cloud, "reports", "ExportRequestedRole")
    events, bus = stack.cloud.client("events"), stack.outputs["EventBusName"]
    events.put_rule(
        Name="users-imported", EventBusName=bus, EventPattern=json.dumps(rule["EventPattern"])
    )
    target |= {
        "Arn": stack.outputs["StateMachineArn"],
        "RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{role}",
    }
    events.put_targets(Rule="users-imported", EventBusName=bus, Targets=[target])
    before = datetime.now(UTC).replace(microsecond=0)

    put = events.put_events(
        Entries=[
            {
                "EventBusName": bus,
                "Source": rule["EventPattern"]["source"][0],
                "DetailType": rule["EventPattern"]["detail-type"][0],
                "Detail": "{}",
            }
        ]
    )
    event_id = put["Entries"][0]["EventId"]
    execution = _execution(stack, lambda given: given.get("idempotencyKey") == event_id)

    try:
        request = json.loads(stack.describe(execution)["input"])
        assert faults("export-request", request) == []
        assert before <= datetime.fromisoformat(request["changesUntil"]) <= datetime.now(UTC)
        # It was accepted, and waits for the source to be refreshed.
        wait_until(
            lambda: (
                "WaitForPingOne" in [name for _, name in states_entered(stack.history(execution))]
            )
        )
    finally:
        stack.cloud.client("stepfunctions").stop_execution(executionArn=execution)


def test_the_schedule_starts_an_export(exporter: Exporter, stack: Stack) -> None:
    scheduler = stack.cloud.client("scheduler")
    [schedule] = [
        schedule
        for schedule in scheduler.list_schedules()["Schedules"]
        if schedule["Target"]["Arn"] == stack.outputs["StateMachineArn"]
    ]
    target = scheduler.get_schedule(Name=schedule["Name"])["Target"]
    assert target["DeadLetterConfig"]["Arn"].startswith("arn:aws:sqs:")
    # The same, now.
    scheduler.create_schedule(
        Name="now",
        ScheduleExpression="at(2026-03-01T02:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )

    scheduled = {"deliveryId": "schedule-2026-03-01T02:00:00Z", "request": {}}
    ended = exporter.end_of(_execution(stack, lambda given: given == scheduled))

    assert ended.description["status"] == "SUCCEEDED"
    assert ended.event["detail"]["environmentId"] == ENVIRONMENT_ID
    assert ended.event["detail"]["executionArn"].endswith(ended.event["detail"]["correlationId"])


def _execution(stack: Stack, wanted: Callable[[dict[str, Any]], bool]) -> str:
    """The execution with the wanted input, as soon as there is one."""
    states = stack.cloud.client("stepfunctions")

    def look() -> str:
        listed = states.list_executions(stateMachineArn=stack.outputs["StateMachineArn"])
        for execution in listed["executions"]:
            arn = str(execution["executionArn"])
            if wanted(json.loads(stack.describe(arn)["input"])):
                return arn
        return ""

    return wait_until(look)

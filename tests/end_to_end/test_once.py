"""What is asked for once is exported once, however often it is asked, tried or delivered."""

import json
from typing import Any
from uuid import uuid4

from local.pingone_simulator import Answer, Fault, PingOneSimulator, Scenario
from local.stack import Stack, states_entered
from local.waiting import wait_until
from tests.end_to_end.conftest import Exporter


def _creates(pingone: PingOneSimulator, environment_id: str) -> int:
    calls = pingone.requests_of(environment_id)
    return sum(call.method == "POST" and call.status == 201 for call in calls)


def _states(stack: Stack, execution_arn: str) -> list[str]:
    return [name for _, name in states_entered(stack.history(execution_arn))]


def test_of_two_requests_with_one_key_the_second_names_the_first(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    request = {"environmentId": exporter.environment_id, "idempotencyKey": str(uuid4())}

    started = [stack.start_export(request) for _ in range(2)]
    ended = {arn: stack.wait_for(arn) for arn in started}

    assert {end["status"] for end in ended.values()} == {"SUCCEEDED"}
    [duplicate] = [arn for arn in started if "AlreadyRequested" in _states(stack, arn)]
    [first] = [arn for arn in started if arn != duplicate]
    assert json.loads(ended[duplicate]["output"]) == {"duplicateOf": first}
    assert _creates(pingone, exporter.environment_id) == 1
    assert exporter.end_of(first).event["detail-type"] == "PingOne Report Export Completed"
    assert [key for key in exporter.end_of(first).keys if key.endswith("manifest.json")] == [
        exporter.end_of(first).event["detail"]["manifestKey"]
    ]
    assert "Publish" not in " ".join(_states(stack, duplicate))
    assert duplicate not in exporter.events


def test_a_key_is_not_burnt_by_an_export_that_fails(exporter: Exporter) -> None:
    key = str(uuid4())
    failing = Scenario(faults=(Fault("create", Answer(400), times=None),))

    failed = exporter.run(failing, idempotencyKey=key)
    again = exporter.run(Scenario(rows=20), idempotencyKey=key)

    assert failed.error == "ReportRejected"
    assert again.event["detail-type"] == "PingOne Report Export Completed"


def test_a_key_is_not_burnt_by_an_execution_that_is_stopped(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    pingone.set_scenario(exporter.environment_id, Scenario(rows=20, generation_seconds=1000))
    request = {"environmentId": exporter.environment_id, "idempotencyKey": str(uuid4())}
    stopped = stack.start_export(request)
    wait_until(lambda: _creates(pingone, exporter.environment_id))
    stack.cloud.client("stepfunctions").stop_execution(executionArn=stopped)

    again = exporter.run(Scenario(rows=20), idempotencyKey=request["idempotencyKey"])

    assert stack.describe(stopped)["status"] == "ABORTED"
    assert again.event["detail-type"] == "PingOne Report Export Completed"


def test_a_start_that_is_tried_again_gets_the_first_ones_exploration(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    """As by a Retry, a redrive or an answer that got lost on its way to the state machine."""
    functions = stack.cloud.client("lambda")
    [name] = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if function["FunctionName"].startswith("reports-StartReport")
    ]
    now = "2026-03-01T02:00:00.123Z"
    payload = {
        "request": {"environmentId": exporter.environment_id},
        "execution": {"arn": f"arn:{uuid4()}", "name": "again", "startedAt": now},
        "queued": {"since": now, "turn": None},
    }

    def start() -> dict[str, Any]:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(payload))
        return dict(json.loads(answer["Payload"].read()))

    first, again = start(), start()

    assert first["status"] == "IN_PROGRESS"
    assert again["export"] == first["export"]
    assert _creates(pingone, exporter.environment_id) == 1

"""What is asked for once is exported once, however often it is asked or delivered."""

import json
from uuid import uuid4

from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import Stack, states_entered
from local.waiting import wait_until
from tests.end_to_end.conftest import Exporter, creates


def test_of_two_requests_with_one_key_the_second_names_the_first(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    request = {"environmentId": exporter.environment_id, "idempotencyKey": str(uuid4())}

    started = [stack.start_export(request) for _ in range(2)]
    outputs = {arn: json.loads(stack.wait_for(arn)["output"]) for arn in started}

    # Whichever asks first has the key.
    [duplicate] = [arn for arn, output in outputs.items() if "duplicateOf" in output]
    [first] = {*started} - {duplicate}
    assert outputs[duplicate] == {"duplicateOf": first}
    assert creates(pingone, exporter.environment_id) == 1
    landed = exporter.end_of(first)
    assert landed.event["detail-type"] == "PingOne Report Export Completed"
    assert [key for key in landed.keys if key.endswith("manifest.json")] == [
        landed.event["detail"]["manifestKey"]
    ]
    states = [name for _, name in states_entered(stack.history(duplicate))]
    assert "AlreadyRequested" in states
    assert not [name for name in states if "Publish" in name]
    assert duplicate not in exporter.events


def test_a_key_is_not_burnt_by_an_execution_that_is_stopped(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    pingone.set_scenario(exporter.environment_id, Scenario(rows=20, generation_seconds=1000))
    request = {"environmentId": exporter.environment_id, "idempotencyKey": str(uuid4())}
    stopped = stack.start_export(request)
    wait_until(lambda: creates(pingone, exporter.environment_id))
    stack.cloud.client("stepfunctions").stop_execution(executionArn=stopped)

    again = exporter.run(Scenario(rows=20), idempotencyKey=request["idempotencyKey"])

    assert stack.describe(stopped)["status"] == "ABORTED"
    assert again.event["detail-type"] == "PingOne Report Export Completed"

"""Where the application leaves text, for tests that look for secrets in it."""

import json
from collections.abc import Iterator
from typing import Any

from local.stack import Stack


def everything_left(stack: Stack) -> Iterator[tuple[str, str]]:
    """Every text that the application leaves behind, by where it is."""
    states, logs, s3 = (stack.cloud.client(name) for name in ("stepfunctions", "logs", "s3"))
    # Its state machine, and what tests have made of it.
    machine = stack.outputs["StateMachineArn"]
    for found in states.list_state_machines()["stateMachines"]:
        if found["stateMachineArn"].startswith(machine):
            pages = states.get_paginator("list_executions").paginate(
                stateMachineArn=found["stateMachineArn"]
            )
            for execution in (execution for page in pages for execution in page["executions"]):
                arn = execution["executionArn"]
                yield f"history of {arn}", _text(stack.history(arn))
                yield f"execution {arn}", _text(stack.describe(arn))
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        yield (
            f"log {name}",
            "\n".join(event["message"] for page in pages for event in page["events"]),
        )
    cloudwatch = stack.cloud.client("cloudwatch")
    yield "metrics", _text(cloudwatch.list_metrics(Namespace="PingOneReports"))
    for item in stack.objects():
        target = {"Bucket": stack.outputs["BucketName"], "Key": item["Key"]}
        yield f"object {item['Key']}", stack.read(item["Key"]).decode()
        yield f"metadata of {item['Key']}", _text(s3.head_object(**target))
        yield f"tags of {item['Key']}", _text(s3.get_object_tagging(**target))
    yield "the cloud's own log", stack.cloud.log.read_text(errors="replace")


def _text(answer: Any) -> str:
    return json.dumps(answer, default=str)

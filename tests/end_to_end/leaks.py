"""Where the application leaves text, for tests that look for secrets in it."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from local.stack import Stack
from tests.end_to_end.conftest import log_lines


def everything_left(stacks: Sequence[Stack]) -> Iterator[tuple[str, str]]:
    """Every text that deployments in one cloud leave behind, and where it is."""
    cloud = stacks[0].cloud
    states, s3 = (cloud.client(name) for name in ("stepfunctions", "s3"))
    # Theirs, and what tests have made of them.
    machines = tuple(
        stack.outputs[name]
        for stack in stacks
        for name in ("StateMachineArn", "FleetStateMachineArn")
    )
    for found in states.list_state_machines()["stateMachines"]:
        if found["stateMachineArn"].startswith(machines):
            pages = states.get_paginator("list_executions").paginate(
                stateMachineArn=found["stateMachineArn"]
            )
            for execution in (execution for page in pages for execution in page["executions"]):
                arn = execution["executionArn"]
                children = [
                    each["executionArn"]
                    for run in states.list_map_runs(executionArn=arn)["mapRuns"]
                    for each in states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
                ]
                for each in (arn, *children):
                    yield _text(stacks[0].history(each)), f"history of {each}"
                    yield _text(stacks[0].describe(each)), f"execution {each}"
    for group in stacks[0].log_groups():
        name = group["logGroupName"]
        yield "\n".join(log_lines(cloud, name)), f"log {name}"
    metrics = cloud.client("cloudwatch").list_metrics(Namespace="PingOneReports")
    yield _text(metrics), "metrics"
    for stack in stacks:
        for item in stack.objects():
            target = {"Bucket": stack.outputs["BucketName"], "Key": item["Key"]}
            yield _content(stack.read(item["Key"]), item["Key"]), f"object {item['Key']}"
            yield _text(s3.head_object(**target)), f"metadata of {item['Key']}"
            yield _text(s3.get_object_tagging(**target)), f"tags of {item['Key']}"
    yield cloud.log.read_text(errors="replace"), "the cloud's own log"


def _content(body: bytes, key: str) -> str:
    if not key.endswith(".parquet"):
        return body.decode()
    with tempfile.NamedTemporaryFile() as file, duckdb.connect() as database:
        file.write(body)
        file.flush()
        database.execute("SELECT * FROM read_parquet(?)", [file.name])
        return repr(database.fetchall())


def _text(answer: Any) -> str:
    return json.dumps(answer, default=str)

"""No link, password, token or client secret appears anywhere but where it is used."""

import json
from collections.abc import Iterator
from typing import Any

from local.pingone_simulator import (
    Fault,
    Hang,
    LinkLifetime,
    PingOneSimulator,
    Reset,
    Scenario,
)
from local.pingone_simulator.zip_damage import flipped_bit
from local.stack import Stack
from tests.end_to_end.conftest import Exporter

_SCENARIOS = (
    Scenario(rows=50),
    Scenario(rows=50, encryption="zipcrypto"),
    Scenario(wrong_password=True),
    Scenario(damage=flipped_bit),
    Scenario(final_status="FAILED"),
    Scenario(rows=0),  # into quarantine
    Scenario(rows=50, faults=(Fault("download", Reset(1000)),)),
    Scenario(
        faults=(
            Fault("read_ready", LinkLifetime(1), skip=1),
            Fault("read_ready", Hang(2.2), skip=1),
        )
    ),
)


def test_no_secret_is_left_anywhere(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    for number, scenario in enumerate(_SCENARIOS):
        exporter.run(scenario, reportName=f"leaks-{number}")
    pingone.revoke_tokens()
    exporter.run(_SCENARIOS[0], reportName="leaks-renewed")

    assert pingone.downloads_of(exporter.environment_id), "the links lead through the front"
    secrets = pingone.issued_secrets
    assert {secret.kind for secret in secrets} >= {
        "client secret",
        "access token",
        "zip password",
        "link signature",
    }
    places = dict(_everything_left(stack)) | {
        f"event of {arn}": json.dumps(event) for arn, event in exporter.events.items()
    }
    assert any(place.startswith("history") for place in places)
    assert any("FetchReport" in place for place in places)
    assert any('"CloudWatchMetrics"' in text for text in places.values())
    found = {
        (secret.kind, place)
        for secret in secrets
        for place, text in places.items()
        if secret.value in text
    }
    assert found == set()


def _everything_left(stack: Stack) -> Iterator[tuple[str, str]]:
    """Every text that the application leaves behind, by where it is."""
    states, logs, s3 = (stack.cloud.client(name) for name in ("stepfunctions", "logs", "s3"))
    machine = stack.outputs["StateMachineArn"]
    for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine):
        for execution in page["executions"]:
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

"""The application, deployed on this machine, with a subscriber to its events."""

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from local.cloud import ACCOUNT_ID, REGION, LocalCloud
from local.deployment import deploy
from local.pingone_simulator import (
    FileStore,
    PingOneSimulator,
    Scenario,
)
from local.pingone_simulator.report_data import DEFAULT_FIELDS
from local.waiting import wait_until
from pingone_reports.aws.table import KEY
from pingone_reports.model.keys import ExportKeys

# The sample environment of PingOne's documentation.
ENVIRONMENT_ID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
_SOURCE = "pingone.reports"
_LINKS_BUCKET = "p1-reports-local"


@dataclass(frozen=True)
class Stack:
    """The deployed application: its outputs, executions, events and objects."""

    cloud: LocalCloud
    outputs: Mapping[str, str]
    events_queue_url: str

    def start_export(self, request: object) -> str:
        """Start an execution; returns its ARN."""
        return self._start("StateMachineArn", request)

    def start_fleet(self, request: object) -> str:
        """Start a fleet; returns its execution's ARN."""
        return self._start("FleetStateMachineArn", request)

    def _start(self, machine: str, request: object) -> str:
        started = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs[machine], input=json.dumps(request)
        )
        return str(started["executionArn"])

    def history(self, execution_arn: str) -> list[dict[str, Any]]:
        """All events of an execution so far."""
        pages = self.cloud.client("stepfunctions").get_paginator("get_execution_history")
        return [
            event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]
        ]

    def describe(self, execution_arn: str) -> dict[str, Any]:
        """Status, input, output, error and cause of an execution."""
        description = self.cloud.client("stepfunctions").describe_execution(
            executionArn=execution_arn
        )
        return dict(description)

    def wait_for(self, execution_arn: str, timeout_seconds: float = 300) -> dict[str, Any]:
        """The description of an execution that has ended."""

        def ended() -> dict[str, Any] | None:
            description = self.describe(execution_arn)
            return None if description["status"] == "RUNNING" else description

        return wait_until(ended, f"{execution_arn} has ended", timeout_seconds)

    def wait_for_tables(self, execution_arn: str) -> None:
        """Wait until Athena's tables hold this export, those of the newest exports included."""
        name = execution_arn.rpartition(":")[2]

        def are_written() -> bool:
            objects = {item["Key"]: item["LastModified"] for item in self.objects()}
            manifest = next((key for key in objects if key.endswith(f"/{name}/manifest.json")), "")
            keys = ExportKeys.parse(manifest)
            if not keys or keys.exports_table not in objects:
                return False
            # The row is written first. An export beside the standing report moves nothing else.
            newest = keys.newest_exports_table("").rpartition("/")[0]
            return not json.loads(self.read(manifest))["standing"] or any(
                key.startswith(newest) and written >= objects[keys.exports_table]
                for key, written in objects.items()
            )

        wait_until(are_written, f"{execution_arn} is in the tables")

    def log_groups(self) -> list[dict[str, Any]]:
        """The log groups of all stacks in this cloud."""
        pages = self.cloud.client("logs").get_paginator("describe_log_groups").paginate()
        return [group for page in pages for group in page["logGroups"]]

    def receive_events(self, wait_seconds: int = 0) -> list[dict[str, Any]]:
        """Take the application's events from its subscriber's queue."""
        sqs = self.cloud.client("sqs")
        answer = sqs.receive_message(
            QueueUrl=self.events_queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
        )
        messages = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(
                QueueUrl=self.events_queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
        return [json.loads(message["Body"]) for message in messages]

    def objects(self, prefix: str = "") -> list[dict[str, Any]]:
        """The objects in the reports bucket: Key, Size and more."""
        pages = self.cloud.client("s3").get_paginator("list_objects_v2")
        return [
            item
            for page in pages.paginate(Bucket=self.outputs["BucketName"], Prefix=prefix)
            for item in page.get("Contents", [])
        ]

    def read(self, key: str) -> bytes:
        """An object of the reports bucket."""
        answer = self.cloud.client("s3").get_object(Bucket=self.outputs["BucketName"], Key=key)
        return bytes(answer["Body"].read())

    def download(self, key: str, file: BinaryIO) -> None:
        """Copy an object of the reports bucket into a file."""
        self.cloud.client("s3").download_fileobj(self.outputs["BucketName"], key, file)

    def unfinished_uploads(self) -> list[dict[str, Any]]:
        """Multipart uploads of the reports bucket that nobody completed or aborted."""
        answer = self.cloud.client("s3").list_multipart_uploads(Bucket=self.outputs["BucketName"])
        return list(answer.get("Uploads", []))


def file_store(cloud: LocalCloud, bucket: str) -> FileStore:
    """PingOne's file store, in a new bucket of the local cloud."""
    cloud.client("s3").create_bucket(Bucket=bucket)
    return FileStore(
        cloud.endpoint_url,
        bucket,
        certificate=cloud.certificate,
        ca_bundle=cloud.ca_bundle,
        access_key_id=ACCOUNT_ID,
        region=REGION,
    )


def simulated_pingone(
    cloud: LocalCloud,
    scenario: Scenario | None = None,
    time_scale: float = 1.0,
    rate_limits: bool = True,
) -> PingOneSimulator:
    """A PingOne simulator, to be entered, whose report files are in the local cloud."""
    return PingOneSimulator(
        file_store(cloud, _LINKS_BUCKET),
        default_scenario=scenario,
        time_scale=time_scale,
        rate_limits=rate_limits,
    )


def create_table(cloud: LocalCloud, name: str) -> None:
    """Create a table like the stack's, for code that runs outside of the stack."""
    cloud.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
    )


def simulator_parameters(simulator: PingOneSimulator) -> dict[str, str]:
    """The template parameters that point the application at the simulator."""
    return {
        "EnvironmentId": ENVIRONMENT_ID,
        "ApiUrl": simulator.api_url,
        "TokenUrl": simulator.token_url(ENVIRONMENT_ID),
        "LinkHosts": simulator.link_host,
    }


def deployed(
    cloud: LocalCloud,
    client_id: str,
    client_secret: str,
    parameters: Mapping[str, str],
    name: str = "reports",
    endpoint_url: str = "",
    by: Callable[[LocalCloud, dict[str, str], str, str], dict[str, str]] = deploy,
) -> Stack:
    """Deploy the application with these credentials and template parameters.

    Without a `client_secret`, the stack has a key. The functions call AWS at `endpoint_url`, or at
    the cloud's own endpoint if that is empty.
    """
    credentials = {"ClientId": client_id}
    if client_secret:
        # The template could create the secret. But the emulator's Ref returns a secret's name, and
        # the roles need the ARN, which CloudFormation returns.
        secret = cloud.client("secretsmanager").create_secret(
            Name=f"{name}-worker-app",
            SecretString=json.dumps({"clientId": client_id, "clientSecret": client_secret}),
        )
        credentials = {"SecretArn": secret["ARN"]}
    architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    outputs = by(
        cloud,
        {
            "Architecture": architecture,
            **credentials,
            "ScheduleExpression": "",
            "ReportFields": ",".join(DEFAULT_FIELDS),  # a small report
            "Analytics": "disabled",  # callers that need it enable it, and wait for it
            **parameters,
        },
        name,
        endpoint_url or cloud.endpoint_url,
    )
    every = json.dumps({"source": [_SOURCE]})
    return Stack(cloud, outputs, subscribe(cloud, outputs["EventBusName"], "subscriber", every))


def subscribe(cloud: LocalCloud, bus: str, name: str, pattern: str) -> str:
    """Create a queue that gets the events of a bus that match; returns its URL."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = str(sqs.create_queue(QueueName=f"{bus}-{name}")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": name, "Arn": arn}])
    return url


def states_entered(history: list[dict[str, Any]]) -> list[tuple[datetime, str]]:
    """The states that were entered, each with its time."""
    return [
        (event["timestamp"], event["stateEnteredEventDetails"]["name"])
        for event in history
        if event["type"].endswith("StateEntered")
    ]

"""A stack with a customer-managed key keeps everything under it, and exports as it does without."""

from typing import Any

from local.stack import Stack
from tests.end_to_end.conftest import Ended


def test_everything_that_is_kept_is_kept_under_the_key(
    secured: Stack, secured_export: Ended, key_arn: str
) -> None:
    assert secured_export.description["status"] == "SUCCEEDED"
    # The local cloud knows no default encryption of a stack's bucket, and no key of an event bus.
    states = secured.cloud.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=secured.outputs["StateMachineArn"])
    assert machine["encryptionConfiguration"]["kmsKeyId"] == key_arn
    queue = secured.cloud.client("sqs").get_queue_attributes(
        QueueUrl=secured.outputs["UndeliveredRequestsUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert queue["KmsMasterKeyId"] == key_arn
    groups = secured.log_groups()
    for name in _physical_ids(secured, "AWS::Logs::LogGroup"):
        (group,) = (group for group in groups if group["logGroupName"] == name)
        assert group["kmsKeyId"] == key_arn


def _physical_ids(stack: Stack, resource_type: str) -> list[Any]:
    resources = stack.cloud.client("cloudformation").describe_stack_resources(StackName="secured")
    found = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == resource_type
    ]
    assert found
    return found

"""What Lambda's Invoke may answer: what passes is tried again, and what lasts is not."""

from typing import Any

import boto3
import pytest

from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, definition

# It passes by itself: the account runs too many functions, or Lambda builds something up.
# Source: the errors' descriptions in Lambda's API, and "Lambda function states" of its guide for
# the network of a function that nobody called for a while.
PASSING = {
    "TooManyRequestsException",
    "ServiceException",
    "ResourceNotReadyException",
    "ResourceConflictException",
    "CodeArtifactUserPendingException",
    "EC2ThrottledException",
    "EC2UnexpectedException",
    "ENILimitReachedException",
    "ENINotReadyException",
    "SubnetIPAddressLimitReachedException",
}
# It lasts until somebody does something.
LASTING = {
    "CodeArtifactUserDeletedException",
    "CodeArtifactUserFailedException",
    "EC2AccessDeniedException",
    "InvalidParameterValueException",
    "InvalidRequestContentException",
    "InvalidRuntimeException",
    "InvalidSecurityGroupIDException",
    "InvalidSubnetIDException",
    "InvalidZipFileException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "ModeNotSupportedException",
    "NoPublishedVersionException",
    "RecursiveInvocationException",
    "RequestTooLargeException",
    "ResourceNotFoundException",
    "RuntimeAliasDeletedException",
    "RuntimeVersionDeletedException",
    "SerializedRequestEntityTooLargeException",
    "ServiceQuotaExceededException",
    "UnsupportedMediaTypeException",
}
# Of what no function here has: a file system, SnapStart, durable executions.
ELSEWHERE = ("EFS", "S3Files", "SnapStart", "Durable")
FUNCTIONS: dict[str, dict[str, Any]] = {
    name: state
    for source in (EXPORT_REPORT, EXPORT_FLEET)
    for name, state in definition(source=source)["States"].items()
    if str(state.get("Resource")).endswith(":lambda:invoke")
}


def test_every_error_of_invoke_is_sorted() -> None:
    """botocore's model is Lambda's own: what is new in it has to be sorted."""
    client = boto3.client("lambda", region_name="eu-central-1")
    known = {
        error.name
        for error in client.meta.service_model.operation_model("Invoke").error_shapes
        if not error.name.startswith(ELSEWHERE)
    }
    assert known <= PASSING | LASTING
    assert not PASSING & LASTING


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_passes_is_tried_again_and_what_lasts_is_not(name: str) -> None:
    retried = {error for rule in FUNCTIONS[name]["Retry"] for error in rule["ErrorEquals"]}
    assert {f"Lambda.{error}" for error in PASSING} <= retried
    assert not {f"Lambda.{error}" for error in LASTING} & retried


def test_every_function_is_waited_for_as_long_as_every_other() -> None:
    """One that got no place among the account's is behind no other for that."""
    waits = [
        {key: value for key, value in rule.items() if key != "ErrorEquals"}
        for state in FUNCTIONS.values()
        for rule in state["Retry"]
        if "Lambda.TooManyRequestsException" in rule["ErrorEquals"]
    ]
    assert waits == [waits[0]] * len(FUNCTIONS)

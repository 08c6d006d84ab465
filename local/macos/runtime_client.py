"""The native half of AWS's runtime client, in Python: AWS builds it only for Linux.

`awslambdaric`, the other half, imports this module by its name. Source: "Using the Lambda runtime
API for custom runtimes", docs.aws.amazon.com.
"""

import http.client
import os
from email.message import Message

_INVOCATION = "/2018-06-01/runtime/invocation"
_DEADLINE = "Lambda-Runtime-Deadline-Ms"


def initialize_client(user_agent: str) -> None:
    """Do nothing: there is nothing to prepare."""


def next() -> tuple[bytes, dict[str, str | int]]:
    """Wait for an invocation; returns its event and its headers."""
    event, headers = _call("GET", "next")
    return event, {**headers, _DEADLINE: int(headers[_DEADLINE])}


def post_invocation_result(
    invoke_id: str, result: bytes, content_type: str, _invocation_id: str | None = None
) -> None:
    """Answer an invocation."""
    _call("POST", f"{invoke_id}/response", result, {"Content-Type": content_type})


def post_error(
    invoke_id: str, error: str, _xray_fault: str, _invocation_id: str | None = None
) -> None:
    """Report a failed invocation. The error is JSON, with `errorType` and `errorMessage`."""
    _call("POST", f"{invoke_id}/error", error.encode(), {"Content-Type": "application/json"})


def _call(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[bytes, Message]:
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, f"{_INVOCATION}/{path}", body, headers or {})
    answer = connection.getresponse()
    if answer.status >= 300:
        raise RuntimeError(f"The runtime API answered {answer.status}.")
    return answer.read(), answer.headers

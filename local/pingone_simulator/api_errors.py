"""PingOne's error answers.

The platform API answers JSON with id, code, message and details (reference, "Error codes"). The
token endpoint answers OAuth's `error` and `error_description`, in PingOne's words.
"""

import json
from collections.abc import Mapping, Sequence
from uuid import uuid4

from flask import Response
from werkzeug.exceptions import HTTPException

_CODES = {
    400: "INVALID_DATA",
    401: "INVALID_TOKEN",
    403: "ACCESS_FAILED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "UNIQUENESS_VIOLATION",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "REQUEST_LIMITED",
    500: "UNEXPECTED_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


def platform_error(
    status: int,
    message: str = "The request could not be completed.",
    details: Sequence[Mapping[str, object]] = (),
    *,
    retry_after: int | str | None = None,
) -> HTTPException:
    code = _CODES.get(status, "REQUEST_FAILED")
    body = {"id": str(uuid4()), "code": code, "message": message, "details": details}
    return _error(status, body, {} if retry_after is None else {"Retry-After": str(retry_after)})


def oauth_error(status: int, error: str, description: str) -> HTTPException:
    text = f"Request denied: {description} (Correlation ID: {uuid4()})"
    return _error(status, {"error": error, "error_description": text}, {})


def _error(status: int, body: Mapping[str, object], headers: Mapping[str, str]) -> HTTPException:
    text = json.dumps(body)
    return HTTPException(response=Response(text, status, headers, content_type="application/json"))

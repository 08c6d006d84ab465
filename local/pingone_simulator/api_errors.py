"""PingOne's error answers.

The platform API answers JSON with id, code, message and details (reference, "Error codes"). The
token endpoint answers OAuth's `error` and `error_description`, in PingOne's words.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from uuid import uuid4

from flask import Response
from werkzeug.exceptions import HTTPException

_CODES = {
    HTTPStatus.BAD_REQUEST: "INVALID_DATA",
    HTTPStatus.UNAUTHORIZED: "INVALID_TOKEN",
    HTTPStatus.FORBIDDEN: "ACCESS_FAILED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.CONFLICT: "UNIQUENESS_VIOLATION",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
    HTTPStatus.TOO_MANY_REQUESTS: "REQUEST_LIMITED",
    HTTPStatus.INTERNAL_SERVER_ERROR: "UNEXPECTED_ERROR",
    HTTPStatus.SERVICE_UNAVAILABLE: "SERVICE_UNAVAILABLE",
}


def platform_error(
    status: int,
    message: str = "The request could not be completed.",
    details: Sequence[Mapping[str, object]] = (),
    *,
    retry_after: int | str | None = None,
) -> HTTPException:
    code = next((code for known, code in _CODES.items() if known == status), "REQUEST_FAILED")
    body = {"id": str(uuid4()), "code": code, "message": message, "details": details}
    return _error(status, body, {} if retry_after is None else {"Retry-After": str(retry_after)})


def oauth_error(status: int, error: str, description: str) -> HTTPException:
    text = f"Request denied: {description} (Correlation ID: {uuid4()})"
    return _error(status, {"error": error, "error_description": text}, {})


def _error(status: int, body: Mapping[str, object], headers: Mapping[str, str]) -> HTTPException:
    text = json.dumps(body)
    return HTTPException(response=Response(text, status, headers, content_type="application/json"))

"""The two calls of the PingOne reporting API that an export makes.

Source: "MFA reports" and "Rate limiting", PingOne Platform APIs, developer.pingidentity.com.
"""

from collections.abc import Mapping
from typing import Any

import requests

from pingone_reports.credentials import AccessTokens
from pingone_reports.errors import (
    AccessDenied,
    ExportError,
    InvalidResponse,
    PingOneUnavailable,
    RateLimited,
    ReportExpired,
    ReportRejected,
    Unauthorized,
)
from pingone_reports.polling import MIN_SECONDS_BETWEEN_CALLS
from pingone_reports.request import ExportRequest

# "Devices report": "currently the only supported value".
DEVICES_REPORT_TEMPLATE_ID = "db632bfd-7054-4bde-b108-a384aac2d513"

_TIMEOUT_SECONDS = (5, 30)


class PingOne:
    """PingOne's dataExplorations, for one worker application."""

    def __init__(self, session: requests.Session, api_url: str, tokens: AccessTokens) -> None:
        self._session = session
        self._api_url = api_url
        self._tokens = tokens

    def create_exploration(self, request: ExportRequest) -> dict[str, Any]:
        """Ask for the report as files; returns the new exploration's body.

        Raises ReportRejected, AccessDenied, Unauthorized, RateLimited, PingOneUnavailable or
        InvalidResponse.
        """
        body: dict[str, Any] = {
            "dataExplorationTemplate": {"id": DEVICES_REPORT_TEMPLATE_ID},
            "deliverAs": "ASYNC_FILE",
        }
        if request.fields:
            body["fields"] = [{"name": name} for name in request.fields]
        if request.filter:
            body["filter"] = request.filter
        return self._call(
            "POST",
            f"environments/{request.environment_id}/dataExplorations",
            request.correlation_id,
            body,
            not_found=ReportRejected,
        )

    def read_exploration(
        self, environment_id: str, exploration_id: str, correlation_id: str
    ) -> dict[str, Any]:
        """The exploration's body; once it succeeded, with fresh links (five minutes) and password.

        Raises ReportExpired when PingOne no longer has it, and otherwise as create_exploration.
        """
        return self._call(
            "GET",
            f"environments/{environment_id}/dataExplorations/{exploration_id}",
            correlation_id,
            not_found=ReportExpired,
        )

    def _call(
        self,
        method: str,
        path: str,
        correlation_id: str,
        json: Mapping[str, Any] | None = None,
        *,
        not_found: type[ExportError],
    ) -> dict[str, Any]:
        def send(token: str) -> requests.Response:
            return self._session.request(
                method,
                f"{self._api_url}/{path}",
                json=json,
                headers={
                    "Authorization": f"Bearer {token}",
                    "X-Ping-External-Transaction-Id": correlation_id,
                },
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )

        try:
            response = send(self._tokens.current())
            if response.status_code == 401:
                response = send(self._tokens.renew())
        except requests.RequestException as error:
            # No `from`: a message of requests quotes the URL and may quote more.
            raise PingOneUnavailable(
                f"PingOne's API cannot be reached ({type(error).__name__})."
            ) from None
        if not 200 <= response.status_code < 300:
            raise _error(response, not_found)
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise InvalidResponse(
                f"PingOne's API answered {response.status_code} without a JSON object: "
                "check the API URL."
            )
        return body


def _error(response: requests.Response, not_found: type[ExportError]) -> ExportError:
    """The error for an answer that is not a success, by its class: codes may change within one."""
    answer = f"PingOne answered {_describe(response)}"
    match response.status_code:
        case 429:
            return RateLimited(f"{answer}.", _retry_after(response))
        case 401:
            return Unauthorized(f"{answer} to a new token: check the API URL and the region.")
        case 403:
            return AccessDenied(f"{answer}: give the worker application a role with this report.")
        case 404:
            return not_found(f"{answer}: check the environment id, or start a new export.")
        case status if 400 <= status < 500:
            return ReportRejected(f"{answer}: correct the request's fields or filter.")
        case status if status >= 500:
            return PingOneUnavailable(f"{answer}; try again later.")
    return InvalidResponse(f"{answer}, which is neither a success nor an error: check the API URL.")


def _describe(response: requests.Response) -> str:
    """Status, code, message and id of an error body, which support asks for."""
    try:
        body = response.json()
        details = body.get("details") or []
        parts = [f"{body[name]}" for name in ("code", "message") if body.get(name)]
        parts += [f"{detail.get('target')}: {detail.get('message')}" for detail in details]
        parts += [f"id {body['id']}"] if body.get("id") else []
    except (ValueError, TypeError, AttributeError, KeyError):
        parts = []
    described = (
        f"{response.status_code} ({'; '.join(parts)})" if parts else f"{response.status_code}"
    )
    return described[:600]


def _retry_after(response: requests.Response) -> float:
    """Seconds of the Retry-After header; PingOne documents whole seconds."""
    value = response.headers.get("Retry-After", "")
    # What is longer than a day is as good as nothing, and longer than some is infinity.
    return min(float(value), 86_400) if value.isdecimal() else MIN_SECONDS_BETWEEN_CALLS

"""The calls that exports and fleets make to PingOne's API.

Source: "MFA reports", "Environments" and "Rate limiting", PingOne Platform APIs,
developer.pingidentity.com.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from pingone_reports.errors import (
    AccessDenied,
    ExportError,
    InvalidResponse,
    LinkNotAllowed,
    PingOneUnavailable,
    RateLimited,
    ReportExpired,
    ReportRejected,
    Unauthorized,
)
from pingone_reports.model.environment import EnvironmentPage
from pingone_reports.model.exploration import DEVICES_REPORT_TEMPLATE_ID, Delivery, Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.answers import Answer, ask, tellable
from pingone_reports.pingone.credentials import AccessTokens

_TIMEOUT_SECONDS = (5, 30)
_SECRET_NAMES = ("zipPassword", "csvPresignedUrl", "jsonPresignedUrl")
# The most that PingOne takes.
_ENVIRONMENTS_A_PAGE = 100


@dataclass(frozen=True)
class _Meaning:
    """What a refused call means: errors by HTTP status, and what the role is needed for."""

    not_found: type[ExportError]
    rejected: type[ExportError]
    wanted: str


_CREATE = _Meaning(ReportRejected, ReportRejected, "this report")
_READ = _Meaning(ReportExpired, ReportRejected, "this report")
_LIST = _Meaning(InvalidResponse, InvalidResponse, "its environments")


class PingOne:
    """PingOne's dataExplorations and environments, for one worker application."""

    def __init__(self, session: requests.Session, api_url: str, tokens: AccessTokens) -> None:
        self._session = session
        self._api_url = api_url
        self._tokens = tokens
        # The secrets of the last answer, so that no error shows them.
        self._given_out: list[str] = []
        self._hidden: list[str] = []

    def prepare(self) -> None:
        """Get an access token, so that the next call does not wait for one.

        Raises Unauthorized, PingOneUnavailable and what reading the secret raises.
        """
        self._tokens.current()

    def create_exploration(
        self, request: ExportRequest, hidden: Collection[str] = ()
    ) -> Exploration:
        """Ask for the report as files. No error shows what is to be hidden.

        Raises ReportRejected, AccessDenied, Unauthorized, RateLimited, PingOneUnavailable,
        InvalidResponse or ReportFailed.
        """
        body: dict[str, Any] = {
            "dataExplorationTemplate": {"id": DEVICES_REPORT_TEMPLATE_ID},
            "deliverAs": "ASYNC_FILE",
        }
        if request.fields:
            body["fields"] = [{"name": name} for name in request.fields]
        if request.filter:
            body["filter"] = request.filter
        self._hidden = [*hidden]
        created = self._call(
            "POST",
            f"environments/{request.environment_id}/dataExplorations",
            request.correlation_id,
            _CREATE,
            body,
        )
        return Exploration.parse(created)

    def read_exploration(self, export: Export) -> Exploration:
        """The report's status and times. Drops the links and the password of the answer.

        Raises ReportExpired when PingOne no longer has it, and what create_exploration raises.
        """
        return Exploration.parse(self._read(export))

    def read_delivery(self, export: Export) -> Delivery:
        """The finished report's password and fresh links, which are valid for five minutes.

        Raises ReportWithdrawn, and what read_exploration raises.
        """
        return Delivery.parse(self._read(export), export.request.formats)

    def read_environments(self, link: str | None, correlation_id: str) -> EnvironmentPage:
        """The first page of all environments that the worker application sees, or a link's page.

        Raises LinkNotAllowed for a link that leads away from the API's list of environments, and
        AccessDenied, Unauthorized, RateLimited, PingOneUnavailable or InvalidResponse.
        """
        query = f"limit={_ENVIRONMENTS_A_PAGE}" if link is None else self._query_of(link)
        return EnvironmentPage.parse(
            self._call("GET", f"environments?{query}", correlation_id, _LIST)
        )

    def _query_of(self, link: str) -> str:
        """A next page's query. The token goes nowhere but to the API's own host and path."""
        own = urlsplit(f"{self._api_url}/environments")
        try:
            found = urlsplit(link)
            host = found.hostname
        except ValueError:
            found, host = None, None
        if not found or found[:3] != own[:3] or found.fragment or not found.query:
            raise LinkNotAllowed(
                f"PingOne's list of environments goes on at the host {host!r:.80}, or at another "
                "path than it began with: check the API URL."
            )
        return found.query

    def _read(self, export: Export) -> dict[str, Any]:
        return self._call(
            "GET",
            f"environments/{export.request.environment_id}/dataExplorations"
            f"/{export.exploration_id}",
            export.request.correlation_id,
            _READ,
        )

    def _call(
        self,
        method: str,
        path: str,
        correlation_id: str,
        meaning: _Meaning,
        json: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        def send(token: str) -> Answer:
            return ask(
                self._session,
                "PingOne's API",
                method,
                f"{self._api_url}/{path}",
                {
                    "Authorization": f"Bearer {token}",
                    "X-Ping-External-Transaction-Id": correlation_id,
                },
                json=json,
                timeout=_TIMEOUT_SECONDS,
            )

        answer = send(self._tokens.current())
        if answer.status == 401:
            answer = send(self._tokens.renew())
        if not 200 <= answer.status < 300:
            secrets = [*self._tokens.secrets, *self._given_out, *self._hidden]
            raise _error(answer, _describe(answer, secrets), meaning)
        body = answer.document()
        if body is None:
            raise InvalidResponse(
                f"PingOne's API answered {answer.status} without a JSON object: check the API URL."
            )
        self._given_out = [
            value for name in _SECRET_NAMES if isinstance(value := body.get(name), str)
        ]
        return body


def _error(response: Answer, described: str, meaning: _Meaning) -> ExportError:
    """The error for an answer, by its HTTP class: PingOne may change the codes within a class."""
    answer = f"PingOne answered {described}"
    match response.status:
        case 429:
            return RateLimited(
                f"{answer}: another application uses the same limit of the environment or the "
                "licence, or PingOne limits this IP address to 35% of it (allow the address in "
                "PingOne, or lower CallsPerMinute).",
                _retry_after(response),
            )
        case 401:
            return Unauthorized(f"{answer} to a new token: check the API URL and the region.")
        case 403:
            return AccessDenied(
                f"{answer}: give the worker application a role for {meaning.wanted}."
            )
        case 404:
            return meaning.not_found(f"{answer}: check the environment id, or start a new export.")
        case status if 400 <= status < 500:
            return meaning.rejected(f"{answer}: correct the request's fields or filter.")
        case status if status >= 500:
            return PingOneUnavailable(f"{answer}; try again later.")
    return InvalidResponse(f"{answer}, which is neither a success nor an error: check the API URL.")


def _describe(answer: Answer, secrets: Collection[str]) -> str:
    """The status, and an error body's code, message, details and id, which support asks for."""
    body = answer.document() or {}
    details = body.get("details")
    parts = [body.get("code"), body.get("message")]
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict):
            texts = [detail.get("target"), detail.get("message")]
            parts.append(": ".join(text for text in texts if isinstance(text, str)))
    if isinstance(body.get("id"), str):
        parts.append(f"id {body['id']}")
    told = "; ".join(part for part in parts if isinstance(part, str) and part)
    # Cut last: half of a secret would not be recognised as one.
    return f"{answer.status} ({tellable(told, secrets)})"[:600] if told else f"{answer.status}"


def _retry_after(response: Answer) -> float:
    """The Retry-After header in whole seconds, as PingOne documents it; 0 without."""
    value = response.headers.get("Retry-After", "")
    # At most a day: no export waits that long, and a very large number would become infinity.
    return min(float(value), 86_400) if value.isdecimal() else 0

"""The calls that exports and fleets make to PingOne's API.

Source: "MFA reports", "Environments" and "Rate limiting", PingOne Platform APIs,
developer.pingidentity.com.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from pingone_reports.errors import (
    AccessDenied,
    CallPostponed,
    ExportError,
    InvalidResponse,
    PingOneUnavailable,
    RateLimited,
    ReportExpired,
    ReportRejected,
    Unauthorized,
)
from pingone_reports.model.exploration import (
    DEVICES_REPORT_TEMPLATE_ID,
    SECRET_FIELDS,
    Delivery,
    Exploration,
)
from pingone_reports.model.export import Export
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.credentials import AccessTokens
from pingone_reports.pingone.environment_page import EnvironmentPage
from pingone_reports.pingone.http import MOST_BYTES, Answer, ask, tellable
from pingone_reports.pingone.sessions import connect

_TIMEOUT_SECONDS = (5, 30)
# A report that was created in this time may not be known everywhere at PingOne.
_NEW = timedelta(seconds=30)
# The most that PingOne takes.
_ENVIRONMENTS_A_PAGE = 100


@dataclass(frozen=True)
class _Meaning:
    """What a refused call means, what the role is needed for, and how large an answer may be."""

    not_found: type[ExportError]
    rejected: type[ExportError]
    wanted: str
    most_bytes: int = MOST_BYTES


_CREATE = _Meaning(ReportRejected, ReportRejected, "this report")
_READ = _Meaning(ReportExpired, ReportRejected, "this report")
# A hundred environments with all that PingOne says of each.
_LIST = _Meaning(InvalidResponse, InvalidResponse, "its environments", 16 * MOST_BYTES)


class PingOne:
    """PingOne's dataExplorations and environments, for one worker application."""

    def __init__(self, session: requests.Session, api_url: str, tokens: AccessTokens) -> None:
        self._session = session
        self._api_url = api_url
        self._tokens = tokens
        # The secrets of the last answer, so that no error shows them.
        self._given_out: list[str] = []
        self._hidden: list[str] = []
        # For the next call; the call that got a new token; the last report that was not found.
        self._token, self._refused, self._missed = "", "", ""

    def prepare(self) -> None:
        """Get an access token and a connection, so that the next call waits for neither.

        Raises Unauthorized, PingOneUnavailable and what reading the secret raises.
        """
        self._token = self._tokens.current()
        connect(self._session, self._api_url, _TIMEOUT_SECONDS[0])

    def create_exploration(
        self, request: ExportRequest, hidden: Collection[str] = ()
    ) -> Exploration:
        """Ask for the report as files. No error shows what is to be hidden.

        Raises ReportRejected, AccessDenied, Unauthorized, RateLimited, CallPostponed,
        PingOneUnavailable, InvalidResponse or ReportFailed.
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

        Only the query of a link is taken. So the token goes nowhere but to the API URL, and the
        list goes on behind a proxy, whose host is not that of PingOne's links. Raises AccessDenied,
        Unauthorized, RateLimited, CallPostponed, PingOneUnavailable or InvalidResponse.
        """
        query = f"limit={_ENVIRONMENTS_A_PAGE}" if link is None else _query_of(link)
        return EnvironmentPage.parse(
            self._call("GET", f"environments?{query}", correlation_id, _LIST)
        )

    def _read(self, export: Export) -> dict[str, Any]:
        id_, request = export.exploration_id, export.request
        path = f"environments/{request.environment_id}/dataExplorations/{id_}"
        try:
            return self._call("GET", path, request.correlation_id, _READ)
        except ReportExpired as error:
            missed, self._missed = self._missed, id_
            if missed != id_ and datetime.now(UTC) - export.requested_at < _NEW:
                raise CallPostponed(f"{error} The report is new: it is asked for again.") from None
            raise

    def _call(
        self,
        method: str,
        path: str,
        correlation_id: str,
        meaning: _Meaning,
        json: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        token, self._token = self._token or self._tokens.current(), ""
        answer = ask(
            self._session,
            "PingOne's API",
            method,
            f"{self._api_url}/{path}",
            {
                "Authorization": f"Bearer {token}",
                "X-Ping-External-Transaction-Id": correlation_id,
            },
            most_bytes=meaning.most_bytes,
            json=json,
            timeout=_TIMEOUT_SECONDS,
        )
        call, refused, self._refused = f"{path} {correlation_id}", self._refused, ""
        if answer.status == 401 and call != refused:
            # Not in the same turn: PingOne may count what it refuses. Maybe not by this function.
            self._tokens.renew()
            self._refused = call
            raise CallPostponed("PingOne answered 401: the call is made again with a new token.")
        if not 200 <= answer.status < 300:
            secrets = [*self._tokens.secrets, *self._given_out, *self._hidden]
            raise _error(answer, _describe(answer, secrets), meaning)
        body = answer.document()
        if body is None:
            raise InvalidResponse(
                f"PingOne's API answered {answer.status} without a JSON object: check the API URL."
            )
        self._given_out = [
            value for name in SECRET_FIELDS if isinstance(value := body.get(name), str)
        ]
        return body


def _query_of(link: str) -> str:
    try:
        query = urlsplit(link).query
    except ValueError:
        query = ""
    if not query:
        raise InvalidResponse(
            "PingOne's list of environments has a link without a query to its next page. If this "
            "lasts, look for a newer version of this application."
        )
    return query


def _error(response: Answer, described: str, meaning: _Meaning) -> ExportError:
    """The error for an answer, by its HTTP class: PingOne may change the codes within a class."""
    answer = f"PingOne answered {described}"
    match response.status:
        case 429:
            return RateLimited(
                f"{answer}: the limit of the environment, the licence or this IP address is used "
                "up, and the call is made again. If this lasts, lower CallsPerMinute, or allow the "
                "address in PingOne.",
                _retry_after(response) or 0,
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
        case status if status >= 500 and (pause := _retry_after(response)) is not None:
            return CallPostponed(f"{answer}: the call is made again after its pause.", pause)
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


def _retry_after(response: Answer) -> float | None:
    """The Retry-After header, a number or a date (RFC 9110), in seconds; None without."""
    value, seconds = response.headers.get("Retry-After", ""), None
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", value):
        seconds = float(value)
    else:
        with suppress(ValueError):
            date = parsedate_to_datetime(value).replace(tzinfo=UTC)
            seconds = (date - datetime.now(UTC)).total_seconds()
    # At most a day: no export waits that long, and a very large number would become infinity.
    return seconds and max(0, min(seconds, 86_400))

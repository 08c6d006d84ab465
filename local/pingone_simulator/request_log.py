"""The simulator's requests, and the secrets that it gave out, for tests to read."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class RecordedRequest:
    """One request, without its secrets; `status` is None if it got no answer."""

    time: datetime
    seconds: float
    """The simulator's clock when the request came in, in API seconds."""
    method: str
    path: str
    environment_id: str | None
    status: int | None
    correlation_id: str | None
    """From the header X-Ping-External-Transaction-Id, which every PingOne endpoint accepts."""


@dataclass(frozen=True)
class RecordedDownload:
    """One request for a link, without its secrets; `status` as in RecordedRequest."""

    environment_id: str
    format: str
    range: str | None
    if_match: str | None
    status: int | None


class IssuedSecret(NamedTuple):
    """A value that must appear nowhere outside the code that uses it."""

    kind: str
    environment_id: str | None
    value: str


class RequestLog:
    """Requests and secrets, in order. Any thread may add one: that is one step for CPython."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.downloads: list[RecordedDownload] = []
        # A dict keeps the order, without duplicates: the same password is given out many times.
        self._secrets: dict[IssuedSecret, None] = {}

    def issue(self, kind: str, environment_id: str | None, value: str) -> None:
        self._secrets[IssuedSecret(kind, environment_id, value)] = None

    def issue_assertion(self, environment_id: str | None, assertion: str) -> None:
        """It is the client's own, and as secret; so is what makes it one, its signature."""
        self.issue("client assertion", environment_id, assertion)
        if signature := assertion.rpartition(".")[2]:
            self.issue("client assertion", environment_id, signature)

    def issue_link(self, environment_id: str, link: str) -> None:
        query = parse_qs(urlsplit(link).query)
        for signature in query.get("X-Amz-Signature", []):
            self.issue("link signature", environment_id, signature)
        for token in query.get("X-Amz-Security-Token", []):
            self.issue("link security token", environment_id, token)

    @property
    def secrets(self) -> list[IssuedSecret]:
        return list(self._secrets)

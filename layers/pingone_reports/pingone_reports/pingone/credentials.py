"""The worker application's credentials and access tokens."""

import base64
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import requests

from pingone_reports.errors import InvalidResponse, InvalidSecret, PingOneUnavailable, Unauthorized
from pingone_reports.pingone.http import Answer, ask, tellable

# A token is renewed this early, so that it does not expire on its way to PingOne.
_EXPIRY_MARGIN_SECONDS = 60
_TIMEOUT_SECONDS = (5, 20)
# Every character that a header may hold; RFC 6750 allows fewer.
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True)
class ClientAuthentication:
    """What a request for a token proves the client with: HTTP Basic, or fields of its form.

    `secrets` must appear nowhere else; `advice` says what to check when PingOne refuses it.
    """

    advice: str
    secrets: tuple[str, ...] = field(repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ClientCredentials:
    """A worker application's client id and secret."""

    client_id: str
    client_secret: str = field(repr=False)

    @property
    def basic(self) -> str:
        """Id and secret, as HTTP Basic encodes them."""
        return base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()

    def authentication(self) -> ClientAuthentication:
        """The client secret itself."""
        return ClientAuthentication(
            advice="Check that the secret holds the client id and secret of an enabled worker "
            "application of this environment, and that the token URL is right.",
            secrets=(self.client_secret, self.basic),
            basic=(self.client_id, self.client_secret),
        )

    @classmethod
    def parse(cls, secret: str) -> Self:
        """Raises InvalidSecret unless it is `{"clientId": "...", "clientSecret": "..."}`."""
        try:
            document = json.loads(secret)
            values = [document[name] for name in ("clientId", "clientSecret")]
        except (ValueError, TypeError, KeyError, RecursionError):
            values = []
        if not values or not all(
            isinstance(value, str) and value.isascii() and value for value in values
        ):
            # No cause: the parser's exception quotes the secret.
            raise InvalidSecret(
                "The secret must hold the worker application's credentials as "
                '{"clientId": "...", "clientSecret": "..."}. Store them with '
                "`aws secretsmanager put-secret-value`."
            ) from None
        return cls(*values)


class AccessTokens:
    """Access tokens of one worker application, each kept until shortly before it expires.

    Source: "Token (client_credentials)", developer.pingidentity.com; a token lives one hour.
    """

    def __init__(
        self,
        session: requests.Session,
        token_url: str,
        authenticate: Callable[[], ClientAuthentication],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._token_url = token_url
        self._authenticate = authenticate
        self._clock = clock
        self._token = ""
        self._renew_at = -1.0
        # From the last two renewals, because PingOne's errors may quote any of them.
        self.secrets: tuple[str, ...] = ()

    def current(self) -> str:
        """A token that does not expire within the next minute; it may be revoked.

        It is a new one each time if PingOne does not say when it expires.
        """
        return self._token if self._clock() < self._renew_at else self.renew()

    def renew(self) -> str:
        """Get a new token with the current credentials, which may have been rotated.

        Raises Unauthorized when the credentials are refused, PingOneUnavailable when the token
        endpoint cannot answer, InvalidResponse when its answer holds no token.
        """
        authentication = self._authenticate()
        now = self._clock()
        answer = ask(
            self._session,
            "PingOne's token endpoint",
            "POST",
            self._token_url,
            data={"grant_type": "client_credentials", **authentication.form},
            auth=authentication.basic,
            timeout=_TIMEOUT_SECONDS,
        )
        if answer.status == 429 or answer.status >= 500:
            raise PingOneUnavailable(
                f"PingOne's token endpoint answered {answer.status}; try again later."
            )
        if answer.status != 200:
            raise Unauthorized(
                f"PingOne's token endpoint answered {answer.status}"
                f"{_reason(answer, authentication)}. {authentication.advice}"
            )
        body = answer.document() or {}
        token, lifetime = body.get("access_token"), _seconds(body.get("expires_in"))
        # RFC 6749 recommends expires_in, and demands only access_token.
        unusable = "expires_in" in body and not lifetime
        if unusable or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise InvalidResponse(
                "PingOne's token endpoint answered without access_token and expires_in that can be "
                "used: check the token URL."
            )
        self._token = token
        secrets = (token, *authentication.secrets)
        self.secrets = (*secrets, *self.secrets[: len(secrets)])
        self._renew_at = now + lifetime - _EXPIRY_MARGIN_SECONDS
        return token


def _reason(answer: Answer, authentication: ClientAuthentication) -> str:
    """OAuth's `error` and `error_description`, in brackets; nothing if the answer has neither."""
    body = answer.document() or {}
    told = [body.get(name) for name in ("error", "error_description")]
    text = ": ".join(word for word in told if isinstance(word, str) and word)
    return f" ({tellable(text, authentication.secrets)[:300]})" if text else ""


def _seconds(value: object) -> float:
    """A lifetime in seconds; 0 if the value is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return 0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0

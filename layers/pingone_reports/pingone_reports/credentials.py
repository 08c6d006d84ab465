"""The worker application's credentials, and the access token they buy."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import requests

from pingone_reports.errors import InvalidResponse, InvalidSecret, PingOneUnavailable, Unauthorized

# Renewed this long before it expires, so that a token never dies on its way to PingOne.
_EXPIRY_MARGIN_SECONDS = 60
_TIMEOUT_SECONDS = (5, 20)


@dataclass(frozen=True)
class ClientCredentials:
    """A worker application's client id and secret."""

    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def parse(cls, secret: str) -> Self:
        """Raises InvalidSecret unless it is `{"clientId": "...", "clientSecret": "..."}`."""
        try:
            document = json.loads(secret)
            values = [document[name] for name in ("clientId", "clientSecret")]
        except (ValueError, TypeError, KeyError):
            values = []
        if not values or not all(
            isinstance(value, str) and value.isascii() and value for value in values
        ):
            # No `from`: the parser's exception quotes the secret.
            raise InvalidSecret(
                "The secret must hold the worker application's credentials as "
                '{"clientId": "...", "clientSecret": "..."}. Put them in with '
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
        read_secret: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._token_url = token_url
        self._read_secret = read_secret
        self._clock = clock
        self._token = ""
        self._renew_at = -1.0

    def current(self) -> str:
        """A token that is good for at least a minute, as far as we know."""
        return self._token if self._clock() < self._renew_at else self.renew()

    def renew(self) -> str:
        """Get a new token, with the secret as it is now: it may have been rotated.

        Raises Unauthorized when the credentials are refused, PingOneUnavailable when the token
        endpoint cannot answer, InvalidResponse when its answer holds no token.
        """
        credentials = ClientCredentials.parse(self._read_secret())
        now = self._clock()
        try:
            response = self._session.post(
                self._token_url,
                data={"grant_type": "client_credentials"},
                auth=(credentials.client_id, credentials.client_secret),
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise PingOneUnavailable(
                f"PingOne's token endpoint cannot be reached ({type(error).__name__})."
            ) from None
        if response.status_code == 429 or response.status_code >= 500:
            raise PingOneUnavailable(
                f"PingOne's token endpoint answered {response.status_code}; try again later."
            )
        if response.status_code != 200:
            raise Unauthorized(
                f"PingOne's token endpoint answered {response.status_code}. Check that the secret "
                "holds the client id and secret of an enabled worker application of this "
                "environment, and that the token URL is right."
            )
        try:
            body = response.json()
            token, lifetime = body["access_token"], float(body["expires_in"])
        except (ValueError, TypeError, KeyError):
            token = None
        if not isinstance(token, str) or not token:
            raise InvalidResponse(
                "PingOne's token endpoint answered without access_token and expires_in: "
                "check the token URL."
            )
        self._token = token
        self._renew_at = now + lifetime - _EXPIRY_MARGIN_SECONDS
        return token

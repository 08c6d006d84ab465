"""The worker application's credentials and access tokens."""

import secrets
from uuid import uuid4

import jwt

from local.pingone_simulator.clock import Clock
from local.pingone_simulator.keyed_app import KeyedApp
from local.pingone_simulator.request_log import RequestLog

TOKEN_SECONDS = 3600
"""PingOne worker application tokens live for one hour."""


class WorkerApps:
    """One client id; the same secret in every environment, until an environment's is rotated.

    Beside it, in every environment too, another application that has a key.
    """

    def __init__(self, clock: Clock, log: RequestLog) -> None:
        self.client_id = str(uuid4())
        self.client_secret = secrets.token_urlsafe(48)
        self.keyed = KeyedApp(clock)
        self._clock = clock
        self._log = log
        self._rotated_secrets: dict[str, str] = {}
        # By token: its environment, and when it expires.
        self._tokens: dict[str, tuple[str | None, float]] = {}
        log.issue("client secret", None, self.client_secret)

    def rotate_secret(self, environment_id: str) -> str:
        """Returns the environment's new secret, which only new tokens need, as in PingOne."""
        secret = secrets.token_urlsafe(48)
        self._rotated_secrets[environment_id] = secret
        self._log.issue("client secret", environment_id, secret)
        return secret

    def accepts(self, environment_id: str | None, client_id: str, client_secret: str) -> bool:
        expected = self._rotated_secrets.get(environment_id or "", self.client_secret)
        return client_id == self.client_id and secrets.compare_digest(
            client_secret.encode(), expected.encode()
        )

    def issue_token(self, environment_id: str | None, client_id: str) -> str:
        now = self._clock.seconds()
        claims = {
            "client_id": client_id,
            "env": environment_id,
            "iat": int(self._clock.instant(now).timestamp()),
            "exp": int(self._clock.instant(now + TOKEN_SECONDS).timestamp()),
        }
        # Nobody but PingOne can check it.
        token = jwt.encode(claims, secrets.token_bytes(64), "HS512")
        self._tokens[token] = (environment_id, now + TOKEN_SECONDS)
        self._log.issue("access token", environment_id, token)
        return token

    def is_good(self, token: str) -> bool:
        _, end = self._tokens.get(token, (None, 0.0))
        return self._clock.seconds() < end

    def revoke_tokens(self, environment_id: str | None = None) -> None:
        """Revoke the tokens of one environment, or all."""
        for token, (home, _) in list(self._tokens.items()):
            if environment_id in (None, home):
                del self._tokens[token]

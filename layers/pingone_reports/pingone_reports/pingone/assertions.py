"""Client assertions: what proves a worker application that has a key in place of a secret.

PingOne calls this PRIVATE_KEY_JWT. Source: "Create a private key JWT",
developer.pingidentity.com; RFC 7523, and RFC 7515 for its form.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from uuid import uuid4

from pingone_reports.aws.signing_key import SigningKey
from pingone_reports.pingone.credentials import ClientAuthentication

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Long enough for one request. PingOne refuses more than an hour.
_LIFETIME_SECONDS = 60


class ClientAssertions:
    """Assertions for one worker application at one token endpoint."""

    def __init__(
        self,
        client_id: str,
        token_url: str,
        key: SigningKey,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client_id = client_id
        self._token_url = token_url
        self._key = key
        self._now = now

    def authentication(self) -> ClientAuthentication:
        """A new assertion, which lives one minute. Raises what the key raises."""
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._token_url,
            "exp": int(self._now()) + _LIFETIME_SECONDS,
            "jti": str(uuid4()),
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self._key.id}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        assertion = f"{signed}.{_base64(self._key.sign(signed.encode()))}"
        return ClientAuthentication(
            advice="Check that ClientId is an enabled worker application of this environment, that "
            f"its JWKS holds the public key {self._key.id}, and that the token URL is right.",
            # Whoever has all but the header can put that before it.
            secrets=(assertion, assertion.partition(".")[2], assertion.rpartition(".")[2]),
            form={"client_assertion_type": _TYPE, "client_assertion": assertion},
        )


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()

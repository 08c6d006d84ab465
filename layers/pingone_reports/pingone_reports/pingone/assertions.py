"""Client assertions: what proves a worker application that has a key in place of a secret.

PingOne calls this PRIVATE_KEY_JWT. Source: "Create a private key JWT",
developer.pingidentity.com; RFC 7523.
"""

import json
import time
from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

from jwt import PyJWS
from jwt.algorithms import Algorithm

from pingone_reports.pingone.credentials import ClientAuthentication

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHM = "RS256"
# Long enough for one request. PingOne refuses more than an hour.
_LIFETIME_SECONDS = 60


class Signer(Protocol):
    """A private key that cannot be read, such as KMS keeps."""

    @property
    def id(self) -> str:
        """What the public key is called in the application's JWKS."""

    def sign(self, message: bytes) -> bytes:
        """The message's signature: RSA with PKCS #1 v1.5 and SHA-256."""


class ClientAssertions:
    """Assertions for one worker application at one token endpoint."""

    def __init__(
        self,
        client_id: str,
        token_url: str,
        signer: Signer,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client_id = client_id
        self._token_url = token_url
        self._signer = signer
        self._now = now
        self._jws = PyJWS(algorithms=[])
        self._jws.register_algorithm(_ALGORITHM, _SignedElsewhere())

    def authentication(self) -> ClientAuthentication:
        """A new assertion, which lives one minute. Raises what the signer raises."""
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._token_url,
            "exp": int(self._now()) + _LIFETIME_SECONDS,
            "jti": str(uuid4()),
        }
        assertion = self._jws.encode(
            json.dumps(claims, separators=(",", ":")).encode(),
            self._signer,  # type: ignore[arg-type]
            _ALGORITHM,
            headers={"kid": self._signer.id},
        )
        return ClientAuthentication(
            advice="Check that ClientId is an enabled worker application of this environment, that "
            f"its JWKS holds the public key {self._signer.id}, and that the token URL is right.",
            # Whoever has all but the header can put that before it.
            secrets=(assertion, assertion.partition(".")[2], assertion.rpartition(".")[2]),
            form={"client_assertion_type": _TYPE, "client_assertion": assertion},
        )


class _SignedElsewhere(Algorithm):
    """RS256, but for the signature itself: PyJWT would need the private key for that."""

    def prepare_key(self, key: Signer) -> Signer:
        return key

    def sign(self, msg: bytes, key: Signer) -> bytes:
        return key.sign(msg)

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        raise NotImplementedError

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> Any:
        raise NotImplementedError

    @staticmethod
    def from_jwk(jwk: Any) -> Any:
        raise NotImplementedError

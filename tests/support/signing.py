"""A key that signs as KMS does, on this machine."""

import json
from functools import cache
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from pingone_reports.aws.signing_key import SigningKey


class LocalKey(SigningKey):
    """An RSA key pair. `refuses` is raised in place of a signature."""

    def __init__(self) -> None:
        self.id = str(uuid4())
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.refuses: Exception | None = None

    def sign(self, message: bytes) -> bytes:
        if self.refuses:
            raise self.refuses
        return self.private.sign(message, padding.PKCS1v15(), SHA256())

    @property
    def der(self) -> bytes:
        """The public key, as GetPublicKey answers it."""
        return self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )


def jwks_with(*keys: LocalKey) -> str:
    """The public keys, as an application of PingOne has them."""
    return json.dumps(
        {
            "keys": [
                RSAAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
                | {"kid": key.id, "use": "sig", "alg": "RS256"}
                for key in keys
            ]
        }
    )


@cache
def local_key(which: int = 0) -> LocalKey:  # noqa: ARG001 -- each has its own
    """A key that takes a while to make."""
    return LocalKey()

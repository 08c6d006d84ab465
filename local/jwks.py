"""Prints the JWKS of KMS keys as the text of an application's `jwks` in PingOne's API.

It is JSON in a JSON string: one line, with its quotes escaped. Source: "Create a private_key_jwt
JWKS string", PingOne Platform APIs, developer.pingidentity.com.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt.algorithms import RSAAlgorithm


def jwks_of(kms: Any, arns: Iterable[str]) -> str:
    """The public keys of these KMS keys; raises ValueError for a key that is not for RS256."""
    return json.dumps({"keys": [_jwk_of(kms, arn) for arn in arns]}, separators=(",", ":"))


def _jwk_of(kms: Any, arn: str) -> dict[str, Any]:
    answer = kms.get_public_key(KeyId=arn)
    key = load_der_public_key(answer["PublicKey"])
    if not isinstance(key, RSAPublicKey) or answer["KeyUsage"] != "SIGN_VERIFY":
        raise ValueError(f"{arn} is no RSA key for signing: make one with KeySpec RSA_2048.")
    numbers = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        # Not as the argument has it, which may be an alias.
        "kid": answer["KeyId"].rpartition("/")[2],
        "n": numbers["n"],
        "e": numbers["e"],
    }


def main(arns: list[str]) -> int:
    """Returns the exit status."""
    if not arns or not all(arn.startswith("arn:") for arn in arns):
        print("Say which keys: make jwks KEY=<SigningKeyArn>", file=sys.stderr)
        return 2
    try:
        # A key is in the region that its ARN names.
        region = arns[0].split(":")[3]
        print(json.dumps(jwks_of(boto3.client("kms", region_name=region), arns)))
    except (BotoCoreError, ClientError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

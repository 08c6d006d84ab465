"""The line that PingOne's application takes is the key's, by `make jwks` and by the AWS CLI."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.jwks import jwks_of, main
from local.paths import ROOT
from tests.support.signing import local_key

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


class Kms:
    """Answers GetPublicKey as KMS does."""

    def __init__(self, der: bytes, usage: str = "SIGN_VERIFY") -> None:
        self._der, self._usage = der, usage

    def get_public_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803 -- boto3's
        return {"KeyId": KeyId, "PublicKey": self._der, "KeyUsage": self._usage}


def verified(jwks: str) -> list[str]:
    """The ids of the keys in a JWKS, each of which is that of the local key."""
    key = local_key()
    signed = jwt.encode({"iss": "me"}, key.private, "RS256")
    for item in jwt.PyJWKSet.from_json(jwks).keys:
        assert (item.public_key_use, item.algorithm_name) == ("sig", "RS256")
        assert jwt.decode(signed, item, algorithms=["RS256"]) == {"iss": "me"}
    return [str(item.key_id) for item in jwt.PyJWKSet.from_json(jwks).keys]


def test_the_command_prints_one_line_that_is_pasted_into_a_body_for_pingones_api(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kms, other = Kms(local_key().der), ARN.replace("1234abcd", "5678abcd")
    monkeypatch.setattr("local.jwks.boto3.client", lambda _service, region_name: kms)  # noqa: ARG005
    assert main([ARN, other]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    body = json.loads('{"jwks": %s}' % line)  # noqa: UP031
    assert body == {"jwks": jwks_of(kms, [ARN, other])}
    assert verified(body["jwks"]) == [ARN.rpartition("/")[2], other.rpartition("/")[2]]


def test_a_key_that_is_not_for_rs256_is_named() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for wrong in (Kms(der), Kms(local_key().der, "ENCRYPT_DECRYPT")):
        with pytest.raises(ValueError, match=rf"{ARN} is no RSA key for signing"):
            jwks_of(wrong, [ARN])


@pytest.mark.parametrize("arns", [[], ["alias/worker"]])
def test_a_key_that_is_no_arn_is_asked_for(
    arns: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arns) == 2
    printed = capsys.readouterr()
    assert (printed.out, "KEY=" in printed.err) == ("", True)


def test_the_documented_command_of_the_aws_cli_prints_the_same_line(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    (command,) = (block for block in blocks if "get-public-key" in block)
    public_key = tmp_path / "public-key"
    public_key.write_bytes(local_key().der)
    aws = tmp_path / "aws"
    expected = f"kms get-public-key --key-id {ARN} --query PublicKey --output text"
    aws.write_text(
        f"#!/bin/sh\n[ \"$*\" = '{expected}' ] || exit 1\nbase64 < {public_key} | tr -d '\\n'\n"
    )
    aws.chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", command.replace("<SigningKeyArn>", ARN)],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    line = done.stdout.removesuffix("\n")
    assert "\n" not in line
    assert line == json.dumps(jwks_of(Kms(local_key().der), [ARN]))

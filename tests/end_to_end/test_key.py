"""A stack with a key has no secret, exports, and says what to do when its key is out of use."""

from local.pingone_simulator import PingOneSimulator
from local.stack import Stack
from tests.end_to_end.conftest import Ended, Exporter, assert_failed, assert_landed


def test_an_export_lands_without_any_secret(secured_export: Ended, secured: Stack) -> None:
    assert_landed(secured_export, ["csv", "json"])
    secrets = secured.cloud.client("secretsmanager").list_secrets()["SecretList"]
    names = [secret["Name"] for secret in secrets if "secured" in secret["Name"]]
    assert all("PseudonymKey" in name for name in names)


def test_a_key_that_is_out_of_use_is_named_with_what_to_do(
    secured: Stack, pingone: PingOneSimulator
) -> None:
    kms, key = secured.cloud.client("kms"), secured.outputs["SigningKeyArn"]
    kms.disable_key(KeyId=key)
    pingone.revoke_tokens()
    try:
        ended = Exporter(secured, pingone, events={}).run(correlationId="failing")
    finally:
        kms.enable_key(KeyId=key)

    assert_failed(ended, "SigningRefused")
    assert ended.keys == []
    assert "(DisabledException): check that it is an enabled" in ended.message

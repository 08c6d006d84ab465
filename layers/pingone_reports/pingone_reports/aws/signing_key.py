"""The KMS key that signs for the worker application; its private part never leaves KMS."""

from typing import Any

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.errors import SigningRefused, SigningUnavailable

# Source: the errors of KMS's Sign. What is not here may pass: KMS is throttled or out of reach.
_LASTING = {
    "AccessDeniedException",
    "DisabledException",
    "InvalidKeyUsageException",
    "KMSInvalidStateException",
    "NotFoundException",
    "UnsupportedOperationException",
    "ValidationException",
}


class SigningKey:
    """An RSA key of KMS for signing."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn
        # Also what the public key is called in the application's JWKS.
        self.id = arn.rpartition("/")[2]

    def sign(self, message: bytes) -> bytes:
        """The message's signature, as RS256 has it. Raises SigningRefused, SigningUnavailable."""
        try:
            signed = self._client.sign(
                KeyId=self._arn,
                Message=message,
                MessageType="RAW",
                SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
            )
        except AWS_ERRORS as error:
            code = code_of(error)
            if code in _LASTING:
                # No cause: KMS's message may quote what was to be signed.
                raise SigningRefused(
                    f"KMS does not sign with the key {self.id} ({code}): check that it is an "
                    "enabled RSA_2048 key for SIGN_VERIFY, and that its policy and the function's "
                    "role allow kms:Sign."
                ) from None
            raise SigningUnavailable(
                f"KMS did not sign with the key {self.id} ({code}): try again later."
            ) from None
        return bytes(signed["Signature"])

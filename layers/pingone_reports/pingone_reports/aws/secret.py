"""A secret: the worker application's credentials, or the key of the pseudonyms."""

from typing import Any

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.errors import InvalidSecret, SecretUnavailable

_LASTING = {
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
}


class Secret:
    """A secret of Secrets Manager."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def read(self) -> str:
        """The secret's current text. Raises InvalidSecret, SecretUnavailable."""
        try:
            return str(self._client.get_secret_value(SecretId=self._arn)["SecretString"])
        except KeyError:
            raise InvalidSecret("The secret holds bytes: store text in it.") from None
        except AWS_ERRORS as error:
            code = code_of(error)
            if code in _LASTING:
                raise InvalidSecret(
                    f"The secret cannot be read ({code}): check its ARN, and that the policies of "
                    "secret and KMS key allow the function's role."
                ) from None
            raise SecretUnavailable(
                f"Secrets Manager did not return the secret ({code}): try again later."
            ) from None

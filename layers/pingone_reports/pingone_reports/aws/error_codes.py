"""The error code of a failed AWS call, which holds no secret."""

from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (ClientError, BotoCoreError)
"""What boto3 raises: a ClientError for AWS's own error, a BotoCoreError if there is no answer."""


def code_of(error: ClientError | BotoCoreError) -> str:
    """AWS's error code, such as AccessDenied; without one, the name of the error's type."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", type(error).__name__))
    return type(error).__name__

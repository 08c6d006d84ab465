"""What went wrong with a call of AWS, in a word that no secret is in."""

from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (ClientError, BotoCoreError)
"""What a call of boto3 raises: AWS's own error, or botocore's when it got no answer."""


def code_of(error: ClientError | BotoCoreError) -> str:
    """AWS's error code, such as AccessDenied; without one, the name of the error's type."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", type(error).__name__))
    return type(error).__name__

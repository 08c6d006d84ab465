"""What the functions are wired from, made once and kept by a warm container."""

import time
from functools import cache
from typing import TYPE_CHECKING

import boto3
import requests
from botocore.config import Config as BotoConfig

from pingone_reports.aws.calendar import Bookings
from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.aws.table import Table
from pingone_reports.config import Config
from pingone_reports.errors import InvalidSecret, SecretUnavailable
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens
from pingone_reports.pingone.sessions import new_session
from pingone_reports.pingone.turns import Pacer

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.discarded import DiscardedExports
    from pingone_reports.aws.history import PreviousExports
    from pingone_reports.aws.idempotency import Claims
    from pingone_reports.aws.reattach import Once

_LASTING_SECRET_ERRORS = {
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
}


@cache
def config() -> Config:
    """The function's configuration."""
    return Config.from_environment()


@cache
def session() -> requests.Session:
    """The HTTP connections that are kept open between calls."""
    return new_session()


@cache
def pingone() -> PingOne:
    """PingOne, as the worker application of the secret."""
    secrets = boto3.client("secretsmanager")

    def read_secret() -> str:
        try:
            return secrets.get_secret_value(SecretId=config().secret_arn)["SecretString"]
        except KeyError:
            raise InvalidSecret("The secret holds bytes: put the credentials in as JSON.") from None
        except AWS_ERRORS as error:
            code = code_of(error)
            if code in _LASTING_SECRET_ERRORS:
                raise InvalidSecret(
                    f"The secret cannot be read ({code}): check its ARN and what its policy and "
                    "its key allow the function's role."
                ) from None
            raise SecretUnavailable(f"Secrets Manager did not answer ({code}).") from None

    return PingOne(
        session(), config().api_url, AccessTokens(session(), config().token_url, read_secret)
    )


@cache
def bucket() -> "Bucket":
    """The bucket that exports land in."""
    # Here, because only FetchReport needs it: the others start faster without.
    from pingone_reports.aws.bucket import Bucket

    # TLS and the parts' checksums protect what is sent; hashing it for the signature too is slow.
    s3 = boto3.client("s3", config=BotoConfig(s3={"payload_signing_enabled": False}))
    return Bucket(s3, config().bucket)


def clock() -> float:
    """Epoch seconds, by which turns are told."""
    return time.time()


@cache
def table() -> Table:
    """The table of turns, idempotency keys, starts and previous exports."""
    return Table(boto3.client("dynamodb"), config().table)


@cache
def previous_exports() -> "PreviousExports":
    """What the newest export of each report landed."""
    from pingone_reports.aws.history import PreviousExports

    return PreviousExports(table())


@cache
def discarded_exports() -> "DiscardedExports":
    """The exports that failed for good."""
    from pingone_reports.aws.discarded import DiscardedExports

    return DiscardedExports(table())


@cache
def pacer() -> Pacer:
    """The turns at PingOne."""
    return Pacer(Bookings(table()), clock)


@cache
def claims() -> "Claims":
    """The holders of idempotency keys."""
    # Here, because only StartReport needs it and what `once` needs.
    from pingone_reports.aws.idempotency import Claims

    return Claims(table(), boto3.client("stepfunctions"))


@cache
def once() -> "Once":
    """The memory of what each execution has started."""
    from pingone_reports.aws.reattach import Once

    return Once(table(), config().polling_limit_seconds)

"""Users of a local cloud, beside its administrator, and their clients."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from local.cloud import ACCOUNT_ID, REGION, LocalCloud

ADMINISTRATOR = {"AWS_ACCESS_KEY_ID": ACCOUNT_ID, "AWS_SECRET_ACCESS_KEY": "local"}


def user_of(cloud: LocalCloud, name: str, policy: str = "") -> dict[str, str]:
    """Create a user who may do what the policy allows; returns the variables of its key."""
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    if policy:
        iam.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def client_of(cloud: LocalCloud, service: str, variables: Mapping[str, str] = ADMINISTRATOR) -> Any:
    """A client of its own, with the credentials that are in these variables."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        verify=str(cloud.ca_bundle),
        config=Config(s3={"addressing_style": "path"}),
        **{name.lower(): value for name, value in variables.items()},
    )

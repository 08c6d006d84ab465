"""Links into the AWS console."""

from urllib.parse import quote, urlencode

# "Service endpoints", AWS General Reference: each partition has a console of its own.
_CONSOLES = {"aws-us-gov": "console.amazonaws-us-gov.com", "aws-cn": "console.amazonaws.cn"}


def console_link(bucket: str, key: str, execution_arn: str) -> str:
    """Where the AWS console shows an object to whoever is signed on and may read it.

    A bucket is in the region of the stack, so in that of an execution.
    """
    _, partition, _, region, *_ = execution_arn.split(":")
    query = urlencode({"region": region, "prefix": key}, quote_via=quote)
    console = _CONSOLES.get(partition, "console.aws.amazon.com")
    return f"https://{console}/s3/object/{bucket}?{query}"

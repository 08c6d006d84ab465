"""Where PingOne's links may lead: an answer of PingOne's API must not send us anywhere else."""

import ipaddress
import re
import socket
from collections.abc import Collection

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from pingone_reports.errors import LinkNotAllowed

# Documented: `p1-reports-prod-<region>.s3.<region>.amazonaws.com`. S3's other names of the same
# bucket (dual-stack, dashed, without the region) are as good. Nothing else of the bucket's name is
# open: anyone may own a bucket called p1-reports-something.
_PINGONE = re.compile(
    r"p1-reports-prod-(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9])"
    r"\.s3(?:[.-](?P=region)|\.dualstack\.(?P=region))?\.amazonaws\.com"
)
_WHAT_TO_DO = (
    "Nothing was asked of it. Check the API URL; if the host is PingOne's, name it in the stack's "
    "parameter LinkHosts."
)


class LinkHosts:
    """PingOne's report buckets, and the hosts (`host` or `host:port`) that a deployment names."""

    def __init__(self, named: Collection[str] = ()) -> None:
        self._named = {_with_port(name.lower()) for name in named}

    def check(self, link: str) -> None:
        """Raises LinkNotAllowed, naming the host alone: path and query of a link are secret.

        A host that the deployment does not name must also have public addresses, and no others, as
        of now: whoever answers for its name could still answer differently in the next moment.
        """
        try:
            # The parser that `requests` connects by, so that both see the same host.
            url = parse_url(link)
        except LocationParseError:
            raise LinkNotAllowed(f"PingOne's link is no URL. {_WHAT_TO_DO}") from None
        host, port = (url.host or "").lower(), url.port or 443
        if url.scheme != "https" or url.auth is not None:
            raise LinkNotAllowed(
                f"PingOne's link to {host!r:.100} is not plain https. {_WHAT_TO_DO}"
            )
        if f"{host}:{port}" in self._named:
            return
        if port != 443 or not _PINGONE.fullmatch(host):
            raise LinkNotAllowed(f"PingOne's link leads to {host!r:.100}:{port}. {_WHAT_TO_DO}")
        if not all(ipaddress.ip_address(address).is_global for address in _addresses(host)):
            raise LinkNotAllowed(
                f"PingOne's link leads to {host!r:.100}, which has a private address here. "
                f"{_WHAT_TO_DO}"
            )


def _with_port(name: str) -> str:
    return name if ":" in name else f"{name}:443"


def _addresses(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter for what is too long for a host's name
        return set()  # the download will say so, and is tried again
    return {str(address[0]).partition("%")[0] for *_, address in found}

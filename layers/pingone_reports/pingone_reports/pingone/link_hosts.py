"""The hosts to which PingOne's links may lead, so that no answer sends a function elsewhere."""

import ipaddress
import re
import socket
from collections.abc import Collection

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from pingone_reports.errors import LinkNotAllowed

# PingOne documents `p1-reports-prod-<region>.s3.<region>.amazonaws.com`. S3's other hosts of the
# same bucket (dual-stack, dashed, without the region) are allowed too. The bucket's name must match
# exactly: anyone may own a bucket called p1-reports-something.
_PINGONE = re.compile(
    r"p1-reports-prod-(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9])"
    r"\.s3(?:[.-](?P=region)|\.dualstack\.(?P=region))?\.amazonaws\.com"
)
_WHAT_TO_DO = (
    "It was not called. Check the API URL; if the host is PingOne's, add it to the stack's "
    "parameter LinkHosts."
)


class LinkHosts:
    """PingOne's report buckets, and further hosts (`host` or `host:port`) of a deployment."""

    def __init__(self, named: Collection[str] = ()) -> None:
        self._named = {_with_port(name.lower()) for name in named}

    def check(self, link: str) -> None:
        """Raises LinkNotAllowed, which shows only the host: a link's path and query are secret.

        A host that the deployment does not name must have only public addresses. DNS may still give
        another address when the download connects.
        """
        try:
            # `requests` uses the same parser, so both see the same host.
            url = parse_url(link)
        except LocationParseError:
            raise LinkNotAllowed(f"PingOne's link is not a URL. {_WHAT_TO_DO}") from None
        host, port = (url.host or "").lower(), url.port or 443
        if url.scheme != "https" or url.auth is not None:
            raise LinkNotAllowed(
                f"PingOne's link to {host!r:.100} is not https, or names a user. {_WHAT_TO_DO}"
            )
        if f"{host}:{port}" in self._named:
            return
        if port != 443 or not _PINGONE.fullmatch(host):
            raise LinkNotAllowed(f"PingOne's link leads to {host!r:.100}:{port}. {_WHAT_TO_DO}")
        if not all(ipaddress.ip_address(address).is_global for address in _addresses(host)):
            raise LinkNotAllowed(
                f"PingOne's link leads to {host!r:.100}, which has a private address. {_WHAT_TO_DO}"
            )


def _with_port(name: str) -> str:
    return name if ":" in name else f"{name}:443"


def _addresses(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: the host's name is too long
        return set()  # the download then fails, and is tried again
    return {str(address[0]).partition("%")[0] for *_, address in found}

"""HTTPS connections that share one reading of the certificate authorities."""

import ssl
from functools import cache
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter


def new_session() -> requests.Session:
    """A session whose connections are cheap to open; certificates are always verified."""
    session = requests.Session()
    session.mount("https://", _SharedAuthorities())
    return session


class _SharedAuthorities(HTTPAdapter):
    """requests reads its bundle again for every connection: 20 ms of CPU, which is a tenth of a
    second and more in a function of 256 MB."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """What a connection pool is made of, our TLS context among it."""
        host, pool = super().build_connection_pool_key_attributes(request, True, cert)
        # A bundle of the environment (REQUESTS_CA_BUNDLE) arrives as `verify`.
        pool["ssl_context"] = _context(verify if isinstance(verify, str) else certifi.where())
        return host, pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection pool as it is: the context has the authorities already."""


@cache
def _context(bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)

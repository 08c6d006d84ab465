"""The PingOne tenant that `make export` meets: its variables, asked for and checked."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from local.cloud import trusted_authorities
from local.deployment import read_template
from local.paths import ROOT
from pingone_reports.model.text import SURROGATE, visible

REQUIRED = {
    "PINGONE_ENVIRONMENT_ID": "environment of the worker application, and of the report",
    "PINGONE_CLIENT_ID": "client id of the worker application",
    "PINGONE_CLIENT_SECRET": "its client secret",
}
# The template parameter that each variable sets; template.yaml describes them.
_PARAMETERS = {
    "PINGONE_ENVIRONMENT_ID": "EnvironmentId",
    "PINGONE_REGION": "PingOneRegion",
    "PINGONE_API_URL": "ApiUrl",
    "PINGONE_TOKEN_URL": "TokenUrl",
    "PINGONE_LINK_HOSTS": "LinkHosts",
    "PINGONE_REPORT_FIELDS": "ReportFields",
    "PINGONE_REPORT_FILTER": "ReportFilter",
    "PINGONE_REPORT_FORMATS": "ReportFormats",
}
REGIONS = ("com", "ca", "eu", "com.au", "sg", "asia")
_ROLE = "PINGONE_ROLE"


class Malformed(Exception):
    """Raised with one line that names the variable or file at fault."""


class Missing(Exception):
    """Raised with the names of the variables that nobody can be asked for."""


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A tenant's worker application, and what is asked of it."""

    client_id: str
    client_secret: str = field(repr=False)
    role: str
    out: Path
    parameters: Mapping[str, str]
    """The stack's parameters."""

    @property
    def environment_id(self) -> str:
        return self.parameters["EnvironmentId"].lower()

    @property
    def region(self) -> str:
        return self.parameters.get("PingOneRegion", "com")

    @property
    def api_url(self) -> str:
        return self.parameters.get("ApiUrl") or f"https://api.pingone.{self.region}/v1"

    @property
    def token_url(self) -> str:
        ours = f"https://auth.pingone.{self.region}/{self.environment_id}/as/token"
        return self.parameters.get("TokenUrl") or ours


def read_tenant(environment: Mapping[str, str] = os.environ, env: Path = ROOT / ".env") -> Tenant:
    """From the environment, then `.env`, then by asking who sits at the terminal.

    Raises Malformed and Missing.
    """
    values = {**_dotenv(env), **environment}
    ours = (*REQUIRED, *_PARAMETERS, _ROLE)
    given = {name: values[name].strip() for name in ours if values.get(name, "").strip()}
    missing = [name for name in REQUIRED if name not in given]
    if missing and not sys.stdin.isatty():
        raise Missing(*missing)
    try:
        for name in missing:
            # In a command's line, a secret would land in the shell's history.
            ask = getpass if name.endswith("SECRET") else input
            given[name] = ask(f"{name} ({REQUIRED[name]}): ").strip()
        if missing and _ROLE not in given:
            given[_ROLE] = input("The role that it has in PingOne, for the fact sheet: ").strip()
    except EOFError:
        raise Missing(*missing) from None
    _check(given)
    return Tenant(
        client_id=given["PINGONE_CLIENT_ID"],
        client_secret=given["PINGONE_CLIENT_SECRET"],
        role=given.get(_ROLE, "")[:100],
        out=Path(values.get("OUT") or ROOT / "out"),
        parameters={
            _PARAMETERS[name]: value for name, value in given.items() if name in _PARAMETERS
        },
    )


def _dotenv(env: Path) -> dict[str, str]:
    try:
        # A `$` in a secret is one.
        values = dotenv_values(env, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise Malformed(f"{env} cannot be read as UTF-8 ({type(error).__name__}).") from None
    return {name: value for name, value in values.items() if value is not None}


def _check(given: Mapping[str, str]) -> None:
    """By the rules that the template has for its parameters."""
    for name, text in given.items():
        # Python gives bytes that are no UTF-8 as lone surrogates.
        if SURROGATE.search(text):
            raise Malformed(f"{name} is not UTF-8: write it anew.")
    for name in ("PINGONE_CLIENT_ID", "PINGONE_CLIENT_SECRET"):
        if not re.fullmatch(r"[!-~]{1,512}", given[name]):
            raise Malformed(f"{name} must be 1 to 512 characters of ASCII, without spaces.")
    rules: Mapping[str, Any] = read_template(ROOT / "template.yaml")["Parameters"]
    for name, parameter in _PARAMETERS.items():
        value, rule = given.get(name), rules[parameter]
        if value is None:
            continue
        fits = (
            re.fullmatch(rule.get("AllowedPattern", "(?s:.*)"), value)
            and value in map(str, rule.get("AllowedValues", [value]))
            and len(value) <= rule.get("MaxLength", len(value))
        )
        if not fits:
            raise Malformed(f"{name} is '{visible(value)}': it {rule['ConstraintDescription']}")
    try:
        trusted_authorities()
    except OSError as error:
        raise Malformed(f"REQUESTS_CA_BUNDLE cannot be read: {error.strerror}.") from None

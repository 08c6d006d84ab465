"""The functions' configuration: every environment variable, read here and nowhere else.

Each function's class holds only what that function reads, and template.yaml sets only that. A field
is the variable of its name, and is read as its type says.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self, TypeVar

from pingone_reports.errors import InvalidConfiguration
from pingone_reports.model.report_file import Compression
from pingone_reports.model.request import FIELD

_Choice = TypeVar("_Choice", bound=StrEnum)


class _Variables:
    """Environment variables. Raises InvalidConfiguration, which names the variable at fault."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str) -> str:
        if name not in self._variables:
            raise InvalidConfiguration(
                f"The environment variable {name} is not set: deploy the stack again."
            )
        return self._variables[name].strip()

    def matching(self, name: str, pattern: str, allowed: str) -> str:
        value = self.text(name)
        if not re.fullmatch(pattern, value):
            raise InvalidConfiguration(
                f"The environment variable {name} must be {allowed}: correct the stack's parameter."
            )
        return value

    def number(self, name: str) -> int:
        return int(self.matching(name, "[0-9]+", "a whole number"))

    def flag(self, name: str) -> bool:
        return self.matching(name, "true|false", "true or false") == "true"

    def words(self, name: str) -> list[str]:
        return [word.strip() for word in self.text(name).split(",") if word.strip()]

    def fields(self, name: str) -> list[str]:
        self.matching(name, rf"(\s*{FIELD}\s*(,|$))*", "names of fields, with commas")
        return self.words(name)

    def choice(self, name: str, choices: type[_Choice]) -> _Choice:
        return choices(self.matching(name, "|".join(choices), f"one of {', '.join(choices)}"))


@dataclass(frozen=True)
class ClientSecret:
    """The worker application's credentials are in this secret."""

    secret_arn: str


@dataclass(frozen=True)
class ClientKey:
    """The worker application has this client id, and this KMS key signs for it."""

    client_id: str
    key_arn: str


@dataclass(frozen=True, kw_only=True)
class PingOneConfig:
    """PingOne's URLs, what proves the worker application, and the pace of calls.

    `api_url` ends in `/v1`; `token_url` is the full URL of the token endpoint.
    """

    api_url: str
    token_url: str
    credentials: ClientSecret | ClientKey
    calls_per_minute: int

    @classmethod
    def of(cls, variables: _Variables) -> Self:
        return cls(
            api_url=variables.text("PINGONE_API_URL").rstrip("/"),
            token_url=variables.text("PINGONE_TOKEN_URL"),
            credentials=cls._credentials_of(variables),
            calls_per_minute=variables.number("CALLS_PER_MINUTE"),
        )

    @property
    def region(self) -> str | None:
        """The end of PingOne's domain, such as `eu`; None behind a proxy."""
        found = re.fullmatch(r"https://api\.pingone\.([a-z.]+)/v1", self.api_url)
        return found[1] if found else None

    @staticmethod
    def _credentials_of(variables: _Variables) -> ClientSecret | ClientKey:
        names = ("PINGONE_SECRET_ARN", "PINGONE_CLIENT_ID", "PINGONE_SIGNING_KEY_ARN")
        secret_arn, client_id, key_arn = (variables.text(name) for name in names)
        return ClientKey(client_id, key_arn) if key_arn else ClientSecret(secret_arn)


_READ: Mapping[Any, Callable[[_Variables, str], Any]] = {
    str: _Variables.text,
    int: _Variables.number,
    bool: _Variables.flag,
    list[str]: _Variables.words,
    Compression: lambda variables, name: variables.choice(name, Compression),
    PingOneConfig: lambda variables, _: PingOneConfig.of(variables),
}


def _as(read: Callable[[_Variables], Any]) -> Mapping[str, Callable[[_Variables], Any]]:
    """The metadata of a field that is read in another way than its type says."""
    return {"read": read}


# It neither begins nor ends with `/`.
_KEY_PREFIX = _as(lambda variables: variables.text("KEY_PREFIX").strip("/"))


@dataclass(frozen=True, kw_only=True)
class Config:
    """The configuration of a function."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        variables = _Variables(environment)
        return cls(
            **{
                each.name: (
                    each.metadata["read"](variables)
                    if each.metadata
                    else _READ[each.type](variables, each.name.upper())
                )
                for each in fields(cls)
            }
        )


@dataclass(frozen=True, kw_only=True)
class StartConfig(Config):
    """StartReport's configuration. `request_defaults` fill in what a request leaves out.

    With `pseudonymizes`, personal data becomes tokens, also what a request has of it.
    """

    pingone: PingOneConfig
    table: str
    pseudonymizes: bool
    request_defaults: Mapping[str, Any] = field(
        metadata=_as(
            lambda variables: {
                "environmentId": variables.text("PINGONE_ENVIRONMENT_ID"),
                "reportName": "devices",
                "fields": variables.words("REPORT_FIELDS"),
                "filter": variables.text("REPORT_FILTER"),
                "formats": variables.words("REPORT_FORMATS"),
            }
        )
    )


@dataclass(frozen=True, kw_only=True)
class CheckConfig(Config):
    """CheckReport's configuration."""

    pingone: PingOneConfig
    table: str


@dataclass(frozen=True, kw_only=True)
class FetchConfig(Config):
    """FetchReport's configuration.

    `max_report_bytes` limits one unpacked file. The secret `pseudonym_key_arn` holds the key with
    which personal data becomes tokens, and the fields of `pseudonymize`; nothing does if there are
    none.
    """

    pingone: PingOneConfig
    table: str
    bucket: str
    key_prefix: str = field(metadata=_KEY_PREFIX)
    compression: Compression
    link_hosts: list[str]
    max_report_bytes: int = field(
        metadata=_as(lambda variables: variables.number("MAX_REPORT_MEGABYTES") * 1_000_000)
    )
    max_record_drop_percent: int
    pseudonymize: list[str] = field(
        metadata=_as(lambda variables: variables.fields("PSEUDONYMIZE"))
    )
    pseudonym_key_arn: str


@dataclass(frozen=True, kw_only=True)
class DiscardConfig(Config):
    """DiscardReport's configuration."""

    table: str
    bucket: str
    key_prefix: str = field(metadata=_KEY_PREFIX)


@dataclass(frozen=True, kw_only=True)
class TabulateConfig(Config):
    """TabulateReport's configuration. `digest_topic` is empty if nobody gets a mail."""

    table: str
    bucket: str
    event_bus: str
    digest_topic: str


@dataclass(frozen=True, kw_only=True)
class ShowFleetConfig(Config):
    """ShowFleet's configuration. `digest_topic` is empty if nobody gets a mail."""

    bucket: str
    digest_topic: str


@dataclass(frozen=True, kw_only=True)
class ListConfig(Config):
    """ListEnvironments' configuration."""

    pingone: PingOneConfig
    table: str
    bucket: str
    key_prefix: str = field(metadata=_KEY_PREFIX)
    pseudonymizes: bool


@dataclass(frozen=True, kw_only=True)
class SummarizeConfig(Config):
    """SummarizeFleet's configuration."""

    table: str
    bucket: str
    key_prefix: str = field(metadata=_KEY_PREFIX)

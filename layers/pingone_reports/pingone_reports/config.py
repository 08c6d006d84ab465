"""The functions' configuration: every environment variable, read here and nowhere else.

Each function's class holds only what that function reads, and template.yaml sets only that.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
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

    def key_prefix(self) -> str:
        """It neither begins nor ends with `/`."""
        return self.text("KEY_PREFIX").strip("/")

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


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """StartReport's configuration. `request_defaults` fill in what a request leaves out.

    With `pseudonymizes`, personal data becomes tokens, also what a request has of it.
    """

    pingone: PingOneConfig
    table: str
    pseudonymizes: bool
    request_defaults: Mapping[str, Any]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            pingone=PingOneConfig.of(read),
            table=read.text("TABLE"),
            pseudonymizes=read.flag("PSEUDONYMIZES"),
            request_defaults={
                "environmentId": read.text("PINGONE_ENVIRONMENT_ID"),
                "reportName": "devices",
                "fields": read.words("REPORT_FIELDS"),
                "filter": read.text("REPORT_FILTER"),
                "formats": read.words("REPORT_FORMATS"),
            },
        )


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """CheckReport's configuration."""

    pingone: PingOneConfig
    table: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(pingone=PingOneConfig.of(read), table=read.text("TABLE"))


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """FetchReport's configuration.

    `key_prefix` neither begins nor ends with `/`; `max_report_bytes` limits one unpacked file. The
    secret `pseudonym_key_arn` holds the key with which personal data becomes tokens, and the fields
    of `pseudonymize`; nothing does if there are none.
    """

    pingone: PingOneConfig
    table: str
    bucket: str
    key_prefix: str
    compression: Compression
    link_hosts: list[str]
    max_report_bytes: int
    max_record_drop_percent: int
    pseudonymize: list[str]
    pseudonym_key_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            pingone=PingOneConfig.of(read),
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            key_prefix=read.key_prefix(),
            compression=read.choice("COMPRESSION", Compression),
            link_hosts=read.words("LINK_HOSTS"),
            max_report_bytes=read.number("MAX_REPORT_MEGABYTES") * 1_000_000,
            max_record_drop_percent=read.number("MAX_RECORD_DROP_PERCENT"),
            pseudonymize=read.fields("PSEUDONYMIZE"),
            pseudonym_key_arn=read.text("PSEUDONYM_KEY_ARN"),
        )


@dataclass(frozen=True, kw_only=True)
class DiscardConfig:
    """DiscardReport's configuration. `key_prefix` neither begins nor ends with `/`."""

    table: str
    bucket: str
    key_prefix: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            key_prefix=read.key_prefix(),
        )


@dataclass(frozen=True, kw_only=True)
class TabulateConfig:
    """TabulateReport's configuration. `digest_topic` is empty if nobody gets a mail."""

    table: str
    bucket: str
    event_bus: str
    digest_topic: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            event_bus=read.text("EVENT_BUS"),
            digest_topic=read.text("DIGEST_TOPIC"),
        )


@dataclass(frozen=True, kw_only=True)
class ShowFleetConfig:
    """ShowFleet's configuration. `digest_topic` is empty if nobody gets a mail."""

    bucket: str
    digest_topic: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(bucket=read.text("BUCKET"), digest_topic=read.text("DIGEST_TOPIC"))


@dataclass(frozen=True, kw_only=True)
class ListConfig:
    """ListEnvironments' configuration. `key_prefix` neither begins nor ends with `/`."""

    pingone: PingOneConfig
    table: str
    bucket: str
    key_prefix: str
    max_concurrency: int
    pseudonymizes: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            pingone=PingOneConfig.of(read),
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            key_prefix=read.key_prefix(),
            max_concurrency=read.number("MAX_CONCURRENCY"),
            pseudonymizes=read.flag("PSEUDONYMIZES"),
        )


@dataclass(frozen=True, kw_only=True)
class SummarizeConfig:
    """SummarizeFleet's configuration. `key_prefix` neither begins nor ends with `/`."""

    table: str
    bucket: str
    key_prefix: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            key_prefix=read.key_prefix(),
        )

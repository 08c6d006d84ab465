"""The functions' configuration: every environment variable, read here and nowhere else.

Each function's class holds only what that function reads, and template.yaml sets only that.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar

from pingone_reports.errors import InvalidConfiguration
from pingone_reports.model.report_file import Compression

_Choice = TypeVar("_Choice", bound=StrEnum)


class QualityGate(StrEnum):
    """Whether a doubtful report goes into quarantine instead of being published."""

    ENABLED = "enabled"
    DISABLED = "disabled"


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

    def number(self, name: str) -> int:
        value = self.text(name)
        if not value.isdecimal():
            raise InvalidConfiguration(
                f"The environment variable {name} must be a whole number: correct the stack's "
                "parameter."
            )
        return int(value)

    def words(self, name: str) -> list[str]:
        return [word.strip() for word in self.text(name).split(",") if word.strip()]

    def choice(self, name: str, choices: type[_Choice]) -> _Choice:
        try:
            return choices(self.text(name))
        except ValueError:
            raise InvalidConfiguration(
                f"The environment variable {name} must be one of {', '.join(choices)}: correct the "
                "stack's parameter."
            ) from None


@dataclass(frozen=True, kw_only=True)
class PingOneConfig:
    """PingOne's URLs, and the secret with the worker application's credentials.

    `api_url` ends in `/v1`; `token_url` is the full URL of the token endpoint.
    """

    api_url: str
    token_url: str
    secret_arn: str

    @classmethod
    def of(cls, variables: _Variables) -> Self:
        return cls(
            api_url=variables.text("PINGONE_API_URL").rstrip("/"),
            token_url=variables.text("PINGONE_TOKEN_URL"),
            secret_arn=variables.text("PINGONE_SECRET_ARN"),
        )


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """StartReport's configuration. `request_defaults` fill in what a request leaves out."""

    pingone: PingOneConfig
    table: str
    polling_limit_seconds: int
    request_defaults: Mapping[str, Any]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            pingone=PingOneConfig.of(read),
            table=read.text("TABLE"),
            polling_limit_seconds=read.number("POLLING_LIMIT_SECONDS"),
            request_defaults={
                "environmentId": read.text("PINGONE_ENVIRONMENT_ID"),
                "reportName": read.text("REPORT_NAME"),
                "fields": read.words("REPORT_FIELDS"),
                "filter": read.text("REPORT_FILTER"),
                "formats": read.words("REPORT_FORMATS"),
                "skipQualityGate": read.choice("QUALITY_GATE", QualityGate) is QualityGate.DISABLED,
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

    `key_prefix` neither begins nor ends with `/`; `max_report_bytes` limits one unpacked file.
    """

    pingone: PingOneConfig
    table: str
    bucket: str
    key_prefix: str
    compression: Compression
    link_hosts: list[str]
    max_report_bytes: int
    max_record_drop_percent: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            pingone=PingOneConfig.of(read),
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            key_prefix=read.text("KEY_PREFIX").strip("/"),
            compression=read.choice("COMPRESSION", Compression),
            link_hosts=read.words("LINK_HOSTS"),
            max_report_bytes=read.number("MAX_REPORT_MEGABYTES") * 1_000_000,
            max_record_drop_percent=read.number("MAX_RECORD_DROP_PERCENT"),
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
            key_prefix=read.text("KEY_PREFIX").strip("/"),
        )


@dataclass(frozen=True, kw_only=True)
class TabulateConfig:
    """TabulateReport's configuration."""

    bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        return cls(bucket=_Variables(environment).text("BUCKET"))


@dataclass(frozen=True, kw_only=True)
class ListConfig:
    """ListEnvironments' configuration. `key_prefix` neither begins nor ends with `/`."""

    pingone: PingOneConfig
    table: str
    bucket: str
    key_prefix: str
    max_concurrency: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            pingone=PingOneConfig.of(read),
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            key_prefix=read.text("KEY_PREFIX").strip("/"),
            max_concurrency=read.number("MAX_CONCURRENCY"),
        )


@dataclass(frozen=True, kw_only=True)
class SummarizeConfig:
    """SummarizeFleet's configuration. `key_prefix` neither begins nor ends with `/`."""

    table: str
    bucket: str
    key_prefix: str
    tolerated_failure_percent: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration."""
        read = _Variables(environment)
        return cls(
            table=read.text("TABLE"),
            bucket=read.text("BUCKET"),
            key_prefix=read.text("KEY_PREFIX").strip("/"),
            tolerated_failure_percent=read.number("TOLERATED_FAILURE_PERCENT"),
        )

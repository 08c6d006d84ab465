"""The functions' configuration: every environment variable, read here and nowhere else."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pingone_reports.errors import InvalidConfiguration


@dataclass(frozen=True, kw_only=True)
class Config:
    """What template.yaml gives every function.

    `api_url` ends in `/v1`; `token_url` is the whole token endpoint; `request_defaults` stand in
    for what a request leaves out.
    """

    api_url: str
    token_url: str
    secret_arn: str
    link_hosts: Sequence[str]
    table: str
    bucket: str
    key_prefix: str
    compression: str
    polling_limit_seconds: int
    max_report_bytes: int
    max_record_drop_percent: int
    count_repeated_ids: bool
    request_defaults: Mapping[str, Any]

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidConfiguration, naming the variable, when one is missing or no number."""

        def text(name: str) -> str:
            if name not in variables:
                raise InvalidConfiguration(f"The environment variable {name} is not set.")
            return variables[name].strip()

        def number(name: str) -> int:
            if not text(name).isdecimal():
                raise InvalidConfiguration(f"The environment variable {name} is no whole number.")
            return int(text(name))

        def words(name: str) -> list[str]:
            return [word.strip() for word in text(name).split(",") if word.strip()]

        return cls(
            api_url=text("PINGONE_API_URL").rstrip("/"),
            token_url=text("PINGONE_TOKEN_URL"),
            secret_arn=text("PINGONE_SECRET_ARN"),
            link_hosts=words("LINK_HOSTS"),
            table=text("TABLE"),
            bucket=text("BUCKET"),
            key_prefix=text("KEY_PREFIX").strip("/"),
            compression=text("COMPRESSION"),
            polling_limit_seconds=number("POLLING_LIMIT_SECONDS"),
            max_report_bytes=number("MAX_REPORT_MEGABYTES") * 1_000_000,
            max_record_drop_percent=number("MAX_RECORD_DROP_PERCENT"),
            count_repeated_ids=text("QUALITY_GATE") == "thorough",
            request_defaults={
                "environmentId": text("PINGONE_ENVIRONMENT_ID"),
                "reportName": text("REPORT_NAME"),
                "fields": words("REPORT_FIELDS"),
                "filter": text("REPORT_FILTER"),
                "formats": words("REPORT_FORMATS"),
                "skipQualityGate": text("QUALITY_GATE") == "disabled",
            },
        )

"""Configuration is read in one place, and what is wrong with it is named."""

import re

import pytest

from pingone_reports.config import Config
from pingone_reports.errors import InvalidConfiguration
from pingone_reports.model.request import ExportRequest

VARIABLES = {
    "PINGONE_API_URL": "https://api.pingone.eu/v1",
    "PINGONE_TOKEN_URL": "https://auth.pingone.eu/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/as/token",
    "PINGONE_ENVIRONMENT_ID": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
    "PINGONE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:worker-Ab12Cd",
    "LINK_HOSTS": "127.0.0.1:4566, reports.example.com",
    "TABLE": "coordination",
    "BUCKET": "reports",
    "KEY_PREFIX": "exports/pingone",
    "COMPRESSION": "gzip",
    "POLLING_LIMIT_SECONDS": "1800",
    "MAX_REPORT_MEGABYTES": "20000",
    "MAX_RECORD_DROP_PERCENT": "50",
    "QUALITY_GATE": "thorough",
    "REPORT_NAME": "devices",
    "REPORT_FIELDS": "userId,username",
    "REPORT_FILTER": '(mfaEnabled eq "true")',
    "REPORT_FORMATS": "csv,json",
}


def test_every_variable_is_read() -> None:
    assert Config.from_environment(VARIABLES | {"PATH": "/usr/bin"}) == Config(
        api_url=VARIABLES["PINGONE_API_URL"],
        token_url=VARIABLES["PINGONE_TOKEN_URL"],
        secret_arn=VARIABLES["PINGONE_SECRET_ARN"],
        link_hosts=["127.0.0.1:4566", "reports.example.com"],
        table="coordination",
        bucket="reports",
        key_prefix="exports/pingone",
        compression="gzip",
        polling_limit_seconds=1800,
        max_report_bytes=20_000_000_000,
        max_record_drop_percent=50,
        count_repeated_ids=True,
        request_defaults={
            "environmentId": VARIABLES["PINGONE_ENVIRONMENT_ID"],
            "reportName": "devices",
            "fields": ["userId", "username"],
            "filter": '(mfaEnabled eq "true")',
            "formats": ["csv", "json"],
            "skipQualityGate": False,
        },
    )


def test_its_defaults_are_a_whole_request_but_for_the_correlation_id() -> None:
    defaults = Config.from_environment(VARIABLES).request_defaults
    request = ExportRequest.parse({"correlationId": "mine"}, defaults)
    assert request.to_document() == {
        **defaults,
        "correlationId": "mine",
        "idempotencyKey": None,
        "changesUntil": None,
    }


def test_without_a_gate_a_request_skips_it() -> None:
    config = Config.from_environment(VARIABLES | {"QUALITY_GATE": "disabled"})
    assert config.request_defaults["skipQualityGate"] is True
    assert not config.count_repeated_ids


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_is_named(name: str) -> None:
    variables = {other: value for other, value in VARIABLES.items() if other != name}
    with pytest.raises(InvalidConfiguration, match=f"{name} is not set"):
        Config.from_environment(variables)


@pytest.mark.parametrize(
    "name", ["POLLING_LIMIT_SECONDS", "MAX_REPORT_MEGABYTES", "MAX_RECORD_DROP_PERCENT"]
)
@pytest.mark.parametrize("value", ["", "half an hour", "-1", "1.5"])
def test_what_is_no_whole_number_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidConfiguration, match=re.escape(f"{name} is no whole number")):
        Config.from_environment(VARIABLES | {name: value})


@pytest.mark.parametrize(
    ("text", "words"),
    [("", []), ("userId", ["userId"]), (" userId , username,", ["userId", "username"])],
)
def test_fields_are_separated_by_commas(text: str, words: list[str]) -> None:
    config = Config.from_environment(VARIABLES | {"REPORT_FIELDS": text})
    assert config.request_defaults["fields"] == words


def test_slashes_around_the_edges_do_not_matter() -> None:
    variables = VARIABLES | {"PINGONE_API_URL": "https://x.test/v1/", "KEY_PREFIX": "/exports/"}
    config = Config.from_environment(variables)
    assert config.api_url == "https://x.test/v1"
    assert config.key_prefix == "exports"

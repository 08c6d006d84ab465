"""Each function reads its own configuration and no more, and what is wrong with it is named."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pingone_reports.config import (
    CheckConfig,
    ClientKey,
    ClientSecret,
    DiscardConfig,
    FetchConfig,
    ListConfig,
    PingOneConfig,
    ShowFleetConfig,
    StartConfig,
    SummarizeConfig,
    TabulateConfig,
)
from pingone_reports.errors import InvalidConfiguration
from pingone_reports.model.report_file import Compression
from pingone_reports.model.request import ExportRequest
from tests.support.variables import VARIABLES, WITH_KEY

CONFIGURATIONS: dict[str, Callable[[Mapping[str, str]], object]] = {
    "start_report": StartConfig.from_environment,
    "check_report": CheckConfig.from_environment,
    "fetch_report": FetchConfig.from_environment,
    "discard_report": DiscardConfig.from_environment,
    "show_fleet": ShowFleetConfig.from_environment,
    "tabulate_report": TabulateConfig.from_environment,
    "list_environments": ListConfig.from_environment,
    "summarize_fleet": SummarizeConfig.from_environment,
}
START, FETCH = VARIABLES["start_report"], VARIABLES["fetch_report"]
PINGONE = PingOneConfig(
    api_url="https://api.pingone.eu/v1",
    token_url="https://auth.pingone.eu/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/as/token",
    credentials=ClientSecret(
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:worker-Ab12Cd"
    ),
    calls_per_minute=600,
)


class TestFunctions:
    def test_the_start_has_defaults_that_are_a_whole_request_but_for_the_correlation_id(
        self,
    ) -> None:
        defaults = {
            "environmentId": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
            "reportName": "devices",
            "fields": ["userId", "username"],
            "filter": '(mfaEnabled eq "true")',
            "formats": ["csv", "json"],
        }
        assert StartConfig.from_environment(START) == StartConfig(
            pingone=PINGONE, table="coordination", pseudonymizes=False, request_defaults=defaults
        )
        request = ExportRequest.parse({"correlationId": "mine"}, defaults)
        assert request.to_state().items() >= defaults.items()

    def test_the_fetch_knows_pingone_the_bucket_and_its_limits(self) -> None:
        assert FetchConfig.from_environment(FETCH) == FetchConfig(
            pingone=PINGONE,
            table="coordination",
            bucket="reports",
            key_prefix="exports/pingone",
            compression=Compression.GZIP,
            link_hosts=["127.0.0.1:4566", "reports.example.com"],
            max_report_bytes=20_000_000_000,
            max_record_drop_percent=50,
            pseudonymize=[],
            pseudonym_key_arn="",
        )

    def test_a_key_takes_the_place_of_the_secret(self) -> None:
        check = CheckConfig.from_environment(VARIABLES["check_report"] | WITH_KEY)
        assert check.pingone.credentials == ClientKey(
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "arn:aws:kms:eu-central-1:123456789012:key/mrk-5678",
        )

    @pytest.mark.parametrize("function", VARIABLES)
    def test_a_function_needs_no_variable_of_another(self, function: str) -> None:
        CONFIGURATIONS[function](VARIABLES[function])

    @pytest.mark.parametrize(
        ("function", "name"),
        [(function, name) for function in VARIABLES for name in VARIABLES[function]],
    )
    def test_a_missing_variable_is_named(self, function: str, name: str) -> None:
        others = {other: value for other, value in VARIABLES[function].items() if other != name}
        with pytest.raises(InvalidConfiguration, match=f"{name} is not set"):
            CONFIGURATIONS[function](others)


class TestValues:
    @pytest.mark.parametrize(
        ("name", "values", "reason"),
        [
            ("MAX_REPORT_MEGABYTES", ["", "an hour", "-1", "1.5"], "a whole number"),
            ("COMPRESSION", [" x ", "GZIP", "true"], "one of none, gzip"),
            ("PSEUDONYMIZE", ["phone,,email", "phone email", "+49", "é", "a" * 65], "names of"),
        ],
    )
    def test_a_variable_of_another_kind_is_named_with_what_it_must_be(
        self, name: str, values: list[str], reason: str
    ) -> None:
        for value in values:
            with pytest.raises(InvalidConfiguration, match=f"{name} must be {reason}"):
                FetchConfig.from_environment(FETCH | {name: value})

    @pytest.mark.parametrize("function", ["start_report", "list_environments"])
    def test_a_flag_is_true_or_false(self, function: str) -> None:
        for value, flag in ("true", True), ("false", False):
            variables = VARIABLES[function] | {"PSEUDONYMIZES": value}
            config: Any = CONFIGURATIONS[function](variables)
            assert config.pseudonymizes is flag
        with pytest.raises(InvalidConfiguration, match="PSEUDONYMIZES must be true or false"):
            CONFIGURATIONS[function](VARIABLES[function] | {"PSEUDONYMIZES": "phone"})

    @pytest.mark.parametrize(
        ("text", "words"),
        [("", []), ("userId", ["userId"]), (" userId , username,", ["userId", "username"])],
    )
    def test_words_are_separated_by_commas(self, text: str, words: list[str]) -> None:
        start = StartConfig.from_environment(START | {"REPORT_FIELDS": text})
        fetch = FetchConfig.from_environment(FETCH | {"LINK_HOSTS": text})
        assert start.request_defaults["fields"] == words
        assert fetch.link_hosts == words
        pseudonymized = FetchConfig.from_environment(FETCH | {"PSEUDONYMIZE": text})
        assert pseudonymized.pseudonymize == words

    @pytest.mark.parametrize("function", VARIABLES)
    def test_slashes_around_the_key_prefix_and_behind_the_api_url_do_not_matter(
        self, function: str
    ) -> None:
        variables = VARIABLES[function]
        slashes = {
            "KEY_PREFIX": "/exports/pingone/",
            "PINGONE_API_URL": "https://api.pingone.eu/v1/",
        }
        assert CONFIGURATIONS[function](variables | slashes) == CONFIGURATIONS[function](variables)

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


class Watched(dict[str, str]):
    """Variables that know which of them were looked at."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)


class TestFunctions:
    def test_the_start_knows_pingone_the_table_and_the_defaults(self) -> None:
        assert StartConfig.from_environment(START) == StartConfig(
            pingone=PINGONE,
            table="coordination",
            pseudonymizes=False,
            request_defaults={
                "environmentId": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
                "reportName": "devices",
                "fields": ["userId", "username"],
                "filter": '(mfaEnabled eq "true")',
                "formats": ["csv", "json"],
            },
        )

    def test_the_check_knows_pingone_and_the_table(self) -> None:
        check = CheckConfig.from_environment(VARIABLES["check_report"])
        assert check == CheckConfig(pingone=PINGONE, table="coordination")

    def test_a_key_takes_the_place_of_the_secret(self) -> None:
        check = CheckConfig.from_environment(VARIABLES["check_report"] | WITH_KEY)
        assert check.pingone.credentials == ClientKey(
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "arn:aws:kms:eu-central-1:123456789012:key/mrk-5678",
        )

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

    def test_the_fetch_knows_what_to_pseudonymize_and_where_the_key_is(self) -> None:
        on = {"PSEUDONYMIZE": "phone , email", "PSEUDONYM_KEY_ARN": "arn:key"}
        fetch = FetchConfig.from_environment(FETCH | on)
        assert fetch.pseudonymize == ["phone", "email"]
        assert fetch.pseudonym_key_arn == "arn:key"

    def test_the_discard_knows_the_table_and_the_bucket(self) -> None:
        discard = DiscardConfig.from_environment(VARIABLES["discard_report"])
        assert discard == DiscardConfig(
            table="coordination", bucket="reports", key_prefix="exports/pingone"
        )

    def test_the_tabulation_knows_the_bucket_and_whom_to_tell(self) -> None:
        tabulate = TabulateConfig.from_environment(VARIABLES["tabulate_report"])
        assert tabulate == TabulateConfig(
            table="coordination",
            bucket="reports",
            event_bus="reports-bus",
            digest_topic="",
        )

    def test_the_listing_knows_pingone_the_table_the_bucket_and_how_much_runs_at_once(self) -> None:
        assert ListConfig.from_environment(VARIABLES["list_environments"]) == ListConfig(
            pingone=PINGONE,
            table="coordination",
            bucket="reports",
            key_prefix="exports/pingone",
            pseudonymizes=False,
        )

    def test_the_summary_knows_the_table_and_the_bucket(self) -> None:
        assert SummarizeConfig.from_environment(VARIABLES["summarize_fleet"]) == SummarizeConfig(
            table="coordination",
            bucket="reports",
            key_prefix="exports/pingone",
        )

    @pytest.mark.parametrize("function", VARIABLES)
    def test_a_function_reads_no_variable_of_another(self, function: str) -> None:
        of_all = {name: value for own in VARIABLES.values() for name, value in own.items()}
        watched = Watched(of_all | {"PATH": "/usr/bin"})
        CONFIGURATIONS[function](watched)
        assert watched.read == VARIABLES[function].keys()

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
        ("function", "name"),
        [
            ("fetch_report", "MAX_REPORT_MEGABYTES"),
            ("fetch_report", "MAX_RECORD_DROP_PERCENT"),
        ],
    )
    @pytest.mark.parametrize("value", ["", "half an hour", "-1", "1.5"])
    def test_a_variable_that_is_no_whole_number_is_named(
        self, function: str, name: str, value: str
    ) -> None:
        with pytest.raises(InvalidConfiguration, match=f"{name} must be a whole number"):
            CONFIGURATIONS[function](VARIABLES[function] | {name: value})

    @pytest.mark.parametrize("value", [" x ", "thorough", "GZIP", "true"])
    def test_a_variable_that_is_no_choice_is_named_with_the_choices(self, value: str) -> None:
        with pytest.raises(InvalidConfiguration, match="COMPRESSION must be one of none, gzip"):
            FetchConfig.from_environment(FETCH | {"COMPRESSION": value})
        none = FetchConfig.from_environment(FETCH | {"COMPRESSION": "none"})
        assert none.compression is Compression.NONE

    @pytest.mark.parametrize("value", ["phone,,email", "phone email", "+49", "é", "a" * 65])
    def test_what_is_no_name_of_a_field_cannot_be_pseudonymized(self, value: str) -> None:
        with pytest.raises(InvalidConfiguration, match="PSEUDONYMIZE must be names of fields"):
            FetchConfig.from_environment(FETCH | {"PSEUDONYMIZE": value})

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

    @pytest.mark.parametrize(
        "function", ["fetch_report", "discard_report", "list_environments", "summarize_fleet"]
    )
    def test_slashes_around_the_key_prefix_do_not_matter(self, function: str) -> None:
        variables = VARIABLES[function]
        slashes = variables | {"KEY_PREFIX": "/exports/pingone/"}
        assert CONFIGURATIONS[function](slashes) == CONFIGURATIONS[function](variables)

    @pytest.mark.parametrize(
        "function", ["start_report", "check_report", "fetch_report", "list_environments"]
    )
    def test_a_slash_behind_the_api_url_does_not_matter(self, function: str) -> None:
        variables = VARIABLES[function]
        slash = variables | {"PINGONE_API_URL": "https://api.pingone.eu/v1/"}
        assert CONFIGURATIONS[function](slash) == CONFIGURATIONS[function](variables)


class TestDefaults:
    def test_the_defaults_are_a_whole_request_but_for_the_correlation_id(self) -> None:
        defaults = StartConfig.from_environment(START).request_defaults
        request = ExportRequest.parse({"correlationId": "mine"}, defaults)
        assert request.to_state() == {
            **defaults,
            "correlationId": "mine",
            "skipQualityGate": False,
            "idempotencyKey": None,
            "changesUntil": None,
            "licenseId": None,
            "environmentName": None,
            "fleet": None,
            "standing": True,
        }

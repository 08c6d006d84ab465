"""Logs say whose they are, and no error leaves, and no id is logged, that could be secret."""

import json
import runpy
from io import StringIO
from typing import Any

import pytest

from local.paths import ROOT
from pingone_reports import wiring
from pingone_reports.errors import InvalidRequest, RateLimited, UnexpectedError
from pingone_reports.observability import (
    NAMESPACE,
    UNITS,
    log_as,
    log_as_export,
    logger,
    measure,
    only_typed_errors,
)
from tests.support.asking import ENVIRONMENT_ID, execution, export_of, told
from tests.support.metrics import embedded_metrics
from tests.support.variables import VARIABLES

CANARY = "https://s3.test/devices.zip?X-Amz-Signature=canary"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What is logged."""
    stream = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    monkeypatch.setattr(logger, "service", "reports")
    return stream


def lines(log: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


class TestErrors:
    def test_an_error_of_ours_is_logged_and_passes_unchanged(self, log: StringIO) -> None:
        error = RateLimited("Busy.", 7)

        @only_typed_errors
        def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
            raise error

        with pytest.raises(RateLimited) as passed:
            handler({}, None)
        assert passed.value is error
        (line,) = lines(log)
        assert (line["level"], line["message"], line["error"]) == ("ERROR", "Busy.", "RateLimited")

    def test_any_other_error_leaves_with_its_type_and_place_alone(self, log: StringIO) -> None:
        @only_typed_errors
        def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
            try:
                raise OSError(CANARY)
            except OSError as cause:
                raise RecursionError(CANARY) from cause

        with pytest.raises(
            UnexpectedError, match=r"RecursionError at test_observability\.py:"
        ) as left:
            handler({}, None)
        (line,) = lines(log)
        assert line["error"] == "UnexpectedError"
        assert "canary" not in told(left.value) + log.getvalue()


class TestLogs:
    def test_a_log_line_says_whose_it_is_and_nothing_of_the_invocation_before(
        self, log: StringIO
    ) -> None:
        log_as_export(export_of("0fe52654"))
        logger.info("Something happened.")
        log_as(execution(), "second")
        logger.info("Something happened.")
        first, second = lines(log)
        ids = ("execution", "correlation_id", "exploration", "service")
        assert [first.get(name) for name in ids] == [
            "5f2c1c1e", "nightly-2026-03-01", "0fe52654", "reports"
        ]  # fmt: skip
        assert [second.get(name) for name in ids] == ["5f2c1c1e", "second", None, "reports"]


class TestAddresses:
    """With Pseudonymize, no id of a request may be somebody's address, and none is logged."""

    @staticmethod
    def call(function: str, request: Any, name: str, pseudonymizes: str) -> None:
        """Call the function's handler; `name` is the execution's."""
        variables = VARIABLES[function] | {"PSEUDONYMIZES": pseudonymizes}
        handler = runpy.run_path(str(ROOT / "functions" / function / "app.py"))["handler"]
        started = {"arn": "arn", "name": name, "startedAt": "2026-03-01T02:00:00+00:00"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wiring, "config_of", lambda kind: kind.from_environment(variables))
            handler({"request": request, "execution": started, "queued": None}, None)

    @pytest.mark.parametrize("function", ["start_report", "list_environments"])
    @pytest.mark.parametrize(
        ("request_", "name"),
        [
            ({"correlationId": "canary@example.com"}, "nightly"),
            ({"idempotencyKey": "canary@example.com"}, "nightly"),
            ({}, "canary@example.com"),
            ({"correlationId": "mine"}, "canary@example.com"),
            ({"deliveryId": "d", "request": {"correlationId": "canary@x"}}, "nightly"),
        ],
    )
    def test_an_address_is_refused_and_not_logged(
        self, log: StringIO, function: str, request_: Any, name: str
    ) -> None:
        with pytest.raises(InvalidRequest, match="With Pseudonymize") as error:
            self.call(function, request_, name, "true")
        (line,) = lines(log)
        assert line["error"] == "InvalidRequest"
        assert "canary" not in str(error.value) + log.getvalue()

    @pytest.mark.parametrize("function", ["start_report", "list_environments"])
    def test_without_pseudonymize_an_address_may_be_an_id(self, function: str) -> None:
        wrong = {"correlationId": "ada@example.com", "fields": 5}
        with pytest.raises(InvalidRequest, match="'fields' must be"):
            self.call(function, wrong, "nightly", "false")


class TestMetrics:
    def test_a_measurement_is_one_line_of_the_embedded_format(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        values = {name: float(number) for number, name in enumerate(UNITS)}
        measure(export_of("0fe52654"), values)
        (line,) = capsys.readouterr().out.splitlines()
        document = json.loads(line)
        points = [point for _, point in embedded_metrics(line)]
        assert {point.name: point.value for point in points} == values
        for point in points:
            assert point.namespace == NAMESPACE
            # Of an export, only the report is one: CloudWatch bills each combination.
            assert point.dimensions == {"service": "reports", "report": "devices"}
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == UNITS
        assert document["exploration"] == "0fe52654"
        assert document["execution"] == "5f2c1c1e"
        assert document["correlation_id"] == "nightly-2026-03-01"
        assert document["environment"] == ENVIRONMENT_ID

    def test_nothing_of_the_measurement_before_is_measured_again(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        measure(export_of("first"), {"Polls": 1})
        measure(export_of("second"), {"Bytes": 7})
        _, line = capsys.readouterr().out.splitlines()
        assert "first" not in line
        assert [point.name for _, point in embedded_metrics(line)] == ["Bytes"]

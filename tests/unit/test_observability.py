"""Logs say whose they are, and no error leaves that could hold a secret."""

import json
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.metrics import embedded_metrics
from pingone_reports.errors import ExportError, RateLimited, UnexpectedError, WrongPassword
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

CANARY = "https://s3.test/devices.zip?X-Amz-Signature=canary"


def raising(error: BaseException) -> Any:
    """A handler that fails so."""

    @only_typed_errors
    def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
        raise error

    return handler


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
    def test_an_answer_of_a_handler_passes(self) -> None:
        @only_typed_errors
        def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            """Says what it got."""
            return event | {"context": context}

        assert handler({"a": 1}, "b") == {"a": 1, "context": "b"}
        assert handler.__doc__ == "Says what it got."

    @pytest.mark.parametrize("error", [WrongPassword("Wrong."), RateLimited("Busy.", 7)])
    def test_an_error_of_ours_passes_unchanged(self, error: ExportError, log: StringIO) -> None:
        with pytest.raises(type(error)) as passed:
            raising(error)({}, None)
        assert passed.value is error
        (line,) = lines(log)
        assert line["level"] == "ERROR"
        assert line["message"] == str(error)
        assert line["error"] == type(error).__name__

    @pytest.mark.parametrize("kind", [ValueError, KeyError, OSError, RuntimeError, RecursionError])
    def test_any_other_error_leaves_with_its_type_and_place_alone(
        self, kind: type[Exception], log: StringIO
    ) -> None:
        with pytest.raises(UnexpectedError) as unexpected:
            raising(kind(CANARY))({}, None)
        assert kind.__name__ in str(unexpected.value)
        assert "test_observability.py:" in str(unexpected.value)
        assert "canary" not in told(unexpected.value)
        (line,) = lines(log)
        assert line["error"] == "UnexpectedError"
        assert "canary" not in log.getvalue()

    def test_no_cause_of_another_error_leaves(self) -> None:
        @only_typed_errors
        def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
            try:
                raise OSError(CANARY)
            except OSError as cause:
                raise ValueError(CANARY) from cause

        with pytest.raises(UnexpectedError) as unexpected:
            handler({}, None)
        assert "canary" not in told(unexpected.value)

    @given(st.text(min_size=20))
    def test_no_message_of_another_error_is_told(self, message: str) -> None:
        with pytest.raises(UnexpectedError) as unexpected:
            raising(ValueError(message))({}, None)
        assert message not in str(unexpected.value)


class TestLogs:
    def test_every_log_line_says_whose_it_is(self, log: StringIO) -> None:
        log_as_export(export_of("0fe52654"))
        logger.info("Something happened.")
        (line,) = lines(log)
        assert line["execution"] == "5f2c1c1e"
        assert line["correlation_id"] == "nightly-2026-03-01"
        assert line["exploration"] == "0fe52654"
        assert line["service"] == "reports"

    def test_nothing_of_the_invocation_before_is_logged(self, log: StringIO) -> None:
        log_as(execution(), "first", "0fe52654")
        log_as(execution(), "second")
        logger.info("Something happened.")
        (line,) = lines(log)
        assert line["correlation_id"] == "second"
        assert "exploration" not in line


class TestMetrics:
    def test_a_measurement_is_one_line_of_the_embedded_format(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        measure(export_of("0fe52654"), {"Bytes": 7, "Records": 2})
        (line,) = capsys.readouterr().out.splitlines()
        points = {point.name: point for _, point in embedded_metrics(line)}
        assert {name: point.value for name, point in points.items()} == {"Bytes": 7, "Records": 2}
        for point in points.values():
            assert point.namespace == NAMESPACE
            assert point.dimensions == {"service": "reports", "report": "devices"}

    def test_names_that_tell_exports_apart_are_no_dimensions(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        measure(export_of("0fe52654"), {"Polls": 1})
        line = json.loads(capsys.readouterr().out)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Dimensions"] == [["report", "service"]]
        assert line["exploration"] == "0fe52654"
        assert line["execution"] == "5f2c1c1e"
        assert line["correlation_id"] == "nightly-2026-03-01"
        assert line["environment"] == ENVIRONMENT_ID

    def test_nothing_of_the_measurement_before_is_measured_again(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        measure(export_of("first"), {"Polls": 1})
        measure(export_of("second"), {"Bytes": 7})
        _, line = capsys.readouterr().out.splitlines()
        assert "first" not in line
        assert [point.name for _, point in embedded_metrics(line)] == ["Bytes"]

    def test_every_unit_is_one_of_cloudwatch(self, capsys: pytest.CaptureFixture[str]) -> None:
        measure(export_of("0fe52654"), dict.fromkeys(UNITS, 1))
        (directive,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
        assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == UNITS

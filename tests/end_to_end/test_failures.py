"""An export that cannot be whole fails with a typed error and an event, and leaves nothing."""

from typing import Any

import pytest

from local.pingone_simulator import Answer, ChangeBody, Fault, PingOneSimulator, Scenario
from local.pingone_simulator.zip_damage import empty_zip, flipped_bit, html_page, truncated
from tests.end_to_end.conftest import Exporter, assert_failed_cleanly


@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        pytest.param(Scenario(final_status="FAILED"), "ReportFailed", id="failed report"),
        pytest.param(Scenario(final_status="PAUSED"), "ReportFailed", id="unknown status"),
        pytest.param(Scenario(final_status=None), "InvalidResponse", id="status is null"),
        pytest.param(
            Scenario(faults=(Fault("read_ready", ChangeBody(omit=("zipPassword",)), times=None),)),
            "InvalidResponse",
            id="no password",
        ),
        pytest.param(Scenario(wrong_password=True), "WrongPassword", id="wrong password"),
        pytest.param(Scenario(damage=flipped_bit), "CorruptZip", id="flipped bit"),
        pytest.param(Scenario(rows=150_000, damage=flipped_bit), "CorruptZip", id="late in parts"),
        pytest.param(Scenario(damage=truncated), "TruncatedZip", id="truncated"),
        pytest.param(Scenario(damage=empty_zip), "UnexpectedMember", id="no member"),
        pytest.param(Scenario(member_name="devices.xlsx"), "UnexpectedMember", id="wrong member"),
        pytest.param(Scenario(damage=html_page), "CorruptZip", id="an HTML page"),
        pytest.param(
            Scenario(faults=(Fault("create", Answer(400), times=None),)),
            "ReportRejected",
            id="400",
        ),
        pytest.param(
            Scenario(faults=(Fault("create", Answer(403), times=None),)), "AccessDenied", id="403"
        ),
    ],
)
def test_a_report_that_cannot_be_trusted(
    exporter: Exporter, scenario: Scenario, error: str
) -> None:
    assert_failed_cleanly(exporter.run(scenario, correlationId="failing"), error)


def test_a_link_to_another_host_is_not_followed(exporter: Exporter) -> None:
    link = "https://169.254.169.254/devices.zip?X-Amz-Signature=elsewhere"
    changed = ChangeBody(override={"jsonPresignedUrl": link})

    ended = exporter.run(
        Scenario(faults=(Fault("read_ready", changed, times=None),)), correlationId="failing"
    )

    assert_failed_cleanly(ended, "LinkNotAllowed")
    assert "'169.254.169.254'" in ended.message
    assert "LinkHosts" in ended.message
    assert "elsewhere" not in str(ended.stack.history(ended.description["executionArn"]))


def test_one_bad_file_of_two_keeps_the_good_one_back(exporter: Exporter) -> None:
    scenario = Scenario(rows=150_000, damage=flipped_bit, damaged_formats=("json",))

    assert_failed_cleanly(exporter.run(scenario, correlationId="failing"), "CorruptZip")


def test_a_report_that_is_never_ready(exporter: Exporter, pingone: PingOneSimulator) -> None:
    scenario = Scenario(generation_seconds=600, exploration_seconds=100)

    ended = exporter.run(scenario, correlationId="failing")

    assert_failed_cleanly(ended, "DeadlineExceeded")
    calls = pingone.requests_of(exporter.environment_id)
    assert calls[-1].seconds - calls[0].seconds <= 100


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        ({"formats": ["xml"]}, "formats"),
        ({"environmentId": "production"}, "environmentId"),
        ({"fields": "userId"}, "fields"),
        ({"reportName": "../devices"}, "reportName"),
        ({"reportname": "devices"}, "reportname"),
    ],
)
def test_a_wrong_request_never_reaches_pingone(
    exporter: Exporter, pingone: PingOneSimulator, request_fields: dict[str, Any], field: str
) -> None:
    ended = exporter.run(correlationId="failing", **request_fields)

    assert_failed_cleanly(ended, "InvalidRequest")
    assert repr(field) in ended.message
    assert "must be" in ended.message or "allowed are" in ended.message
    assert pingone.requests_of(exporter.environment_id) == []

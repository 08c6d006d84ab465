"""A request is completed from the defaults, and a wrong one is told what is allowed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pingone_reports.errors import InvalidRequest
from pingone_reports.model.export import Execution
from pingone_reports.model.request import ExportRequest
from tests.support.documents import faults, sample

ID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
DEFAULTS: dict[str, Any] = {
    "environmentId": ID,
    "reportName": "devices",
    "fields": ["userId", "username"],
    "filter": "",
    "formats": ["csv", "json"],
    "correlationId": "5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21",
    "idempotencyKey": None,
    "changesUntil": None,
    "skipQualityGate": False,
    "licenseId": None,
    "environmentName": None,
    "fleet": None,
}
RIGHT: dict[str, list[Any]] = {
    "environmentId": ["11111111-2222-3333-4444-555555555555"],
    "reportName": ["d" * 64, "9-_"],
    "fields": [[f"f{number:063}" for number in range(100)], ["a.b_9"], []],
    "filter": ["x" * 2000, "\x80", "\U0001f600", '(deviceType eq "SMS")'],
    "formats": [["json", "csv"], ["json"]],
    "correlationId": ["c" * 128, "ticket/42:a+b=c@d._-"],
    "idempotencyKey": ["k" * 128],
    "changesUntil": ["2026-03-01T01:30:00+00:00"],
    "skipQualityGate": [True],
    "licenseId": ["57f4eb70-4ba7-4a2a-9c0c-27a8c2b2bd33"],
    "environmentName": ["n" * 256, "~\u00a1 <Europe> \U0001f600"],
    "fleet": ["f" * 80, "é\u2028"],
}
WRONG: dict[str, list[object]] = {
    "environmentId": ["", 7, f"{ID}/users", f"{ID}\n", f"../{ID[3:]}"],
    "reportName": ["", "..", "a/b", "-devices", "d" * 65, ["devices"], "a\ud800"],
    "fields": [
        *("userId", {"userId": True}, ["userId", 7], ["userId", None], [["userId"]]),
        *(["userId", "userId"], ["user id"], ["a\ud800"], ["f" * 65]),
        [f"f{number}" for number in range(101)],
    ],
    "filter": [7, ["mfaEnabled"], "a\nb", "\x7f", "a\ud800b", "x" * 2001],
    "formats": ["csv", [], ["CSV"], ["csv", "csv"], ["csv", "json", "xml"]],
    "correlationId": ["", 42, "a b", "a\r\nX-Injected: 1", "é", "a\ud800", "c" * 129],
    "idempotencyKey": ["", "k" * 129],
    "changesUntil": ["2026-03-01", "2026-03-01T02:00:00", "2026-02-30T02:00:00Z", 1772330400],
    "skipQualityGate": ["true", 1],
    "licenseId": ["mine"],
    "environmentName": [
        *("", "n" * 257, "two\nlines", "two\u2028lines", "Europe\n", "epoc\u202egnp"),
        *("a\ud800", ["Europe"]),
    ],
    "fleet": ["", "f" * 81, "a\nb"],
}


def parse(document: object) -> ExportRequest:
    return ExportRequest.parse(document, DEFAULTS)


def refusal(document: object) -> str:
    """What is told to whoever asks for what cannot be."""
    with pytest.raises(InvalidRequest) as refused:
        parse(document)
    return str(refused.value)


class TestDefaults:
    @pytest.mark.parametrize("name", DEFAULTS)
    def test_a_field_that_is_absent_or_null_has_its_default(self, name: str) -> None:
        assert parse({}).to_state() == DEFAULTS | {"standing": True}
        assert parse({name: None}) == parse({})

    @pytest.mark.parametrize(
        ("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values]
    )
    def test_what_the_schema_takes_overrides_a_default_and_no_other(
        self, name: str, value: object
    ) -> None:
        own = {"reportName": "mine", name: value}
        assert faults("export-request", own) == []
        state = parse(own).to_state()
        assert state == DEFAULTS | own | {"standing": True}
        assert ExportRequest.from_state(json.loads(json.dumps(state))).to_state() == state

    def test_a_default_must_be_there_and_right(self) -> None:
        with pytest.raises(InvalidRequest, match="'environmentId' must be the UUID"):
            ExportRequest.parse({}, {"correlationId": "nightly"})
        with pytest.raises(InvalidRequest, match="'formats'"):
            ExportRequest.parse({}, DEFAULTS | {"formats": ["xml"]})

    def test_the_sample_in_events_is_a_request(self) -> None:
        defaults = {name: sample("export-request")[name] for name in ("fields", "filter")}
        request = ExportRequest.parse(sample("export-request"), DEFAULTS | defaults)
        assert request.to_state() == sample("export-request") | {"standing": True}

    @pytest.mark.parametrize(
        ("asked", "name", "standing"),
        [
            ({}, "devices", True),
            ({"fields": ["username", "userId"], "formats": ["json"]}, "devices", True),
            ({"fields": []}, "devices-custom", False),
            ({"filter": 'deviceType eq "SMS"'}, "devices-custom", False),
            ({"fields": ["userId"], "reportName": "devices"}, "devices-custom", False),
            ({"fields": ["userId"], "reportName": "mine"}, "mine", True),
        ],
    )
    def test_other_fields_or_another_filter_make_a_report_of_its_own(
        self, asked: dict[str, Any], name: str, standing: bool
    ) -> None:
        request = parse(asked)
        assert (request.report_name, request.standing) == (name, standing)
        assert ExportRequest.from_state(request.to_state()) == request

    def test_the_longest_name_of_a_report_has_room_for_its_custom_exports(self) -> None:
        request = ExportRequest.parse({"fields": []}, DEFAULTS | {"reportName": "d" * 64})
        assert request.report_name == "d" * 57 + "-custom"


class TestRefusals:
    @pytest.mark.parametrize("document", [None, [], "{}", 7, True])
    def test_only_an_object_is_a_request(self, document: object) -> None:
        assert "must be a JSON object" in refusal(document)

    def test_an_unknown_field_is_named_with_those_that_are_known(self) -> None:
        told = refusal({"format": ["csv"]})
        assert all(f"{name}" in told for name in ("'format'", *DEFAULTS))

    @pytest.mark.parametrize(
        ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
    )
    def test_a_wrong_value_is_told_its_field_and_the_schema_refuses_it_too(
        self, name: str, value: object
    ) -> None:
        assert f"{name!r} must be " in refusal({name: value})
        assert faults("export-request", {name: value})

    @pytest.mark.parametrize("name", [*DEFAULTS, "unknown"])
    def test_a_long_value_is_never_repeated(self, name: str) -> None:
        assert "s3cr3t?" not in refusal({name: "s3cr3t?" * 1000})

    def test_an_odd_and_long_name_is_cut_and_told_as_text(self) -> None:
        told = refusal({"\ud800\n" + "n" * 100_000: 1})
        assert told.isascii()
        assert len(told) < 300


def accepted(document: object) -> bool:
    try:
        parse(document)
    except InvalidRequest:
        return False
    return True


class TestChangesUntil:
    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ("2026-03-01T02:00:00Z", datetime(2026, 3, 1, 2, tzinfo=UTC)),
            ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
            ("2026-03-01T03:00:00.5+01:00", datetime(2026, 3, 1, 2, 0, 0, 500_000, UTC)),
        ],
    )
    def test_changes_until_is_a_time_in_any_zone(self, given: str, meant: datetime) -> None:
        request = parse({"changesUntil": given})
        assert request.changes_until == meant
        assert ExportRequest.from_state(request.to_state()) == request

    @pytest.mark.usefixtures("stopped_clock")
    @pytest.mark.parametrize(("minutes", "allowed"), [(60, True), (61, False)])
    def test_changes_until_may_be_an_hour_ahead(self, minutes: int, allowed: bool) -> None:
        ahead = datetime.now(UTC) + timedelta(minutes=minutes)
        assert accepted({"changesUntil": ahead.isoformat()}) == allowed

    @pytest.mark.parametrize("offset", ["+23:59", "+00:01"])
    def test_changes_until_is_not_before_the_year_2000_in_utc(self, offset: str) -> None:
        assert not accepted({"changesUntil": f"2000-01-01T00:00:00{offset}"})


class TestDelivered:
    def delivered(self, document: object) -> ExportRequest:
        return ExportRequest.delivered(document, DEFAULTS, "execution")

    def test_a_delivered_request_has_a_key_that_no_request_can_ask_for(self) -> None:
        request = self.delivered({"deliveryId": "4711", "request": {"formats": ["csv"]}})
        assert request.idempotency_key == "delivery#4711"
        assert replace(request, idempotency_key=None) == parse(
            {"formats": ["csv"], "correlationId": "execution"}
        )
        assert "'idempotencyKey' must be" in refusal({"idempotencyKey": request.idempotency_key})

    def test_a_key_of_its_own_wins_over_the_id_of_the_delivery(self) -> None:
        own = {"idempotencyKey": "mine", "correlationId": "mine-too"}
        assert self.delivered({"deliveryId": "4711", "request": own}) == parse(own)

    def test_a_request_that_was_not_delivered_has_no_key(self) -> None:
        assert self.delivered({}) == parse({"correlationId": "execution"})

    @pytest.mark.parametrize(
        "document",
        [
            {"deliveryId": "", "request": {}},
            {"deliveryId": 7, "request": {}},
            {"deliveryId": "k" * 129, "request": {}},
            {"deliveryId": "1", "request": None},
            {"deliveryId": "1", "request": "{}"},
            {"deliveryId": "1", "request": {"deliveryId": "1", "request": {}}},
            {"deliveryId": "1", "request": {}, "a": 1},
            {"deliveryId": "1"},
            {"request": {}},
        ],
    )
    def test_a_delivery_with_a_wrong_id_or_of_no_request_is_refused(self, document: object) -> None:
        with pytest.raises(InvalidRequest):
            self.delivered(document)


def test_an_environment_has_one_spelling() -> None:
    assert parse({"environmentId": ID.upper()}).environment_id == ID


def test_any_name_of_an_execution_makes_a_correlation_id() -> None:
    execution = Execution(arn="", name="nightly (São Paulo)!", started_at=datetime.now(UTC))
    assert parse({"correlationId": execution.correlation_id}).correlation_id == (
        "nightly--S-o-Paulo--"
    )

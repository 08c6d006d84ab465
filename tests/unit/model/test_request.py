"""A request is completed from the defaults, and a wrong one is told what is allowed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pingone_reports.errors import InvalidRequest
from pingone_reports.model.export import Execution
from pingone_reports.model.request import ExportRequest
from tests.support.documents import faults, sample

DEFAULTS: dict[str, Any] = {
    "environmentId": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
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
OVERRIDES: dict[str, Any] = {
    "environmentId": "11111111-2222-3333-4444-555555555555",
    "reportName": "blocked-devices_2",
    "fields": [],
    "filter": '(deviceType eq "SMS")',
    "formats": ["json"],
    "correlationId": "ticket/42:a+b=c@d._-",
    "idempotencyKey": "event/42",
    "changesUntil": "2026-03-01T01:30:00+00:00",
    "skipQualityGate": True,
    "licenseId": "57f4eb70-4ba7-4a2a-9c0c-27a8c2b2bd33",
    "environmentName": "Customers <Europe> \U0001f98a",
    "fleet": "nightly-2026-03-01",
}


def parse(document: object) -> ExportRequest:
    return ExportRequest.parse(document, DEFAULTS)


class TestDefaults:
    def test_an_empty_request_asks_for_the_defaults(self) -> None:
        assert parse({}).to_state() == DEFAULTS | {"standing": True}

    @pytest.mark.parametrize("name", DEFAULTS)
    def test_a_field_overrides_its_default_and_no_other(self, name: str) -> None:
        request = parse({name: OVERRIDES[name], "reportName": OVERRIDES["reportName"]})
        own = {"reportName": OVERRIDES["reportName"], "standing": True}
        assert request.to_state() == DEFAULTS | own | {name: OVERRIDES[name]}

    @pytest.mark.parametrize("name", DEFAULTS)
    def test_a_field_that_is_null_is_as_good_as_absent(self, name: str) -> None:
        assert parse({name: None}) == parse({})

    def test_a_field_without_a_default_must_be_given(self) -> None:
        with pytest.raises(InvalidRequest, match="'environmentId' must be the UUID"):
            ExportRequest.parse({}, {"correlationId": "nightly"})

    def test_a_wrong_default_is_found(self) -> None:
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

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("reportName", "d" * 64),
            ("fields", [f"f{number}" for number in range(100)]),
            ("fields", ["f" * 64]),
            ("filter", "x" * 2000),
            ("correlationId", "c" * 128),
        ],
    )
    def test_the_longest_value_that_is_allowed_is_taken(self, name: str, value: object) -> None:
        assert parse({name: value}).to_state()[name] == value
        assert faults("export-request", {name: value}) == []


class TestRefusals:
    @pytest.mark.parametrize("document", [None, [], "{}", 7, True])
    def test_only_an_object_is_a_request(self, document: object) -> None:
        with pytest.raises(InvalidRequest, match="must be a JSON object"):
            parse(document)

    def test_an_unknown_field_is_named_with_those_that_are_known(self) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            parse({"format": ["csv"]})
        assert "'format'" in str(refusal.value)
        assert all(name in str(refusal.value) for name in DEFAULTS)

    @pytest.mark.parametrize(
        ("name", "value", "allowed"),
        [
            ("environmentId", "", "UUID"),
            ("environmentId", 7, "UUID"),
            ("environmentId", "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/users", "UUID"),
            ("environmentId", "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6\n", "UUID"),
            ("environmentId", "../bfba8f6-49eb-49f5-a5d9-80ad5c98f9f6", "UUID"),
            ("reportName", "", "1 to 64 letters"),
            ("reportName", "..", "1 to 64 letters"),
            ("reportName", "a/b", "1 to 64 letters"),
            ("reportName", "-devices", "1 to 64 letters"),
            ("reportName", "d" * 65, "1 to 64 letters"),
            ("reportName", ["devices"], "1 to 64 letters"),
            ("fields", "userId", "a list of at most 100"),
            ("fields", {"userId": True}, "a list of at most 100"),
            ("fields", ["userId", 7], "a list of at most 100"),
            ("fields", ["userId", None], "a list of at most 100"),
            ("fields", [["userId"]], "a list of at most 100"),
            ("fields", ["userId", "userId"], "different PingOne field names"),
            ("fields", ["user id"], "a list of at most 100"),
            ("fields", ["f" * 65], "a list of at most 100"),
            ("fields", [f"f{n}" for n in range(101)], "a list of at most 100"),
            ("filter", 7, "at most 2000 characters"),
            ("filter", ["mfaEnabled"], "at most 2000 characters"),
            ("filter", "a\nb", "at most 2000 characters"),
            ("filter", "a\ud800b", "at most 2000 characters"),
            ("fields", ["a\ud800"], "a list of at most 100"),
            ("reportName", "a\ud800", "1 to 64 letters"),
            ("correlationId", "a\ud800", "1 to 128 letters"),
            ("filter", "x" * 2001, "at most 2000 characters"),
            ("formats", "csv", "['csv'], ['json'] or ['csv', 'json']"),
            ("formats", [], "['csv'], ['json'] or ['csv', 'json']"),
            ("formats", ["CSV"], "['csv'], ['json'] or ['csv', 'json']"),
            ("formats", ["csv", "csv"], "['csv'], ['json'] or ['csv', 'json']"),
            ("formats", ["csv", "json", "xml"], "['csv'], ['json'] or ['csv', 'json']"),
            ("correlationId", "", "1 to 128 letters"),
            ("correlationId", 42, "1 to 128 letters"),
            ("correlationId", "a b", "1 to 128 letters"),
            ("correlationId", "a\r\nX-Injected: 1", "1 to 128 letters"),
            ("correlationId", "é", "1 to 128 letters"),
            ("correlationId", "c" * 129, "1 to 128 letters"),
            ("idempotencyKey", "", "1 to 128 letters"),
            ("idempotencyKey", "k" * 129, "1 to 128 letters"),
            ("changesUntil", "2026-03-01", "a zone"),
            ("changesUntil", "2026-03-01T02:00:00", "a zone"),
            ("changesUntil", "2026-02-30T02:00:00Z", "ISO 8601"),
            ("changesUntil", "2999-01-01T00:00:00Z", "at most an hour from now"),
            ("changesUntil", "2000-01-01T00:00:00+23:59", "not before the year 2000"),
            ("changesUntil", "2000-01-01T00:00:00+00:01", "not before the year 2000"),
            ("changesUntil", 1772330400, "ISO 8601"),
            ("skipQualityGate", "true", "true or false"),
            ("skipQualityGate", 1, "true or false"),
            ("licenseId", "mine", "the UUID of a PingOne licence"),
            ("environmentName", "", "one line of 1 to 256"),
            ("environmentName", "n" * 257, "one line of 1 to 256"),
            ("environmentName", "two\nlines", "one line of 1 to 256"),
            ("environmentName", "two\u2028lines", "one line of 1 to 256"),
            ("environmentName", "Europe\n", "one line of 1 to 256"),
            ("environmentName", "epoc\u202egnp", "visible characters"),
            ("environmentName", "a\ud800", "visible characters"),
            ("environmentName", ["Europe"], "visible characters"),
            ("fleet", "", "an execution's name"),
            ("fleet", "f" * 81, "an execution's name"),
            ("fleet", "a\nb", "an execution's name"),
        ],
    )
    def test_a_wrong_value_is_told_its_field_and_what_is_allowed(
        self, name: str, value: object, allowed: str
    ) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            parse({name: value})
        assert f"{name!r} must be " in str(refusal.value)
        assert allowed in str(refusal.value)

    @pytest.mark.parametrize("name", [*DEFAULTS, "unknown"])
    def test_a_long_value_is_never_repeated(self, name: str) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            parse({name: "s3cr3t?" * 1000})
        assert "s3cr3t?" not in str(refusal.value)

    def test_a_name_that_is_no_text_is_told_as_text(self) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            parse({"\ud800\n": 1})
        assert str(refusal.value).encode().isascii()

    def test_a_long_unknown_name_is_cut(self) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            parse({"n" * 100_000: 1})
        assert len(str(refusal.value)) < 300


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
_RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "environmentId": st.uuids().map(str),
    "reportName": st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z"),
    "fields": st.lists(st.from_regex(r"\A[A-Za-z][A-Za-z0-9_.]{0,9}\Z"), max_size=4, unique=True),
    "filter": st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20),
    "formats": st.sampled_from([["csv"], ["json"], ["csv", "json"], ["json", "csv"]]),
    "correlationId": st.from_regex(r"\A[A-Za-z0-9._:/+=@-]{1,128}\Z"),
    "idempotencyKey": st.none() | st.from_regex(r"\A[A-Za-z0-9._:/+=@-]{1,128}\Z"),
    "changesUntil": st.none()
    | st.datetimes(datetime(2000, 1, 2), datetime(2026, 1, 1), timezones=st.timezones()).map(
        lambda time: time.replace(microsecond=0).isoformat()
    ),
    "skipQualityGate": st.booleans(),
    "licenseId": st.none() | st.uuids().map(str),
    "fleet": st.none() | st.from_regex(r"\A[a-zé]{1,80}\Z"),
    "environmentName": st.none() | st.from_regex(r"\A[ -~\u00a1-\u0200\U0001f600]{1,256}\Z"),
}
_NEARLY_RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "environmentId": st.uuids().map(lambda uuid: f"{uuid}\n".upper()),
    "reportName": st.from_regex(r"\A[A-Za-z0-9_-]{0,66}\n?\Z"),
    "fields": st.lists(st.from_regex(r"\A[A-Za-z][A-Za-z0-9_.]?\n?\Z") | st.text(max_size=3))
    | st.integers(98, 102).map(lambda count: [f"f{number}" for number in range(count)]),
    "filter": st.text(max_size=20) | st.integers(1998, 2002).map("é".__mul__),
    "formats": st.lists(st.sampled_from(["csv", "json", "xml", "CSV"]), max_size=3),
    "correlationId": st.from_regex(r"\A[A-Za-z0-9._:/+=@ -]{0,130}\n?\Z"),
    "idempotencyKey": st.from_regex(r"\A[A-Za-z0-9._:/+=@ -]{0,130}\n?\Z"),
    "changesUntil": st.from_regex(
        r"\A20[012][0-5]-[01][0-9]-[0123][0-9][T ][0-9]{2}:[0-9]{2}"
        r"(:[0-6][0-9])?[.1]?(Z|[+-]00:00)?\n?\Z"
    ),
    "skipQualityGate": st.sampled_from(["true", 0, 1, None]),
    "licenseId": st.uuids().map(lambda uuid: f"{uuid}\n".upper()),
    "fleet": st.text(max_size=5) | st.integers(0, 82).map("é".__mul__),
    "environmentName": st.text(max_size=5) | st.integers(0, 258).map("é".__mul__),
}
_FIELDS = {name: _RIGHT[name] | _NEARLY_RIGHT[name] | _JSON for name in DEFAULTS}
_REQUESTS = st.fixed_dictionaries(
    {},
    optional=_FIELDS | {"formats ": st.none()},
)


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
    @pytest.mark.parametrize(("minutes", "allowed"), [(59, True), (61, False)])
    def test_changes_until_may_be_an_hour_ahead(self, minutes: int, allowed: bool) -> None:
        ahead = datetime.now(UTC) + timedelta(minutes=minutes)
        assert accepted({"changesUntil": ahead.isoformat()}) == allowed


class TestDelivered:
    def delivered(self, document: object) -> ExportRequest:
        return ExportRequest.delivered(document, DEFAULTS, "execution")

    def test_a_delivered_request_has_a_key_that_no_request_can_ask_for(self) -> None:
        request = self.delivered({"deliveryId": "4711", "request": {"formats": ["csv"]}})
        assert request.idempotency_key == "delivery#4711"
        assert replace(request, idempotency_key=None) == parse(
            {"formats": ["csv"], "correlationId": "execution"}
        )
        with pytest.raises(InvalidRequest, match="'idempotencyKey' must be"):
            parse({"idempotencyKey": request.idempotency_key})

    def test_an_environment_has_one_spelling(self) -> None:
        given = "ABFBA8F6-49EB-49F5-A5D9-80AD5C98F9F6"
        assert parse({"environmentId": given}).environment_id == given.lower()

    def test_a_key_of_its_own_wins_over_the_id_of_the_delivery(self) -> None:
        own = {"idempotencyKey": "mine", "correlationId": "mine-too"}
        assert self.delivered({"deliveryId": "4711", "request": own}) == parse(own)

    def test_a_request_that_was_not_delivered_has_no_key(self) -> None:
        assert self.delivered({}) == parse({"correlationId": "execution"})

    @pytest.mark.parametrize("id_", ["", "a b", 7, [], "k" * 129])
    def test_a_delivery_with_a_wrong_id_is_refused(self, id_: object) -> None:
        with pytest.raises(InvalidRequest, match="'idempotencyKey' must be"):
            self.delivered({"deliveryId": id_, "request": {}})

    @pytest.mark.parametrize("request_", [None, [], "{}", {"deliveryId": "1", "request": {}}])
    def test_a_delivery_of_no_request_is_refused(self, request_: object) -> None:
        with pytest.raises(InvalidRequest):
            self.delivered({"deliveryId": "4711", "request": request_})

    @pytest.mark.parametrize(
        "document",
        [
            [],
            None,
            {"request": {}},
            {"deliveryId": "1"},
            {"deliveryId": "1", "request": {}, "a": 1},
        ],
    )
    def test_anything_else_is_read_as_the_request_itself(self, document: object) -> None:
        with pytest.raises(InvalidRequest):
            self.delivered(document)


def test_any_name_of_an_execution_makes_a_correlation_id() -> None:
    execution = Execution(arn="", name="nightly (São Paulo)!", started_at=datetime.now(UTC))
    assert parse({"correlationId": execution.correlation_id}).correlation_id == (
        "nightly--S-o-Paulo--"
    )


class TestSchema:
    @given(_REQUESTS | _JSON)
    @example({"reportName": "devices\n"})
    @example({"fields": ["userId", "userId"]})
    @example({"formats": ["csv", "json", "csv"]})
    @example({"filter": "\x7f"})
    @example({"filter": "\x80"})
    @example({"filter": "\ud800"})
    @example({"filter": "\U0001f600"})
    @example({"correlationId": True})
    @example([])
    def test_the_parser_accepts_what_the_schema_accepts_and_nothing_else(
        self, document: object
    ) -> None:
        assert accepted(document) == (not faults("export-request", document))

    @given(st.sampled_from(sorted(_FIELDS)), st.data())
    def test_the_parser_and_the_schema_agree_about_any_one_field(
        self, name: str, data: st.DataObject
    ) -> None:
        document = {name: data.draw(_FIELDS[name])}
        assert accepted(document) == (not faults("export-request", document))

    @given(st.fixed_dictionaries({}, optional=_RIGHT))
    def test_a_request_comes_back_from_its_state(self, document: dict[str, Any]) -> None:
        request = parse(document)
        carried = json.loads(json.dumps(request.to_state()))
        assert ExportRequest.from_state(carried) == request
        del carried["standing"]
        assert faults("export-request", carried) == []

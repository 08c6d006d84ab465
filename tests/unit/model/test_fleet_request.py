"""A fleet request says which environments, and a wrong one is refused with its field's name."""

from typing import Any

import pytest

from pingone_reports.errors import InvalidRequest
from pingone_reports.model.fleet_request import FleetRequest, of_exports
from tests.support.documents import faults, sample

ID = "ABFBA8F6-49EB-49F5-A5D9-80AD5C98F9F6"
KEY = "pingone/fleet/date=2026-03-01/5f2c1c1e/fleet.json"


def parsed(**document: Any) -> FleetRequest:
    return FleetRequest.delivered(document, {}, "execution")


def test_nothing_asks_for_every_environment_and_the_stacks_defaults() -> None:
    assert parsed() == FleetRequest(export={}, correlation_id="execution")
    assert parsed().to_document() == {}


def test_the_sample_is_what_it_asks_for() -> None:
    request = FleetRequest.delivered(sample("fleet-request"), {}, "execution")
    assert request == FleetRequest(
        exclude=("Playground",),
        types=("PRODUCTION",),
        export={"reportName": "devices", "fields": [], "formats": ["csv"]},
        correlation_id="nightly-2026-03-01",
        idempotency_key="nightly-2026-03-01",
    )
    assert of_exports(request.to_document()) == request.export


def test_an_environment_has_one_spelling_and_is_exported_once() -> None:
    assert parsed(environmentIds=[ID, ID.lower()]).environment_ids == (ID.lower(),)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"environmentId": ID}, "environmentId"),
        ({"environmentIds": ["x"]}, "environmentIds"),
        ({"environmentIds": [ID] * 2}, "environmentIds"),
        ({"include": "Customers"}, "include"),
        ({"include": ["x" * 257]}, "include"),
        ({"include": [str(number) for number in range(1001)]}, "include"),
        ({"exclude": [""]}, "exclude"),
        ({"exclude": ["a\nb"]}, "exclude"),
        ({"types": ["production"]}, "types"),
        ({"onlyFailedOf": "pingone/report=devices/manifest.json"}, "onlyFailedOf"),
        ({"onlyFailedOf": KEY.replace("-03-", "-13-")}, "onlyFailedOf"),
        ({"onlyFailedOf": 7}, "onlyFailedOf"),
        ({"fields": ["user id"]}, "fields"),
        ({"formats": []}, "formats"),
        ({"reportName": "../x"}, "reportName"),
        ({"filter": 1}, "filter"),
        ({"changesUntil": "yesterday"}, "changesUntil"),
        ({"skipQualityGate": "yes"}, "skipQualityGate"),
        ({"toleratedFailurePercent": 101}, "toleratedFailurePercent"),
        ({"toleratedFailurePercent": "5"}, "toleratedFailurePercent"),
        ({"toleratedFailurePercent": True}, "toleratedFailurePercent"),
        ({"correlationId": "a b"}, "correlationId"),
        ({"environmentIds": [ID], "types": ["SANDBOX"]}, "environmentIds"),
        ({"onlyFailedOf": KEY, "exclude": ["x"]}, "onlyFailedOf"),
        ({"onlyFailedOf": KEY, "environmentIds": [ID]}, "onlyFailedOf"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fields_name(
    document: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"'{field}'"):
        parsed(**document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"environmentIds": [ID]},
        {"include": ["Customers", ID], "exclude": [], "types": None},
        {"onlyFailedOf": KEY, "formats": ["json"], "skipQualityGate": True},
        {"toleratedFailurePercent": 0},
        {"types": ["SANDBOX"], "toleratedFailurePercent": 100},
    ],
)
def test_the_schema_takes_what_the_code_takes(document: dict[str, Any]) -> None:
    assert faults("fleet-request", document) == []
    parsed(**document)

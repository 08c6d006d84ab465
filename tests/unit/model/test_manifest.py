"""A manifest says what was asked and what landed, and keeps to its schema."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from pingone_reports.model.exploration import Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.manifest import (
    Landed,
    completed_event,
    description_of,
    manifest_of,
    quarantine_of,
)
from pingone_reports.model.report_file import Format
from pingone_reports.model.series import Predecessor, PublishedExport
from pingone_reports.transfer.pseudonyms import Pseudonyms
from tests.support.documents import faults, polling_answer, sample
from tests.support.landed import landed_file
from tests.support.tokens import KEY

_EXPORT = Export.from_state(sample("check-report-input")["export"])
_CSV = landed_file(Format.CSV, columns=("userId", "username"))
_LANDED = Landed(
    bucket="reports", region="eu", files=[landed_file(Format.JSON), _CSV], pseudonymized=None
)
_FIRST = Predecessor(export=None, why_none="It is the first.")


def _description(landed: Landed = _LANDED, **request: Any) -> dict[str, Any]:
    export = replace(_EXPORT, request=replace(_EXPORT.request, **request))
    return description_of(export, Exploration.parse(polling_answer()), landed)


def test_manifest_event_and_quarantine_keep_to_their_schemas() -> None:
    pseudonymized = Pseudonyms(["username", "phone"], KEY).of(_EXPORT.request).to_document()
    for landed in (_LANDED, replace(_LANDED, pseudonymized=pseudonymized)):
        manifest = manifest_of(_EXPORT, _description(landed), _FIRST)
        assert faults("manifest", manifest) == []
        assert faults("export-completed", completed_event(manifest, "a/manifest.json")) == []
        quarantine = quarantine_of(_description(landed), ["it is empty"])
        assert faults("quarantine", quarantine) == []
        assert faults("manifest", quarantine)
        assert quarantine["reasons"] == ["it is empty"]
    assert manifest["pseudonymized"]["fields"] == ["phone", "username"]


def test_a_manifest_says_what_was_asked_what_landed_and_how_fresh_it_can_be() -> None:
    """A cached file is two hours old, and the database 15 minutes behind."""
    told = {
        "fields": list(_EXPORT.request.fields),
        "filter": _EXPORT.request.filter,
        "correlationId": "nightly-2026-03-01",
        "executionArn": _EXPORT.execution.arn,
        "bucket": "reports",
        "columns": ["userId", "username"],
        "createdAt": "2023-10-16T11:51:26.000Z",
        "dataNotBefore": "2023-10-16T09:36:26.000Z",
        "dataNotAfter": "2023-10-16T11:51:31.600Z",
        "expiresAt": "2023-10-16T12:21:26.000Z",
    }
    assert _description().items() >= told.items()
    assert [file["key"] for file in _description()["files"]] == ["a/devices.json", "a/devices.csv"]


@pytest.mark.parametrize(
    ("second", "included"),
    [(26, "certain"), (27, "possible")],
)
def test_changes_are_certain_that_are_older_than_a_file_that_pingone_may_have_kept(
    second: int, included: str
) -> None:
    until = datetime(2023, 10, 16, 9, 36, second, tzinfo=UTC)
    told = {"changesIncluded": included, "changesUntil": f"2023-10-16T09:36:{second}.000Z"}
    assert _description(changes_until=until).items() >= told.items()
    assert _description()["changesIncluded"] is _description()["changesUntil"] is None


@time_machine.travel("2026-03-01T02:00:00.123456Z", tick=False)
def test_a_manifest_says_when_it_was_published_and_what_it_was_compared_with() -> None:
    key = sample("export-completed")["manifestKey"]
    published = PublishedExport.of(_description(), key)
    predecessor = Predecessor(export=published, unchanged=True)
    skipping = replace(_EXPORT, request=replace(_EXPORT.request, skip_quality_gate=True))
    first = manifest_of(_EXPORT, {}, _FIRST)
    second = manifest_of(skipping, {}, predecessor)
    assert first["publishedAt"] == "2026-03-01T02:00:00.123Z"
    assert (first["qualityGate"], second["qualityGate"]) == ("passed", "skipped")
    assert first["previous"] == {"manifestKey": None, "reason": "It is the first."}
    assert second["previous"] == {"manifestKey": key, "reason": None}
    assert (first["unchanged"], second["unchanged"]) == (False, True)

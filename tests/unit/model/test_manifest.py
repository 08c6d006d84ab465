"""A manifest says what was asked and what landed, and keeps to its schema."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pingone_reports.model.exploration import Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.manifest import (
    Landed,
    completed_event,
    manifest_of,
    pseudonyms_id,
    quarantine_of,
)
from pingone_reports.model.report_file import Format, ReportFile
from pingone_reports.transfer.pseudonyms import Pseudonyms
from tests.support.documents import faults, polling_answer, sample
from tests.support.tokens import KEY

EXPORT = Export.from_state(sample("check-report-input")["export"])
EXPLORATION = Exploration.parse(polling_answer())
FILES = [
    ReportFile(
        format=Format.CSV,
        key="a/devices.csv",
        bytes=1,
        sha256="0" * 64,
        content_bytes=1,
        content_sha256="0" * 64,
        records=0,
        columns=("userId", "username"),
    ),
    ReportFile(
        format=Format.JSON,
        key="a/devices.json.gz",
        bytes=2,
        sha256="f" * 64,
        content_bytes=9,
        content_sha256="e" * 64,
        records=0,
    ),
]
LANDED = Landed(bucket="reports", files=FILES, pseudonymized=None)


class TestQuarantine:
    def test_a_quarantine_is_no_manifest_and_says_why(self) -> None:
        quarantine = quarantine_of(EXPORT, EXPLORATION, LANDED, ["it is empty"])
        assert quarantine["reasons"] == ["it is empty"]
        assert faults("quarantine", quarantine) == []
        assert faults("manifest", quarantine)


class TestManifest:
    def test_a_manifest_keeps_to_its_schema(self) -> None:
        manifest = manifest_of(EXPORT, EXPLORATION, LANDED, unchanged=False)
        assert faults("manifest", manifest) == []
        assert faults("export-completed", completed_event(manifest, "a/manifest.json")) == []

    def test_a_manifest_says_what_was_asked_and_what_landed(self) -> None:
        manifest = manifest_of(EXPORT, EXPLORATION, LANDED, unchanged=False)
        assert manifest["fields"] == list(EXPORT.request.fields)
        assert manifest["filter"] == EXPORT.request.filter
        assert manifest["correlationId"] == "nightly-2026-03-01"
        assert manifest["executionArn"] == EXPORT.execution.arn
        assert manifest["bucket"] == "reports"
        assert [file["key"] for file in manifest["files"]] == ["a/devices.csv", "a/devices.json.gz"]
        assert manifest["columns"] == ["userId", "username"]

    def test_a_manifest_says_how_fresh_the_data_can_be(self) -> None:
        """A cached file is two hours old, and the database 15 minutes behind."""
        manifest = manifest_of(EXPORT, EXPLORATION, LANDED, unchanged=False)
        assert manifest["createdAt"] == "2023-10-16T11:51:26.000Z"
        assert manifest["dataNotBefore"] == "2023-10-16T09:36:26.000Z"
        assert manifest["dataNotAfter"] == "2023-10-16T11:51:31.600Z"
        assert manifest["expiresAt"] == "2023-10-16T12:21:26.000Z"

    @pytest.mark.parametrize(
        ("changes_until", "included"),
        [
            ("2023-10-16T09:36:26+00:00", "certain"),
            ("2023-10-16T09:36:27+00:00", "possible"),
            (None, None),
        ],
    )
    def test_a_manifest_says_whether_changes_are_included(
        self, changes_until: str | None, included: str | None
    ) -> None:
        """Certain is what is older than a file that PingOne may have kept."""
        time = changes_until and datetime.fromisoformat(changes_until)
        export = replace(EXPORT, request=replace(EXPORT.request, changes_until=time or None))
        manifest = manifest_of(export, EXPLORATION, LANDED, unchanged=False)
        assert manifest["changesIncluded"] == included
        assert manifest["changesUntil"] == (time and f"{time:%Y-%m-%dT%H:%M:%S}.000Z")
        assert faults("manifest", manifest) == []

    @pytest.mark.parametrize(("skip", "gate"), [(False, "passed"), (True, "skipped")])
    def test_a_manifest_says_whether_the_gate_was_skipped(self, skip: bool, gate: str) -> None:
        export = replace(EXPORT, request=replace(EXPORT.request, skip_quality_gate=skip))
        manifest = manifest_of(export, EXPLORATION, LANDED, unchanged=True)
        assert manifest["qualityGate"] == gate
        assert manifest["unchanged"] is True

    def test_a_manifest_is_published_now(self) -> None:
        published = manifest_of(EXPORT, EXPLORATION, LANDED, unchanged=False)["publishedAt"]
        age = datetime.now(UTC) - datetime.fromisoformat(published)
        assert timedelta(seconds=-1) < age < timedelta(seconds=10)

    def test_a_manifest_says_what_is_pseudonymized_and_by_which_key(self) -> None:
        pseudonymized = Pseudonyms(["username", "phone"], KEY).of(EXPORT.request).to_document()
        landed = replace(LANDED, pseudonymized=pseudonymized)
        manifest = manifest_of(EXPORT, EXPLORATION, landed, unchanged=False)
        assert manifest["pseudonymized"]["fields"] == ["phone", "username"]
        assert faults("manifest", manifest) == []
        assert faults("export-completed", completed_event(manifest, "a/manifest.json")) == []
        assert faults("quarantine", quarantine_of(EXPORT, EXPLORATION, landed, ["few"])) == []


def test_exports_with_other_pseudonyms_have_another_id() -> None:
    fields = [["phone"], ["phone", "email"], ["email", "phone"]]
    documents = [
        None,
        *(
            Pseudonyms(some, key).of(replace(EXPORT.request, fields=())).to_document()
            for some in fields
            for key in (KEY, "j" * 64)
        ),
    ]
    # The order of the fields does not count.
    assert len(set(map(pseudonyms_id, documents))) == 5
    assert pseudonyms_id(None) == ""

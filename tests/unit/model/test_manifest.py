"""A manifest says what was asked and what landed, and keeps to its schema."""

from dataclasses import replace
from datetime import datetime
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
from pingone_reports.model.report_file import Format, ReportFile
from pingone_reports.model.series import Predecessor, PublishedExport
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
LANDED = Landed(bucket="reports", region="eu", files=FILES, pseudonymized=None)
FIRST = Predecessor(export=None, why_none="It is the first.")


def _manifest(export: Export = EXPORT, landed: Landed = LANDED) -> dict[str, Any]:
    return manifest_of(export, description_of(export, EXPLORATION, landed), FIRST)


def _quarantine(landed: Landed = LANDED) -> dict[str, Any]:
    return quarantine_of(description_of(EXPORT, EXPLORATION, landed), ["it is empty"])


class TestQuarantine:
    def test_a_quarantine_is_no_manifest_and_says_why(self) -> None:
        quarantine = _quarantine()
        assert quarantine["reasons"] == ["it is empty"]
        assert faults("quarantine", quarantine) == []
        assert faults("manifest", quarantine)


class TestManifest:
    def test_a_manifest_keeps_to_its_schema(self) -> None:
        manifest = _manifest()
        assert faults("manifest", manifest) == []
        assert faults("export-completed", completed_event(manifest, "a/manifest.json")) == []

    def test_a_manifest_says_what_was_asked_and_what_landed(self) -> None:
        manifest = _manifest()
        assert manifest["fields"] == list(EXPORT.request.fields)
        assert manifest["filter"] == EXPORT.request.filter
        assert manifest["correlationId"] == "nightly-2026-03-01"
        assert manifest["executionArn"] == EXPORT.execution.arn
        assert manifest["bucket"] == "reports"
        assert [file["key"] for file in manifest["files"]] == ["a/devices.csv", "a/devices.json.gz"]
        assert manifest["columns"] == ["userId", "username"]

    def test_a_manifest_says_how_fresh_the_data_can_be(self) -> None:
        """A cached file is two hours old, and the database 15 minutes behind."""
        manifest = _manifest()
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
        manifest = _manifest(export)
        assert manifest["changesIncluded"] == included
        assert manifest["changesUntil"] == (time and f"{time:%Y-%m-%dT%H:%M:%S}.000Z")
        assert faults("manifest", manifest) == []

    @pytest.mark.parametrize(("skip", "gate"), [(False, "passed"), (True, "skipped")])
    def test_a_manifest_says_whether_the_gate_was_skipped(self, skip: bool, gate: str) -> None:
        export = replace(EXPORT, request=replace(EXPORT.request, skip_quality_gate=skip))
        manifest = _manifest(export)
        assert manifest["qualityGate"] == gate

    def test_a_manifest_says_with_what_it_is_compared(self) -> None:
        published = PublishedExport.of(_manifest(), sample("export-completed")["manifestKey"])
        predecessor = Predecessor(export=published, unchanged=True)
        manifest = manifest_of(EXPORT, description_of(EXPORT, EXPLORATION, LANDED), predecessor)
        assert manifest["previous"] == {"manifestKey": published.manifest_key, "reason": None}
        assert manifest["unchanged"] is True
        assert _manifest()["previous"] == {"manifestKey": None, "reason": "It is the first."}

    @time_machine.travel("2026-03-01T02:00:00.123456Z", tick=False)
    def test_a_manifest_is_published_now(self) -> None:
        assert _manifest()["publishedAt"] == "2026-03-01T02:00:00.123Z"

    def test_a_manifest_says_what_is_pseudonymized_and_by_which_key(self) -> None:
        pseudonymized = Pseudonyms(["username", "phone"], KEY).of(EXPORT.request).to_document()
        landed = replace(LANDED, pseudonymized=pseudonymized)
        manifest = _manifest(landed=landed)
        assert manifest["pseudonymized"]["fields"] == ["phone", "username"]
        assert faults("manifest", manifest) == []
        assert faults("export-completed", completed_event(manifest, "a/manifest.json")) == []
        assert faults("quarantine", _quarantine(landed)) == []

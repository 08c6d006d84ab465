"""An export lands in a folder of its own, and its manifest keeps to the schema."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pingone_reports.model.exploration import Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.manifest import (
    LandedFile,
    completed_event,
    export_folder,
    manifest_of,
    quarantine_folder,
    quarantine_of,
)
from tests.support.documents import faults, polling_answer, sample

EXPORT = Export.from_state(sample("check-report-input")["export"])
EXPLORATION = Exploration.parse(polling_answer())
FILES = [
    LandedFile(
        format="csv",
        key="a/devices.csv",
        bytes=1,
        sha256="0" * 64,
        content_bytes=1,
        content_sha256="0" * 64,
        records=0,
        columns=("userId", "username"),
    ),
    LandedFile(
        format="json",
        key="a/devices.json.gz",
        bytes=2,
        sha256="f" * 64,
        content_bytes=9,
        content_sha256="e" * 64,
        records=0,
    ),
]
FOLDER = (
    "report=devices/environment=abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/date=2026-03-01/"
    "5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21/"
)


def started(time: datetime) -> Export:
    return replace(EXPORT, execution=replace(EXPORT.execution, started_at=time))


class TestFolder:
    def test_it_is_named_by_report_environment_date_and_execution(self) -> None:
        assert export_folder(EXPORT, "pingone") == f"pingone/{FOLDER}"

    def test_without_a_prefix_no_slash_leads(self) -> None:
        assert export_folder(EXPORT, "") == FOLDER

    def test_it_is_that_of_the_sample_manifest(self) -> None:
        keys = [file["key"] for file in sample("manifest")["files"]]
        folder = export_folder(EXPORT, "pingone")
        assert keys == [f"{folder}devices.csv", f"{folder}devices.json"]
        assert sample("export-completed")["manifestKey"] == f"{folder}manifest.json"

    def test_its_date_is_that_of_the_start_whenever_it_ends(self) -> None:
        late = started(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
        assert "/date=2026-02-28/" in export_folder(late, "")

    def test_its_date_is_in_utc(self) -> None:
        zone = timezone(timedelta(hours=9))
        assert "/date=2026-02-28/" in export_folder(
            started(datetime(2026, 3, 1, 8, tzinfo=zone)), ""
        )


class TestQuarantine:
    def test_it_lies_beside_the_exports(self) -> None:
        assert quarantine_folder(EXPORT, "pingone") == f"pingone/quarantine/{FOLDER}"
        assert quarantine_folder(EXPORT, "") == f"quarantine/{FOLDER}"

    def test_it_is_no_manifest_and_says_why(self) -> None:
        quarantine = quarantine_of(EXPORT, EXPLORATION, "reports", FILES, ["it is empty"])
        assert quarantine["reasons"] == ["it is empty"]
        assert faults("quarantine", quarantine) == []
        assert faults("manifest", quarantine)


class TestManifest:
    def test_it_keeps_to_its_schema(self) -> None:
        manifest = manifest_of(EXPORT, EXPLORATION, "reports", FILES, unchanged=False)
        assert faults("manifest", manifest) == []
        assert faults("export-completed", completed_event(manifest, "a/manifest.json")) == []

    def test_it_says_what_was_asked_and_what_landed(self) -> None:
        manifest = manifest_of(EXPORT, EXPLORATION, "reports", FILES, unchanged=False)
        assert manifest["fields"] == list(EXPORT.request.fields)
        assert manifest["filter"] == EXPORT.request.filter
        assert manifest["correlationId"] == "nightly-2026-03-01"
        assert manifest["executionArn"] == EXPORT.execution.arn
        assert manifest["bucket"] == "reports"
        assert [file["key"] for file in manifest["files"]] == ["a/devices.csv", "a/devices.json.gz"]
        assert manifest["columns"] == ["userId", "username"]

    def test_it_says_how_fresh_the_data_can_be(self) -> None:
        """A cached file is two hours old, and the database 15 minutes behind."""
        manifest = manifest_of(EXPORT, EXPLORATION, "reports", FILES, unchanged=False)
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
    def test_it_says_whether_changes_are_included(
        self, changes_until: str | None, included: str | None
    ) -> None:
        """Certain is what is older than a file that PingOne may have kept."""
        time = changes_until and datetime.fromisoformat(changes_until)
        export = replace(EXPORT, request=replace(EXPORT.request, changes_until=time or None))
        manifest = manifest_of(export, EXPLORATION, "reports", FILES, unchanged=False)
        assert manifest["changesIncluded"] == included
        assert manifest["changesUntil"] == (time and f"{time:%Y-%m-%dT%H:%M:%S}.000Z")
        assert faults("manifest", manifest) == []

    @pytest.mark.parametrize(("skip", "gate"), [(False, "passed"), (True, "skipped")])
    def test_it_says_whether_the_gate_was_skipped(self, skip: bool, gate: str) -> None:
        export = replace(EXPORT, request=replace(EXPORT.request, skip_quality_gate=skip))
        manifest = manifest_of(export, EXPLORATION, "reports", FILES, unchanged=True)
        assert manifest["qualityGate"] == gate
        assert manifest["unchanged"] is True

    def test_it_is_published_now(self) -> None:
        published = manifest_of(EXPORT, EXPLORATION, "reports", FILES, unchanged=False)[
            "publishedAt"
        ]
        age = datetime.now(UTC) - datetime.fromisoformat(published)
        assert timedelta(seconds=-1) < age < timedelta(seconds=10)

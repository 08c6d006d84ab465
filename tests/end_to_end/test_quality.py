"""A doubtful report is kept back: it lies in quarantine, and readers have what they had."""

import hashlib
import json

import pytest

from local.athena import run_query
from local.cloud import LocalCloud
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.report_data import ALL_FIELDS
from local.stack import Stack, deployed, simulator_parameters
from tests.end_to_end.conftest import Ended, Exporter, assert_landed
from tests.support.documents import faults

_ROWS = 100


@pytest.fixture(scope="module")
def gated(cloud: LocalCloud, pingone: PingOneSimulator) -> Stack:
    parameters = simulator_parameters(pingone) | {
        "MaxRecordDropPercent": "20",
        "Analytics": "enabled",
        "ReportFields": ",".join(ALL_FIELDS),
        "DatabaseName": "gated_reports",
    }
    return deployed(cloud, pingone.client_id, pingone.client_secret, parameters, "gated")


@pytest.fixture
def exporter(gated: Stack, pingone: PingOneSimulator) -> Exporter:
    return Exporter(gated, pingone, events={})


def _ever_published(ended: Ended) -> list[str]:
    """Keys of the export where exports are, even if they were there for a moment only."""
    versions = ended.stack.cloud.client("s3").list_object_versions(
        Bucket=ended.stack.outputs["BucketName"],
        Prefix=f"pingone/report=devices/environment={ended.environment_id}",
    )
    seen = [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]
    return [version["Key"] for version in seen if ended.description["name"] in version["Key"]]


def _assert_kept_back(ended: Ended, *reasons: str) -> None:
    """The export failed, and left its files in quarantine alone."""
    assert ended.description["status"] == "FAILED"
    assert ended.error == "QualityGateFailed"
    assert ended.event["detail-type"] == "PingOne Report Export Failed"
    assert ended.event["detail"]["error"] == "QualityGateFailed"
    assert ended.event["detail"]["message"] == ended.message
    assert faults("export-failed", ended.event["detail"]) == []
    assert ended.event["detail"]["environmentId"] == ended.environment_id
    name = ended.description["name"]
    keys = [item["Key"] for item in ended.stack.objects() if name in item["Key"]]
    folder = f"pingone/quarantine/report=devices/environment={ended.environment_id}/date="
    assert all(key.startswith(folder) for key in keys)
    assert keys[0].rpartition("/")[0] in ended.message
    assert {key.rpartition("/")[2] for key in keys} == {
        "devices.csv",
        "devices.json",
        "quarantine.json",
    }
    assert _ever_published(ended) == []
    [key] = [key for key in keys if key.endswith("quarantine.json")]
    quarantine = json.loads(ended.stack.read(key))
    assert faults("quarantine", quarantine) == []
    assert quarantine["reasons"] == list(reasons)
    assert all(reason in ended.message for reason in reasons)
    for file in quarantine["files"]:
        assert file["sha256"] == hashlib.sha256(ended.stack.read(file["key"])).hexdigest()
    assert ended.unfinished_uploads == []


def test_a_first_report_whose_files_disagree_is_kept_back(exporter: Exporter) -> None:
    _assert_kept_back(
        exporter.run(Scenario(rows=30_000, json_rows=29_999)),
        "the files disagree: 30000 records in csv, 29999 records in json",
    )


def test_readers_have_what_they_had_until_a_report_is_good_again(exporter: Exporter) -> None:
    def tables() -> list[list[dict[str, str | None]]]:
        where = f"WHERE environment = '{exporter.environment_id}'"
        return [
            run_query(exporter.stack, f"SELECT * FROM {view} {where} ORDER BY deviceid")
            for view in ("latest", "changes")
        ]

    first = exporter.run(Scenario(rows=_ROWS))
    exporter.stack.wait_for_tables(first.description["executionArn"])
    before = tables()

    # A report that is kept back is nothing that the next one is compared with.
    for _ in range(2):
        _assert_kept_back(
            exporter.run(Scenario(rows=_ROWS // 2)),
            "50 records are 50 % fewer than the 100 of the previous export, and 20 % are allowed",
        )
    assert tables() == before
    assert len(before[0]) == _ROWS

    good = exporter.run(Scenario(rows=_ROWS + 1))

    exporter.stack.wait_for_tables(good.description["executionArn"])
    assert good.manifest["qualityGate"] == "passed"
    assert len(_ever_published(good)) == 3
    latest, changes = tables()
    assert len(latest) == _ROWS + 1
    assert [row["change"] for row in changes] == ["added"]


def test_what_is_right_after_all_is_accepted_once(exporter: Exporter) -> None:
    fewer = Scenario(rows=_ROWS, columns=ALL_FIELDS[1:])

    accepted = exporter.run(fewer, skipQualityGate=True)

    assert_landed(accepted, ["csv", "json"])
    assert accepted.manifest["unchanged"] is False
    assert accepted.manifest["qualityGate"] == "skipped"
    # Its columns are what is expected from now on.
    again = exporter.run(fewer)
    assert again.description["status"] == "SUCCEEDED"
    assert again.manifest["qualityGate"] == "passed"
    assert again.manifest["unchanged"] is True

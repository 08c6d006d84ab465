"""The largest export fits what carries it: Step Functions, EventBridge and DynamoDB have limits.

Source: "Service quotas" of Step Functions (256 KiB, as UTF-8, for a state's input or output),
"Amazon EventBridge quotas" (256 KB for an entry of PutEvents), "Quotas in Amazon DynamoDB" (400 KB
for an item).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pingone_reports.model.exploration import Exploration
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.manifest import (
    Landed,
    completed_event,
    description_of,
    manifest_of,
    quarantine_of,
)
from pingone_reports.model.quality import violations
from pingone_reports.model.report_file import Format, ReportFile
from pingone_reports.model.request import ExportRequest
from pingone_reports.model.series import Predecessor, PublishedExport
from pingone_reports.transfer.records import CsvRecordCounter
from tests.support.documents import polling_answer

_MOST_STATE_BYTES = 256 * 1024
_MOST_EVENT_BYTES = 256_000
_MOST_ITEM_BYTES = 400_000
# An entry has a source, a detail type and a bus beside its detail, a state the turn.
_SPARE_BYTES = 2_000

# Four bytes of UTF-8, and twelve where JSON is written in ASCII.
_WIDEST = "\U0001f600"
_HEADERS = {
    "commas": b"," * 16_383,
    "short names": b",".join([b"x"] * 13_107),
    "long names": b",".join([b"x" * 64] * 960),
    "control characters": b"\x01" * 10_920,
    "wide characters": _WIDEST.encode() * 5_460,
    "too many commas": b"," * 60_000,
    "too many control characters": b"\x01" * 60_000,
    "too many names": b",".join([b"x" * 64] * 4_000),
}


def size(document: Any) -> int:
    """The bytes of a document's JSON, however its writer writes other signs than ASCII."""
    ascii_only = json.dumps(document)
    return max(len(ascii_only), len(json.dumps(document, ensure_ascii=False).encode()))


def largest_export() -> Export:
    request = ExportRequest.parse(
        {
            "environmentId": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
            "reportName": "r" * 64,
            "fields": [f"f{number:063}" for number in range(100)],
            "filter": _WIDEST * 2000,
            "formats": ["csv", "json"],
            "correlationId": "c" * 128,
            "idempotencyKey": "i" * 128,
            "changesUntil": "2026-03-01T02:00:00.123456+00:00",
            "environmentName": _WIDEST * 256,
            "fleet": _WIDEST * 80,
        },
        {},
    )
    now = datetime.now(UTC)
    # AWS allows 80 characters in the name of an execution and in that of a state machine.
    name = _WIDEST * 80
    arn = f"arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:{'s' * 80}:{name}"
    return Export(
        request=request,
        execution=Execution(arn=arn, name=name, started_at=now),
        exploration_id="e" * 128,
        requested_at=now,
        deadline=now + timedelta(minutes=30),
    )


def columns_of(header: bytes) -> tuple[str, ...]:
    columns = CsvRecordCounter()
    columns.update(header + b"\r\n")
    return columns.columns


def manifest(columns: tuple[str, ...], reasons: list[str] | None = None) -> Mapping[str, Any]:
    export = largest_export()
    files = [
        ReportFile(
            format=file_format,
            key="k" * 1024,
            bytes=10**18,
            sha256="0" * 64,
            content_bytes=10**18,
            content_sha256="0" * 64,
            records=10**18,
            columns=columns if file_format is Format.CSV else (),
        )
        for file_format in Format
    ]
    exploration = Exploration.parse(polling_answer() | {"id": "e" * 128})
    # As many names as a report may have: see test_pseudonyms.py.
    pseudonymized = {"fields": [_WIDEST * 2_730], "keyId": "2-0123456789abcdef"}
    landed = Landed(bucket="b" * 63, region="com.au", files=files, pseudonymized=pseudonymized)
    description = description_of(export, exploration, landed)
    if reasons is not None:
        reasons += violations(export.request, files, None, 20)
        return quarantine_of(description, reasons)
    published = PublishedExport.of(description, ExportKeys.of(export, "p" * 200).manifest)
    return manifest_of(export, description, Predecessor(export=published))


def test_the_state_of_the_largest_request_fits() -> None:
    assert size({"export": largest_export().to_state()}) < _MOST_STATE_BYTES - _SPARE_BYTES


@pytest.mark.parametrize("header", _HEADERS.values(), ids=_HEADERS)
def test_the_event_of_the_largest_export_fits(header: bytes) -> None:
    event = completed_event(manifest(columns_of(header)), "k" * 1024)
    assert size(event) < min(_MOST_EVENT_BYTES, _MOST_STATE_BYTES) - _SPARE_BYTES


@pytest.mark.parametrize("header", _HEADERS.values(), ids=_HEADERS)
def test_the_columns_of_the_largest_export_fit_an_item_of_the_table(header: bytes) -> None:
    # Twice: the item holds them as JSON in a string.
    assert size(json.dumps(columns_of(header))) < _MOST_ITEM_BYTES - _SPARE_BYTES


@pytest.mark.parametrize("header", _HEADERS.values(), ids=_HEADERS)
def test_the_doubts_about_the_largest_export_fit_the_state(header: bytes) -> None:
    reasons: list[str] = []
    manifest(columns_of(header), reasons)
    assert size(reasons) < 10_000


@pytest.mark.parametrize("name", [name for name in _HEADERS if "too many" not in name])
def test_a_header_that_just_fits_is_kept(name: str) -> None:
    assert columns_of(_HEADERS[name])

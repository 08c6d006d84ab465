"""The largest export fits what carries it: Step Functions, EventBridge and DynamoDB have limits.

Source: "Service quotas" of Step Functions (256 KiB, as UTF-8, for a state's input or output),
"Amazon EventBridge quotas" (256 KB for an entry of PutEvents), "Quotas in Amazon DynamoDB" (400 KB
for an item).
"""

import json
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
)
from pingone_reports.model.quality import violations
from pingone_reports.model.report_file import Format
from pingone_reports.model.request import ExportRequest
from pingone_reports.model.series import Predecessor, PublishedExport
from pingone_reports.transfer.records import CsvRecordCounter
from tests.support.documents import polling_answer
from tests.support.landed import landed_file

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


def size(document: Any) -> int:
    """The bytes of a document's JSON, however its writer writes other signs than ASCII."""
    ascii_only = json.dumps(document)
    return max(len(ascii_only), len(json.dumps(document, ensure_ascii=False).encode()))


def test_the_state_of_the_largest_request_fits() -> None:
    assert size({"export": largest_export().to_state()}) < _MOST_STATE_BYTES - _SPARE_BYTES


@pytest.mark.parametrize("name", _HEADERS)
def test_the_largest_export_fits_an_event_an_item_of_the_table_and_the_state(name: str) -> None:
    counter = CsvRecordCounter()
    counter.update(_HEADERS[name] + b"\r\n")
    assert bool(counter.columns) == ("too many" not in name)
    # The item of the table holds the columns as JSON in a string.
    assert size(json.dumps(counter.columns)) < _MOST_ITEM_BYTES - _SPARE_BYTES

    export, big = largest_export(), {"key": "k" * 1024, "bytes": 10**18, "content_bytes": 10**18}
    csv = landed_file(Format.CSV, columns=counter.columns, records=10**18, **big)
    landed = Landed(
        bucket="b" * 63,
        region="com.au",
        files=[csv, landed_file(Format.JSON, records=10**18, **big)],
        # As many names as a report may have: see test_pseudonyms.py.
        pseudonymized={"fields": [_WIDEST * 2_730], "keyId": "2-0123456789abcdef"},
    )
    exploration = Exploration.parse(polling_answer() | {"id": "e" * 128})
    description = description_of(export, exploration, landed)
    published = PublishedExport.of(description, ExportKeys.of(export, "p" * 200).manifest)
    manifest = manifest_of(export, description, Predecessor(export=published))
    event = completed_event(manifest, "k" * 1024)
    assert size(event) < min(_MOST_EVENT_BYTES, _MOST_STATE_BYTES) - _SPARE_BYTES
    assert size(violations(export.request, landed.files, None, 20)) < 10_000

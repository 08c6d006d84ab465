"""Whatever the zips are like, the files land whole and the manifest says so."""

import csv
import io
import json
from itertools import pairwise

import pytest

from local.pingone_simulator import Answer, Fault, Scenario
from tests.end_to_end.conftest import Exporter, assert_landed


def _records(format_name: str, body: bytes) -> int:
    text = body.decode()
    if format_name == "csv":
        return sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) - 1
    if text.startswith("{") and "\n{" in text:
        return sum(1 for line in text.split("\n") if line and json.loads(line))
    parsed = json.loads(text)
    return len(parsed if isinstance(parsed, list) else parsed["entries"])


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            Scenario(encryption="zipcrypto", data_descriptor=True, json_shape="object"),
            id="ZipCrypto, data descriptor, JSON object with a list",
        ),
        pytest.param(
            Scenario(encryption="aes128", compression="stored", zip64=True, json_shape="lines"),
            id="AES-128, stored, zip64, JSON, an object a line",
        ),
        pytest.param(Scenario(rows=150_000, ae_version=1), id="AES-256, AE-1, many parts"),
    ],
)
def test_every_kind_of_zip_lands(exporter: Exporter, scenario: Scenario) -> None:
    ended = exporter.run(scenario)

    assert_landed(ended, ["csv", "json"])
    for file in ended.manifest["files"]:
        found = _records(file["format"], ended.file(file["format"]))
        assert file["records"] == found == scenario.rows


def test_pingone_is_not_called_within_five_seconds_or_the_pause_it_asks_for(
    exporter: Exporter,
) -> None:
    busy = (
        Fault("create", Answer(429, retry_after=20)),
        Fault("read", Answer(429, retry_after=30)),
    )

    exporter.run(Scenario(rows=20, generation_seconds=60, faults=busy))

    refused, created, refused_read, read, *later = exporter.calls
    assert [refused.status, created.status, refused_read.status] == [429, 201, 429]
    assert created.seconds - refused.seconds >= 20
    assert read.seconds - refused_read.seconds >= 30
    # Who does not wait is refused time and again; a busy machine may cost one here or there.
    answered = [call for call in (read, *later) if call.status == 200]
    assert len(answered) >= 2 * sum(call.status == 429 for call in later)
    assert all(after.seconds - before.seconds >= 5 for before, after in pairwise(answered))

"""Whatever the zips are like, the files land whole and the manifest says so."""

import csv
import io
import json
from itertools import pairwise

import pytest

from local.pingone_simulator import Answer, Fault, Scenario
from tests.end_to_end.conftest import Ended, Exporter, assert_landed

_ROWS = 300


def _assert_landed(ended: Ended, formats: list[str]) -> None:
    assert_landed(ended, formats)
    for file in ended.manifest["files"]:
        assert file["records"] == _records(file["format"], ended.file(file["format"]))


def _records(format_name: str, body: bytes) -> int:
    if format_name == "csv":
        return sum(1 for _ in csv.reader(io.StringIO(body.decode(), newline=""))) - 1
    text = body.decode()
    if text.startswith("{") and "\n{" in text:
        return sum(1 for line in text.split("\n") if line and json.loads(line))
    parsed = json.loads(text)
    return len(parsed if isinstance(parsed, list) else parsed["entries"])


@pytest.mark.parametrize("formats", [["csv"], ["json"], ["csv", "json"]])
def test_the_files_asked_for_land(exporter: Exporter, formats: list[str]) -> None:
    _assert_landed(exporter.run(Scenario(rows=_ROWS), formats=formats), formats)


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(Scenario(rows=_ROWS, encryption="zipcrypto"), id="ZipCrypto"),
        pytest.param(
            Scenario(rows=_ROWS, encryption="zipcrypto", data_descriptor=True),
            id="ZipCrypto, data descriptor",
        ),
        pytest.param(Scenario(rows=_ROWS, encryption="aes128"), id="AES-128"),
        pytest.param(Scenario(rows=_ROWS, encryption="aes192"), id="AES-192"),
        pytest.param(Scenario(rows=_ROWS, encryption="aes256", ae_version=1), id="AES-256, AE-1"),
        pytest.param(Scenario(rows=_ROWS, compression="stored"), id="stored"),
        pytest.param(Scenario(rows=_ROWS, data_descriptor=True), id="data descriptor"),
        pytest.param(Scenario(rows=_ROWS, zip64=True), id="zip64"),
        pytest.param(Scenario(rows=_ROWS, json_shape="object"), id="JSON object with a list"),
        pytest.param(Scenario(rows=_ROWS, json_shape="lines"), id="JSON, an object a line"),
        pytest.param(Scenario(rows=150_000), id="many parts"),
    ],
)
def test_every_kind_of_zip_lands(exporter: Exporter, scenario: Scenario) -> None:
    _assert_landed(exporter.run(scenario), ["csv", "json"])


def test_a_filter_may_find_nothing(exporter: Exporter) -> None:
    ended = exporter.run(Scenario(rows=0), filter='(deviceStatus eq "BLOCKED")')

    _assert_landed(ended, ["csv", "json"])


def test_a_busy_pingone_is_given_the_pause_it_asks_for(exporter: Exporter) -> None:
    busy = (
        Fault("create", Answer(429, retry_after=20)),
        Fault("read", Answer(429, retry_after=30)),
    )

    ended = exporter.run(Scenario(rows=_ROWS, faults=busy), formats=["csv"])

    _assert_landed(ended, ["csv"])
    refused, created, refused_read, read, *_ = exporter.calls
    assert [refused.status, created.status, refused_read.status] == [429, 201, 429]
    assert created.seconds - refused.seconds >= 20
    assert read.seconds - refused_read.seconds >= 30


def test_pingone_is_not_called_twice_within_five_seconds(exporter: Exporter) -> None:
    exporter.run(Scenario(rows=_ROWS, generation_seconds=40))

    # Who does not wait is refused time and again; a busy machine may cost one here or there.
    refused = [call for call in exporter.calls if call.status == 429]
    answered = [call for call in exporter.calls if call.status in (200, 201)]
    assert len(refused) <= len(answered) / 2
    assert len(refused) + len(answered) == len(exporter.calls)
    assert all(later.seconds - earlier.seconds >= 5 for earlier, later in pairwise(answered))

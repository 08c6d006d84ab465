"""With `Pseudonymize`, no value of the named fields is anywhere, whatever comes of an export."""

import csv
import io
import json

from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.pingone_simulator.zip_damage import flipped_bit
from local.stack import Stack
from tests.end_to_end.conftest import Exporter
from tests.end_to_end.leaks import everything_left
from tests.support.tokens import token

# With values that no other test has.
_ROWS, _SEED = 5000, 20_260_301
_FIELDS = ("phone", "username")


def test_no_value_is_left_anywhere(secured: Stack, pingone: PingOneSimulator) -> None:
    raw = [
        block.encode() for block in DevicesReport(_ROWS, DEFAULT_FIELDS, seed=_SEED).csv_blocks()
    ]
    before = list(csv.DictReader(io.StringIO(b"".join(raw).decode(), newline="")))
    # A few, because every text is searched for each.
    canaries = sorted(
        {row[field] for row in before[:300] for field in _FIELDS if row[field].isascii()} - {""}
    )
    report, events = Scenario(rows=_ROWS, seed=_SEED), dict[str, dict[str, object]]()

    landed = Exporter(secured, pingone, events)
    kept_back = Exporter(secured, pingone, events)
    damaged = Exporter(secured, pingone, events)
    runs = [
        landed.start(report),
        # The files disagree.
        kept_back.start(Scenario(rows=_ROWS, seed=_SEED, json_rows=_ROWS - 1)),
        damaged.start(Scenario(rows=_ROWS, seed=_SEED, damage=flipped_bit)),
        landed.start(fields=["userId", "phone"]),
    ]
    good, quarantined, broken, incomplete = (
        exporter.end_of(arn)
        for exporter, arn in zip((landed, kept_back, damaged, landed), runs, strict=True)
    )
    secured.wait_for_tables(runs[0])

    assert (good.error, quarantined.error, broken.error, incomplete.error) == (
        "",
        "QualityGateFailed",
        "CorruptZip",
        "FieldMissing",
    )
    assert "username" in incomplete.message
    assert incomplete.unfinished_uploads == []
    assert len(quarantined.keys) == 3
    key = secured.cloud.client("secretsmanager").get_secret_value(
        SecretId=secured.outputs["PseudonymKeyArn"]
    )["SecretString"]
    after = list(csv.DictReader(io.StringIO(good.file("csv").decode(), newline="")))
    assert after == json.loads(good.file("json"))
    assert after == [
        {
            name: token(value, key) if value and name in _FIELDS else value
            for name, value in row.items()
        }
        for row in before
    ]
    assert good.manifest["pseudonymized"]["fields"] == ["phone", "username"]
    tables = 0
    for text, place in everything_left([secured]):
        tables += place.startswith("object pingone/tables/")
        assert key not in text, place
        assert [canary for canary in canaries if canary in text] == [], place
    assert tables

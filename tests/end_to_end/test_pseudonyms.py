"""With `Pseudonymize`, nothing of a person is anywhere, whatever comes of an export."""

import csv
import io
import json
from dataclasses import replace

from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.pingone_simulator.zip_damage import flipped_bit
from local.stack import Stack
from tests.end_to_end.conftest import Exporter
from tests.end_to_end.leaks import everything_left
from tests.support.tokens import token

# With values that no other test has.
_ROWS, _SEED = 5000, 20_260_301
_COLUMNS = (*DEFAULT_FIELDS, "phoneNumber", "deviceName")
# The stack names phone and username. The others are not known to hold no person.
_FIELDS = ("phone", "username", "userId", "phoneNumber", "deviceName")
_FILTER = 'username eq "canary.filter"'


def test_no_value_is_left_anywhere(secured: Stack, pingone: PingOneSimulator) -> None:
    raw = [block.encode() for block in DevicesReport(_ROWS, _COLUMNS, seed=_SEED).csv_blocks()]
    before = list(csv.DictReader(io.StringIO(b"".join(raw).decode(), newline="")))
    # A few, because every text is searched for each.
    canaries = sorted(
        {
            value
            for row in before[:100]
            for field in ("phone", "username", "phoneNumber")
            if (value := row[field]).isascii() and value
        }
    )
    report = Scenario(rows=_ROWS, seed=_SEED, columns=_COLUMNS)
    events = dict[str, dict[str, object]]()

    landed = Exporter(secured, pingone, events)
    kept_back = Exporter(secured, pingone, events)
    damaged = Exporter(secured, pingone, events)
    asked_for_less = Exporter(secured, pingone, events)
    runs = [
        landed.start(report, filter=_FILTER, fields=[]),
        # The files disagree.
        kept_back.start(replace(report, json_rows=_ROWS - 1), fields=[]),
        damaged.start(replace(report, damage=flipped_bit), fields=[]),
        asked_for_less.start(Scenario(rows=9, seed=_SEED), fields=["userId", "phone"]),
        damaged.start(correlationId="canary@example.com"),
    ]
    good, quarantined, broken, less, refused = (
        exporter.end_of(arn)
        for exporter, arn in zip(
            (landed, kept_back, damaged, asked_for_less, damaged), runs, strict=True
        )
    )
    ends = (good.error, quarantined.error, broken.error, less.error, refused.error)
    assert ends == ("", "QualityGateFailed", "CorruptZip", "", "InvalidRequest")
    assert less.manifest["pseudonymized"]["fields"] == ["phone", "userId"]
    assert "may be somebody's address" in refused.message
    assert len(quarantined.keys) == 3
    secured.wait_for_tables(runs[0])
    key = secured.cloud.client("secretsmanager").get_secret_value(
        SecretId=secured.outputs["PseudonymKeyArn"]
    )["SecretString"]
    after = list(csv.DictReader(io.StringIO(good.file("csv").decode(), newline="")))
    assert after == json.loads(good.file("json"))
    assert after == [
        {
            name: token(value, name, key, good.environment_id)
            if value and name in _FIELDS
            else value
            for name, value in row.items()
        }
        for row in before
    ]
    assert good.manifest["pseudonymized"]["fields"] == sorted(_FIELDS)
    assert good.manifest["filter"].startswith("filter on username: ")
    tables = 0
    for text, place in everything_left([secured]):
        tables += place.startswith("object pingone/tables/")
        assert key not in text, place
        assert [canary for canary in canaries if canary in text] == [], place
        # AWS keeps the input of an execution, and the states that it is given to.
        if not place.startswith(("history of ", "execution ", "the cloud's own log")):
            assert "canary" not in text, place
    assert tables

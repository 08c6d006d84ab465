"""A stack that was deployed for gzip lands files that readers of gzip read as they are."""

import csv
import gzip
import hashlib
import io
import json

from local.cloud import LocalCloud
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import deployed, simulator_parameters
from tests.end_to_end.conftest import Exporter

_ROWS = 150_000


def test_gzip_files_land_with_the_report_inside(
    cloud: LocalCloud, pingone: PingOneSimulator
) -> None:
    parameters = simulator_parameters(pingone) | {"Compression": "gzip"}
    stack = deployed(cloud, pingone.client_id, pingone.client_secret, parameters, "gzip")

    ended = Exporter(stack, pingone, events={}).run(Scenario(rows=_ROWS))

    assert ended.description["status"] == "SUCCEEDED"
    assert [file["key"].rpartition("/")[2] for file in ended.manifest["files"]] == [
        "devices.csv.gz",
        "devices.json.gz",
    ]
    for file in ended.manifest["files"]:
        body = ended.file(file["format"])
        content = gzip.decompress(body)
        assert file["bytes"] == len(body) < len(content) / 2
        assert file["sha256"] == hashlib.sha256(body).hexdigest()
        assert file["contentBytes"] == len(content)
        assert file["contentSha256"] == hashlib.sha256(content).hexdigest()
    rows = csv.reader(io.StringIO(gzip.decompress(ended.file("csv")).decode(), newline=""))
    assert sum(1 for _ in rows) == _ROWS + 1
    assert len(json.loads(gzip.decompress(ended.file("json")))) == _ROWS
    assert ended.unfinished_uploads == []

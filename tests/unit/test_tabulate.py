"""An export's two Parquet files have the tables' types, and every row of the report or none."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pytest

from local.deployment import read_template
from local.paths import ROOT
from pingone_reports.errors import InvalidReport, InvalidRequest
from pingone_reports.tabulate import tabulate_report

if TYPE_CHECKING:
    from pingone_reports.bucket import Bucket

_MANIFEST: dict[str, Any] = json.loads((ROOT / "events" / "manifest.json").read_text())
_FOLDER = _MANIFEST["files"][0]["key"].rpartition("/")[0]
_MANIFEST_KEY = f"{_FOLDER}/manifest.json"
_DEVICES = "pingone/tables/devices/date=2026-03-01/5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21.parquet"
_EXPORTS = "pingone/tables/exports/2026-03-01-5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21.parquet"
_TYPES = {"VARCHAR": "string", "BIGINT": "bigint", "DATE": "date"}


class _Files:
    """The objects of a bucket, in memory; in the order in which they were written."""

    def __init__(self, report: bytes, records: int, format_name: str = "csv") -> None:
        [file] = [file for file in _MANIFEST["files"] if file["format"] == format_name]
        manifest = _MANIFEST | {"files": [file | {"records": records}]}
        self.objects = {file["key"]: report, _MANIFEST_KEY: json.dumps(manifest).encode()}

    def read_json(self, key: str) -> dict[str, Any] | None:
        return dict(json.loads(self.objects[key])) if key in self.objects else None

    def download(self, key: str, path: Path) -> None:
        path.write_bytes(self.objects[key])

    def upload_file(self, path: Path, key: str) -> None:
        self.objects[key] = path.read_bytes()

    def tabulate(self, manifest_key: str = _MANIFEST_KEY) -> dict[str, Any]:
        return tabulate_report(manifest_key, cast("Bucket", self))

    def types_of(self, key: str, folder: Path) -> dict[str, str]:
        """Glue's names of the types of a Parquet file's columns."""
        path = folder / "file.parquet"
        self.download(key, path)
        with duckdb.connect() as database:
            described = database.execute(f"DESCRIBE FROM '{path}'").fetchall()
        return {name.lower(): _TYPES[type_] for name, type_, *_ in described}


def _glue_columns(table: str) -> dict[str, str]:
    resources = read_template(ROOT / "template.yaml")["Resources"]
    columns = resources[table]["Properties"]["TableInput"]["StorageDescriptor"]["Columns"]
    return {column["Name"]: column["Type"] for column in columns}


def test_devices_first_and_the_export_when_they_are_there(tmp_path: Path) -> None:
    files = _Files(b"userId,deviceId\r\nu,d\r\n", records=1)

    assert files.tabulate() == {"rows": 1, "keys": [_DEVICES, _EXPORTS]}
    assert list(files.objects)[-2:] == [_DEVICES, _EXPORTS]
    assert files.types_of(_EXPORTS, tmp_path) == _glue_columns("ExportsTable")
    devices = files.types_of(_DEVICES, tmp_path)
    assert devices.items() <= _glue_columns("DevicesTable").items()
    assert {"userid", "deviceid", "export_id"} <= set(devices)


def test_json_is_read_when_there_is_no_csv() -> None:
    assert _Files(b'[{"userId": "u"}]', 1, "json").tabulate()["rows"] == 1


@pytest.mark.parametrize("report", [b"a,b\r\n1,2\r\n", b'a,b\r\n1,2\r\n3,"4\r\n', b"a,b\r\n"])
def test_not_one_row_more_or_less_than_the_manifest_says(report: bytes) -> None:
    files = _Files(report, records=2)

    with pytest.raises(InvalidReport):
        files.tabulate()

    assert _DEVICES not in files.objects
    assert _EXPORTS not in files.objects


@pytest.mark.parametrize("key", ["", "manifest.json", f"{_FOLDER}/other/manifest.json"])
def test_only_a_published_manifest(key: str) -> None:
    with pytest.raises(InvalidRequest):
        _Files(b"a\r\n", 0).tabulate(key)

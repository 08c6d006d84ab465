"""An export's two Parquet files have the tables' types, and every row of the report or none."""

import hashlib
import json
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pytest

from local.deployment import read_template
from local.metrics import embedded_metrics
from local.paths import ROOT
from pingone_reports.aws.series import Series, Trend
from pingone_reports.errors import InvalidReport, InvalidRequest, ReportTooLarge
from pingone_reports.model.keys import ExportKeys
from pingone_reports.steps.tabulate import TabulateReport
from pingone_reports.tables.notifier import Notifier
from tests.support.announced import Bus
from tests.support.memory_bucket import MemoryBucket
from tests.support.memory_table import MemoryTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import EventBus
    from pingone_reports.aws.table import Table

_MANIFEST: dict[str, Any] = json.loads((ROOT / "events" / "manifest.json").read_text())
_FOLDER = _MANIFEST["files"][0]["key"].rpartition("/")[0]
_MANIFEST_KEY = f"{_FOLDER}/manifest.json"
_DEVICES = "pingone/tables/devices/date=2026-03-01/5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21.parquet"
_EXPORTS = "pingone/tables/exports/date=2026-03-01/5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21.parquet"
_OF_ENVIRONMENT = f"report=devices/environment={_MANIFEST['environmentId']}"
_PAGE = f"pingone/posture/{_OF_ENVIRONMENT}/date=2026-03-01/{_FOLDER.rpartition('/')[2]}.html"
_TYPES = {"VARCHAR": "string", "BIGINT": "bigint", "DATE": "date"}


class _Files(MemoryBucket):
    """A bucket with one export."""

    def __init__(self, folder: Path, report: bytes, records: int, format_name: str = "csv") -> None:
        super().__init__()
        self.folder = folder / "tabulate"
        [file] = [file for file in _MANIFEST["files"] if file["format"] == format_name]
        about = {"records": records, "sha256": hashlib.sha256(report).hexdigest()}
        previous = {"manifestKey": None, "reason": "It is the first."}
        manifest = _MANIFEST | {"files": [file | about], "filter": "", "previous": previous}
        self.before_download: Callable[[], None] = lambda: None
        self.objects |= {file["key"]: report, _MANIFEST_KEY: json.dumps(manifest).encode()}

    def download(self, key: str, path: Path) -> bool:
        self.before_download()
        return super().download(key, path)

    def tabulate(
        self, manifest_key: str = _MANIFEST_KEY, *, notify: bool = False
    ) -> dict[str, Any]:
        table = cast("Table", MemoryTable())
        return TabulateReport(
            bucket=cast("Bucket", self),
            series=Series(table),
            trend=Trend(table),
            notifier=Notifier(bus=cast("EventBus", Bus()), digest=None, most_events=500),
            folder=self.folder,
        ).run(manifest_key, notify=notify)

    def row(self, key: str) -> dict[str, Any]:
        """The first row of a Parquet file."""
        with duckdb.connect() as database:
            path = self.folder.with_name("row.parquet")
            self.download(key, path)
            read = database.execute(f"FROM '{path}'")
            names = [column[0] for column in read.description or []]
            return dict(zip(names, read.fetchone() or (), strict=True))

    def types_of(self, key: str, folder: Path) -> dict[str, str]:
        """Glue's names of the types of a Parquet file's columns."""
        path = folder / "file.parquet"
        self.download(key, path)
        with duckdb.connect() as database:
            described = database.execute(f"DESCRIBE FROM '{path}'").fetchall()
        return {name: _TYPES[type_] for name, type_, *_ in described}


def _glue_columns(table: str) -> dict[str, str]:
    resources = read_template(ROOT / "template.yaml")["Resources"]
    described = resources[table]["Properties"]["TableInput"]
    columns = [*described["StorageDescriptor"]["Columns"], *described.get("PartitionKeys", [])]
    return {column["Name"]: column["Type"] for column in columns}


def test_the_devices_are_written_first_and_the_newest_tables_last(tmp_path: Path) -> None:
    files = _Files(tmp_path, b"userId,deviceId\r\nu,d\r\n", records=1)

    assert files.tabulate() == {
        "rows": 1,
        "result": "not compared",
        "repairedCells": 0,
        "changes": None,
        "notCompared": "It is the first.",
        "keys": [_DEVICES, _PAGE, _EXPORTS],
    }
    written = [key for key in files.objects if "/tables/" in key]
    assert written[:2] == [_DEVICES, _EXPORTS]
    assert sorted(written[2:]) == [
        f"pingone/tables/{table}/{_OF_ENVIRONMENT}"
        f"/filter={hashlib.sha256(b'').hexdigest()[:16]}.parquet"
        if table == "newest_exports"
        else f"pingone/tables/{table}/{_OF_ENVIRONMENT}.parquet"
        for table in ("latest", "newest_exports", "users")
    ]


@pytest.mark.parametrize("fleet", ["nightly", None])
def test_the_numbers_of_an_export_are_kept_for_the_page_of_its_fleet(
    tmp_path: Path, fleet: str | None
) -> None:
    files = _Files(tmp_path, b"userId,deviceId,deviceType\r\nu,d,SMS\r\n", records=1)
    manifest = json.loads(files.objects[_MANIFEST_KEY])
    files.write_json(_MANIFEST_KEY, manifest | {"fleet": fleet})
    files.tabulate()

    keys = ExportKeys.parse(_MANIFEST_KEY)
    assert keys
    assert bool(files.read_json(keys.summary)) == bool(fleet)


def test_each_file_has_the_types_that_its_table_says(tmp_path: Path) -> None:
    files = _Files(tmp_path, b"userId,deviceId,deviceType\r\nu,d,SMS\r\n", records=1)
    files.tabulate()

    for table, resource in (
        ("exports", "ExportsTable"),
        ("newest_exports", "NewestExportsTable"),
        ("users", "UsersTable"),
    ):
        [key] = [key for key in files.objects if f"/tables/{table}/" in key]
        assert files.types_of(key, tmp_path) == _glue_columns(resource)
    devices = files.types_of(_DEVICES, tmp_path)
    assert devices.items() <= _glue_columns("DevicesTable").items()
    assert {"userid", "deviceid", "export_id"} <= set(devices)


@pytest.mark.parametrize("report", [b"[]", b'{"entries": []}', b""])
def test_an_empty_json_report_has_the_columns_that_were_asked_for(
    tmp_path: Path, report: bytes
) -> None:
    files = _Files(tmp_path, report, 0, "json")
    files.tabulate()
    assert {"userid", "deviceid", "phone"} <= set(files.types_of(_DEVICES, tmp_path))


def test_json_is_read_when_there_is_no_csv(tmp_path: Path) -> None:
    assert _Files(tmp_path, b'[{"userId": "u"}]', 1, "json").tabulate()["rows"] == 1


@pytest.mark.parametrize(
    ("format_name", "report"),
    [
        ("json", rb'[{"userId":"u","deviceId":"d","deviceNickname":"\ud83d"}]'),
        ("json", rb'[{"userId":"u","deviceId":"d","deviceOrder":1,"deviceNickname":"\ud83d"}]'),
        ("csv", b"userId,deviceId,deviceNickname\r\nu,d,\xff\r\n"),
    ],
)
def test_half_a_character_keeps_no_report_out_of_the_tables_and_is_told(
    tmp_path: Path, format_name: str, report: bytes
) -> None:
    files = _Files(tmp_path, report, records=1, format_name=format_name)

    assert files.tabulate()["repairedCells"] == 1
    assert files.row(_DEVICES)["devicenickname"] == "\ufffd"
    assert b"1 value has" in files.objects[_PAGE]


def test_a_disk_that_is_full_while_the_file_is_downloaded_is_a_report_that_is_too_large(
    tmp_path: Path,
) -> None:
    files = _Files(tmp_path, b"deviceId\r\nd\r\n", records=1)

    def fill() -> None:
        raise OSError(ENOSPC, "No space left on device")

    files.before_download = fill
    with pytest.raises(ReportTooLarge):
        files.tabulate()


@pytest.mark.parametrize(
    ("ids", "repeated"),
    [
        ("", 0),
        ("a b c", 0),
        ("a b a", 1),
        ("a a a b b", 2),
        ("a A", 1),
    ],
)
def test_repeated_device_ids_are_told_measured_and_kept(
    tmp_path: Path,
    ids: str,
    repeated: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = ids.split()
    files = _Files(tmp_path, "\r\n".join(["deviceId", *rows, ""]).encode(), len(rows))

    files.tabulate()

    (line,) = capsys.readouterr().out.splitlines()
    [(_, point)] = embedded_metrics(line)
    assert (point.name, point.value) == ("RepeatedDeviceIds", repeated)
    assert point.dimensions == {"service": "reports", "report": "devices"}
    assert files.row(_EXPORTS)["repeated_ids"] == repeated
    assert (b"come more than once" in files.objects[_PAGE]) == bool(repeated)


def test_how_strong_the_users_are_is_measured_told_in_the_row_and_said_to_be_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = b"userId,deviceId,deviceType\r\nu,1,SMS\r\nv,2,FIDO2\r\nv,3,SMS\r\nw,4,NEW\r\n"
    files = _Files(tmp_path, report, records=4)
    files.tabulate()

    (line,) = capsys.readouterr().out.splitlines()
    measured = {point.name: point.value for _, point in embedded_metrics(line)}
    row = files.row(_EXPORTS)
    strengths = {"phishing_resistant": 1, "phishable": 0, "weak": 1, "none": 0, "mfa_off": 0}
    strengths |= {"unknown": 1, "protected": 3}
    assert {name: row[f"users_{name}"] for name in strengths} == strengths
    assert "MFA disabled" in row["not_asked"].split(", ")
    assert measured == {
        "RepeatedDeviceIds": 0,
        "UsersPhishingResistant": 1,
        "UsersPhishable": 0,
        "UsersWeakOnly": 1,
        "UsersWithoutFactor": 0,
        "UsersMfaOff": 0,
        "UsersProtected": 3,
        "UsersOfUnknownStrength": 1,
    }


def test_what_was_not_asked_is_no_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = _Files(tmp_path, b"userId,deviceId\r\nu,1\r\n", records=1)
    files.tabulate()

    assert files.row(_EXPORTS)["users_weak"] is None
    assert "no better than weak any more" in files.row(_EXPORTS)["not_asked"]
    [users] = [key for key in files.objects if "/tables/users/" in key]
    assert files.row(users)["strength"] == "not asked"
    assert "UsersWeakOnly" not in capsys.readouterr().out


def test_a_report_without_device_ids_repeats_none(tmp_path: Path) -> None:
    files = _Files(tmp_path, b"userId\r\nu\r\nu\r\n", 2)
    files.tabulate()
    assert files.row(_EXPORTS)["repeated_ids"] == 0


@pytest.mark.parametrize("report", [b"a,b\r\n1,2\r\n", b'a,b\r\n1,2\r\n3,"4\r\n', b"a,b\r\n"])
def test_a_report_of_more_or_fewer_rows_than_its_manifest_says_is_not_tabulated(
    tmp_path: Path, report: bytes
) -> None:
    files = _Files(tmp_path, report, records=2)

    with pytest.raises(InvalidReport):
        files.tabulate()

    assert _DEVICES not in files.objects
    assert _EXPORTS not in files.objects


def test_a_file_that_is_not_the_one_of_the_manifest_is_not_tabulated(tmp_path: Path) -> None:
    files = _Files(tmp_path, b"a\r\n1\r\n", records=1)
    [file] = json.loads(files.objects[_MANIFEST_KEY])["files"]
    files.objects[file["key"]] = b"a\r\n2\r\n"

    with pytest.raises(InvalidReport, match="replaced"):
        files.tabulate()

    assert list(files.objects) == [file["key"], _MANIFEST_KEY]


@pytest.mark.parametrize("name", ["_nightly", ".nightly"])
def test_no_file_is_hidden_from_athena_by_the_name_of_an_execution(
    tmp_path: Path, name: str
) -> None:
    files = _Files(tmp_path, b"a\r\n1\r\n", records=1)
    manifest_key = _MANIFEST_KEY.replace(_FOLDER.rpartition("/")[2], name)
    files.objects[manifest_key] = files.objects[_MANIFEST_KEY]

    keys = files.tabulate(manifest_key)["keys"]

    assert [key.rpartition("/")[2] for key in keys] == [
        f"name,{name}.parquet",
        f"{name}.html",
        f"name,{name}.parquet",
    ]


def test_files_that_a_killed_call_left_on_the_disk_are_removed_first(tmp_path: Path) -> None:
    files = _Files(tmp_path, b"a\r\n1\r\n", records=1)
    left = files.folder / "devices.csv"
    left.parent.mkdir()
    left.write_bytes(b"left")
    seen = []
    files.before_download = lambda: seen.append(left.exists())

    files.tabulate()

    assert set(seen) == {False}
    assert list(files.folder.iterdir()) == []


def test_who_says_whether_to_tell_says_it_in_json(tmp_path: Path) -> None:
    files = _Files(tmp_path, b"a\r\n1\r\n", records=1)
    with pytest.raises(InvalidRequest, match="notify"):
        files.tabulate(notify=cast("bool", "false"))


@pytest.mark.parametrize("key", ["", "manifest.json", f"{_FOLDER}/other/manifest.json"])
def test_the_key_of_anything_but_a_published_manifest_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidRequest):
        _Files(tmp_path, b"a\r\n", 0).tabulate(key)

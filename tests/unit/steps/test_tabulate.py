"""An export's two Parquet files have the tables' types, and every row of the report or none."""

from errno import ENOSPC
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from local.deployment import read_template
from local.paths import ROOT
from pingone_reports.errors import InvalidReport, InvalidRequest, ReportTooLarge
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.series import FIRST
from tests.support import tabulating
from tests.support.asking import ENVIRONMENT_ID
from tests.support.metrics import embedded_metrics
from tests.support.tabulating import World

_OF_ENVIRONMENT = f"report=devices/environment={ENVIRONMENT_ID}"
_FOLDER = f"pingone/{_OF_ENVIRONMENT}/date=2026-03-01/nightly"
_DEVICES = "pingone/tables/devices/date=2026-03-01/nightly.parquet"
_PAGE = f"pingone/posture/{_OF_ENVIRONMENT}/date=2026-03-01/nightly.html"
_EXPORTS = "pingone/tables/exports/date=2026-03-01/nightly.parquet"
_TYPES = {"VARCHAR": "string", "BIGINT": "bigint", "DATE": "date"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def published(world: World, text: str, **manifest: Any) -> str:
    return world.publish("nightly", text, "01", **manifest)


def tabulated(world: World, text: str, **manifest: Any) -> dict[str, Any]:
    return world.tabulate(published(world, text, **manifest), notify=False)


def types_of(world: World, key: str, folder: Path) -> dict[str, str]:
    """Glue's names of the types of a Parquet file's columns."""
    path = folder / "file.parquet"
    world.bucket.download(key, path)
    with duckdb.connect() as database:
        described = database.execute(f"DESCRIBE FROM '{path}'").fetchall()
    return {name: _TYPES[type_] for name, type_, *_ in described}


def glue_columns(table: str) -> dict[str, str]:
    resources = read_template(ROOT / "template.yaml")["Resources"]
    described = resources[table]["Properties"]["TableInput"]
    columns = [*described["StorageDescriptor"]["Columns"], *described.get("PartitionKeys", [])]
    return {column["Name"]: column["Type"] for column in columns}


def test_the_devices_are_written_first_and_the_newest_tables_last(world: World) -> None:
    assert tabulated(world, "userId,deviceId\nu,d\n") == {
        "rows": 1,
        "result": "not compared",
        "repairedCells": 0,
        "changes": None,
        "notCompared": FIRST,
        "keys": [_DEVICES, _PAGE, _EXPORTS],
    }
    written = [key for key in world.bucket.objects if "/tables/" in key]
    assert written[:2] == [_DEVICES, _EXPORTS]
    assert sorted(written[2:]) == [
        f"pingone/tables/latest/{_OF_ENVIRONMENT}.parquet",
        f"pingone/tables/newest_exports/{_OF_ENVIRONMENT}/filter=e3b0c44298fc1c14.parquet",
        f"pingone/tables/users/{_OF_ENVIRONMENT}.parquet",
    ]


@pytest.mark.parametrize("fleet", ["nightly", None])
def test_the_numbers_of_an_export_are_kept_for_the_page_of_its_fleet(
    world: World, fleet: str | None
) -> None:
    key = published(world, "userId,deviceId,deviceType\nu,d,SMS\n", fleet=fleet)
    world.tabulate(key)
    keys = ExportKeys.parse(key)
    assert keys
    assert bool(world.bucket.read_json(keys.summary)) == bool(fleet)


def test_each_file_has_the_types_that_its_table_says(world: World, tmp_path: Path) -> None:
    tabulated(world, "userId,deviceId,deviceType\nu,d,SMS\n")

    for table, resource in (
        ("exports", "ExportsTable"),
        ("newest_exports", "NewestExportsTable"),
        ("users", "UsersTable"),
    ):
        [key] = [key for key in world.bucket.objects if f"/tables/{table}/" in key]
        assert types_of(world, key, tmp_path) == glue_columns(resource)
    devices = types_of(world, _DEVICES, tmp_path)
    assert devices.items() <= glue_columns("DevicesTable").items()
    assert {"userid", "deviceid", "export_id"} <= set(devices)


@pytest.mark.parametrize("report", ["[]", '{"entries": []}'])
def test_an_empty_json_report_has_the_columns_that_were_asked_for(
    world: World, tmp_path: Path, report: str
) -> None:
    tabulated(world, report)
    assert {"userid", "deviceid", "phone"} <= set(types_of(world, _DEVICES, tmp_path))


@pytest.mark.parametrize(
    "report",
    [
        r'[{"userId":"u","deviceId":"d","deviceNickname":"\ud83d"}]',
        r'[{"userId":"u","deviceId":"d","deviceOrder":1,"deviceNickname":"\ud83d"}]',
        "userId,deviceId,deviceNickname\nu,d,\ud83d\n",
    ],
)
def test_half_a_character_keeps_no_report_out_of_the_tables_and_is_told(
    world: World, report: str
) -> None:
    assert tabulated(world, report)["repairedCells"] == 1
    assert set(world.rows(_DEVICES)[0]["devicenickname"]) == {"\ufffd"}
    assert b"1 value has" in world.bucket.objects[_PAGE]


def test_a_disk_that_is_full_while_the_file_is_downloaded_is_a_report_that_is_too_large(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_key: str, _path: Path) -> bool:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(world.bucket, "download", fill)
    with pytest.raises(ReportTooLarge):
        tabulated(world, "deviceId\nd\n")


@pytest.mark.parametrize(("ids", "repeated"), [("", 0), ("a b c", 0), ("a A a b b", 2)])
def test_repeated_device_ids_are_told_measured_and_kept(
    world: World, ids: str, repeated: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tabulated(world, "\n".join(["deviceId", *ids.split(), ""]))

    (line,) = capsys.readouterr().out.splitlines()
    [(_, point)] = embedded_metrics(line)
    assert (point.name, point.value) == ("RepeatedDeviceIds", repeated)
    assert point.dimensions == {"service": "reports", "report": "devices"}
    assert world.rows(_EXPORTS)[0]["repeated_ids"] == repeated
    assert (b"come more than once" in world.bucket.objects[_PAGE]) == bool(repeated)


def test_how_strong_the_users_are_is_measured_told_in_the_row_and_said_to_be_unknown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    tabulated(world, "userId,deviceId,deviceType\nu,1,SMS\nv,2,FIDO2\nv,3,SMS\nw,4,NEW\n")

    (line,) = capsys.readouterr().out.splitlines()
    measured = {point.name: point.value for _, point in embedded_metrics(line)}
    [row] = world.rows(_EXPORTS)
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


def test_what_was_not_asked_is_no_zero(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    tabulated(world, "userId,deviceId\nu,1\n")

    [row], [user] = world.rows(_EXPORTS), world.newest("users")
    assert row["users_weak"] is None
    assert "no better than weak any more" in row["not_asked"]
    assert user["strength"] == "not asked"
    assert "UsersWeakOnly" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("told", "why"),
    [({"records": 2}, "1 rows"), ({"records": 0}, "1 rows"), ({"sha256": "0"}, "replaced")],
)
def test_a_file_that_is_not_the_one_of_the_manifest_is_not_tabulated(
    world: World, told: dict[str, object], why: str
) -> None:
    key = published(world, "a,b\n1,2\n")
    manifest = world.bucket.read_json(key) or {}
    world.bucket.write_json(key, manifest | {"files": [manifest["files"][0] | told]})
    there = list(world.bucket.objects)

    with pytest.raises(InvalidReport, match=why):
        world.tabulate(key)

    assert list(world.bucket.objects) == there


def test_files_that_a_killed_call_left_on_the_disk_are_removed_first(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, download = tmp_path / "disk" / "devices.csv", world.bucket.download
    left.parent.mkdir()
    left.write_bytes(b"left")
    monkeypatch.setattr(tabulating, "mkdtemp", lambda **_: left.parent)
    seen = []

    def look(key: str, path: Path) -> bool:
        seen.append(left.exists())
        return download(key, path)

    monkeypatch.setattr(world.bucket, "download", look)
    tabulated(world, "a\n1\n")

    assert set(seen) == {False}
    assert list(left.parent.iterdir()) == []


def test_who_says_whether_to_tell_says_it_in_json(world: World) -> None:
    with pytest.raises(InvalidRequest, match="notify"):
        world.tabulate(published(world, "a\n1\n"), notify=cast("bool", "false"))


@pytest.mark.parametrize("key", ["", "manifest.json", f"{_FOLDER}/other/manifest.json"])
def test_the_key_of_anything_but_a_published_manifest_is_refused(world: World, key: str) -> None:
    with pytest.raises(InvalidRequest):
        world.tabulate(key)

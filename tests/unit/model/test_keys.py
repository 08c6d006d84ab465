"""An export's keys say what it is, and are read as they were written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pingone_reports.model.export import Export
from pingone_reports.model.keys import ExportKeys, FleetKeys
from tests.support.documents import sample

EXPORT = Export.from_state(sample("check-report-input")["export"])
NAME = "5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21"
FOLDER = f"report=devices/environment=abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/date=2026-03-01/{NAME}/"
FLEET = "fleet/date=2026-03-01/x/fleet.json"
KEYS = ExportKeys.of(EXPORT, "pingone")


def of(key_prefix: str = "", *, name: str, at: datetime, **request: Any) -> ExportKeys:
    """The keys of another export."""
    execution = replace(EXPORT.execution, name=name, started_at=at)
    asked = replace(EXPORT.request, **request)
    return ExportKeys.of(replace(EXPORT, request=asked, execution=execution), key_prefix)


def test_a_folder_is_named_by_report_environment_date_and_execution_below_the_prefix() -> None:
    assert KEYS.folder == f"pingone/{FOLDER}"
    assert KEYS.quarantine_folder == f"pingone/quarantine/{FOLDER}"
    bare = ExportKeys.of(EXPORT, "")
    assert (bare.folder, bare.quarantine_folder) == (FOLDER, f"quarantine/{FOLDER}")


def test_the_files_of_the_samples_lie_in_the_folder() -> None:
    keys = [file["key"] for file in sample("manifest")["files"]]
    assert keys == [f"{KEYS.folder}devices.csv", f"{KEYS.folder}devices.json"]
    assert sample("export-completed")["manifestKey"] == KEYS.manifest


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 1, 8, tzinfo=timezone(timedelta(hours=9))),
    ],
)
def test_the_date_of_an_export_is_that_of_its_start_in_utc(start: datetime) -> None:
    assert "/date=2026-02-28/" in of(name=NAME, at=start).folder


@pytest.mark.parametrize("prefix", ["pingone", "a/tables/devices/b"])
def test_the_tables_lie_beside_the_exports(prefix: str) -> None:
    keys = ExportKeys.of(EXPORT, prefix)
    for table, key in (
        ("devices", keys.devices_table),
        ("exports", keys.exports_table),
        ("changes", keys.changes_table),
    ):
        assert key == f"{prefix}/tables/{table}/date=2026-03-01/{NAME}.parquet"


@pytest.mark.parametrize("name", ["_nightly", ".nightly", "_", "._"])
def test_no_name_of_an_execution_hides_a_table_from_athena_or_is_another_ones(name: str) -> None:
    """Athena passes over files whose names begin with _ or a dot; no execution has a comma."""
    key = of(name=name, at=EXPORT.execution.started_at).devices_table
    assert key.rpartition("/")[2] == f"name,{name}.parquet"


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("", "n"),
        ("pingone", "S\u00e3o (Paulo)=+@!'"),
        ("report=a/environment=b/date=2026-03-01/c", "n" * 80),
        ("a/fleet/date=2026-03-01", "manifest.json"),
        ("fleet/date=2026-03-01/x", "fleet.json"),
    ],
)
def test_keys_are_read_as_they_were_written(prefix: str, name: str) -> None:
    written = of(prefix, name=name, at=datetime(2000, 1, 1, tzinfo=UTC), report_name="9_-")
    assert ExportKeys.parse(written.manifest) == written
    fleet = FleetKeys(prefix=written.prefix, date=written.date, execution=name)
    assert FleetKeys.parse(fleet.manifest) == fleet


@pytest.mark.parametrize(
    "key",
    [
        "",
        "manifest.json",
        f"{FOLDER}manifest.json/",
        f"{FOLDER}manifest_json",
        f"{FOLDER}other/manifest.json",
        f"{FOLDER}devices.csv",
        f"/{FOLDER}manifest.json\n",
        KEYS.devices_table,
        FOLDER.replace("2026-03-01", "2026-02-30") + "manifest.json",
        FOLDER.replace("2026-03-01", "20260301") + "manifest.json",
        FOLDER.replace("2026-03-01", "\u0662\u0660\u0662\u0666-03-01") + "manifest.json",
        FOLDER.replace("report=", "other=") + "manifest.json",
        f"pingone-{FOLDER}manifest.json",
        FLEET.replace("03-01", "02-30"),
        FLEET.replace("/x", ""),
        f"x{FLEET}",
        f"{FLEET}/",
    ],
)
def test_the_key_of_anything_else_is_none_of_an_export_or_a_fleet(key: str) -> None:
    assert ExportKeys.parse(key) is None
    assert FleetKeys.parse(key) is None


def test_a_fleets_files_lie_in_its_folder() -> None:
    keys = FleetKeys.of(EXPORT.execution, "pingone")
    assert keys.folder == f"pingone/fleet/date=2026-03-01/{NAME}/"
    assert len({keys.manifest, keys.listing, keys.items}) == 3
    assert all(key.startswith(keys.folder) for key in (keys.manifest, keys.listing, keys.items))
    assert FleetKeys.of(EXPORT.execution, "").folder == f"fleet/date=2026-03-01/{NAME}/"

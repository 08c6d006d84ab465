"""An export's keys say what it is, and are read as they were written."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pingone_reports.model.export import Export
from pingone_reports.model.keys import ExportKeys, FleetKeys
from tests.support.documents import sample

EXPORT = Export.from_state(sample("check-report-input")["export"])
FOLDER = (
    "report=devices/environment=abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/date=2026-03-01/"
    "5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21/"
)
KEYS = ExportKeys.of(EXPORT, "pingone")


def of(key_prefix: str = "", *, name: str, **request: Any) -> ExportKeys:
    """The keys of another export."""
    return ExportKeys.of(
        replace(
            EXPORT,
            request=replace(EXPORT.request, **request),
            execution=replace(EXPORT.execution, name=name),
        ),
        key_prefix,
    )


def started(time: datetime) -> ExportKeys:
    """The keys of an export whose execution was started then."""
    execution = replace(EXPORT.execution, started_at=time)
    return ExportKeys.of(replace(EXPORT, execution=execution), "")


class TestFolder:
    def test_a_folder_is_named_by_report_environment_date_and_execution(self) -> None:
        assert KEYS.folder == f"pingone/{FOLDER}"

    def test_a_folder_without_a_prefix_begins_with_no_slash(self) -> None:
        assert ExportKeys.of(EXPORT, "").folder == FOLDER

    def test_the_files_of_the_samples_lie_in_the_folder(self) -> None:
        keys = [file["key"] for file in sample("manifest")["files"]]
        assert keys == [f"{KEYS.folder}devices.csv", f"{KEYS.folder}devices.json"]
        assert sample("export-completed")["manifestKey"] == KEYS.manifest

    def test_the_date_of_an_export_is_that_of_its_start_whenever_it_ends(self) -> None:
        assert "/date=2026-02-28/" in started(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)).folder

    def test_the_date_of_an_export_is_in_utc(self) -> None:
        zone = timezone(timedelta(hours=9))
        assert "/date=2026-02-28/" in started(datetime(2026, 3, 1, 8, tzinfo=zone)).folder

    def test_a_quarantine_lies_beside_the_exports(self) -> None:
        assert KEYS.quarantine_folder == f"pingone/quarantine/{FOLDER}"
        assert ExportKeys.of(EXPORT, "").quarantine_folder == f"quarantine/{FOLDER}"


class TestTables:
    def test_the_tables_lie_beside_the_exports(self) -> None:
        name = "5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21"
        assert KEYS.devices_table == f"pingone/tables/devices/date=2026-03-01/{name}.parquet"
        assert KEYS.exports_table == f"pingone/tables/exports/date=2026-03-01/{name}.parquet"

    def test_a_table_lies_below_a_prefix_that_reads_like_a_table(self) -> None:
        keys = of("a/tables/devices/b", name="n")
        assert keys.devices_table == "a/tables/devices/b/tables/devices/date=2026-03-01/n.parquet"
        assert keys.changes_table == "a/tables/devices/b/tables/changes/date=2026-03-01/n.parquet"

    @pytest.mark.parametrize("name", ["_nightly", ".nightly", "_", "._"])
    def test_no_name_of_an_execution_hides_a_table_from_athena(self, name: str) -> None:
        """Athena passes over files whose names begin with _ or a dot."""
        keys = of(name=name)
        for key in (keys.devices_table, keys.exports_table):
            assert not key.rpartition("/")[2].startswith(("_", "."))

    @pytest.mark.parametrize("name", ["_nightly", ".nightly"])
    def test_no_other_execution_has_the_table_of_a_hidden_name(self, name: str) -> None:
        """A comma is in no execution's name, but in the table's."""
        hidden, other = of(name=name), of(name=f"name{name}")
        assert hidden.devices_table != other.devices_table
        assert hidden.exports_table != other.exports_table
        assert "," in hidden.devices_table


# Source: "StartExecution", API Reference of AWS Step Functions.
_NO_EXECUTION_HAS = ' <>{}[]?*"#%\\^|~`$&,;:/'
_NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=_NO_EXECUTION_HAS),
    min_size=1,
    max_size=80,
)
_PREFIXES = st.lists(
    st.from_regex(r"\A[A-Za-z0-9._=-]{1,9}\Z") | st.sampled_from(["report=a", "date=2026-01-01"]),
    max_size=6,
).map("/".join)


class TestParse:
    @given(
        key_prefix=_PREFIXES,
        report=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z"),
        environment=st.uuids().map(str),
        name=_NAMES,
        day=st.dates(date(2000, 1, 1), date(2999, 12, 31)),
    )
    @example("", "devices", "e", "n", date(2026, 3, 1))
    @example("report=a/environment=b/date=2026-03-01/c", "d", "e", "n", date(2026, 3, 1))
    @example("pingone", "devices", "e", "manifest.json", date(2026, 3, 1))
    def test_keys_are_read_as_they_were_written(
        self, key_prefix: str, report: str, environment: str, name: str, day: date
    ) -> None:
        keys = of(key_prefix, name=name, report_name=report, environment_id=environment)
        written = replace(keys, date=day)
        assert ExportKeys.parse(written.manifest) == written

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "manifest.json",
            f"{FOLDER}manifest.json/",
            f"{FOLDER}manifest_json",
            f"{FOLDER}other/manifest.json",
            f"{FOLDER}devices.csv",
            f"{FOLDER}quarantine.json",
            f"/{FOLDER}manifest.json\n",
            KEYS.devices_table,
            KEYS.exports_table,
            FOLDER.replace("2026-03-01", "2026-02-30") + "manifest.json",
            FOLDER.replace("2026-03-01", "20260301") + "manifest.json",
            FOLDER.replace("2026-03-01", "\u0662\u0660\u0662\u0666-03-01") + "manifest.json",
            FOLDER.replace("report=", "other=") + "manifest.json",
            f"pingone-{FOLDER}manifest.json",
        ],
    )
    def test_the_key_of_anything_else_is_none_of_an_export(self, key: str) -> None:
        assert ExportKeys.parse(key) is None

    @given(st.text())
    def test_any_text_is_a_key_or_none(self, key: str) -> None:
        parsed = ExportKeys.parse(key)
        assert parsed is None or parsed.manifest == key


class TestFleet:
    @pytest.mark.parametrize("prefix", ["", "pingone", "a/fleet/date=2026-03-01"])
    def test_a_fleets_keys_are_read_as_they_were_written(self, prefix: str) -> None:
        keys = FleetKeys.of(EXPORT.execution, prefix)
        assert FleetKeys.parse(keys.manifest) == keys
        folder = f"{prefix}/" if prefix else ""
        assert keys.folder == f"{folder}fleet/date=2026-03-01/{EXPORT.execution.name}/"
        assert len({keys.manifest, keys.listing, keys.items}) == 3
        assert all(key.startswith(keys.folder) for key in (keys.manifest, keys.listing, keys.items))

    @pytest.mark.parametrize(
        "key",
        ["", "fleet.json", "fleet/date=2026-02-30/x/fleet.json", "fleet/date=2026-03-01/fleet.json",
         "xfleet/date=2026-03-01/x/fleet.json", "fleet/date=2026-03-01/x/fleet.json/",
         f"{FOLDER}manifest.json"],
    )  # fmt: skip
    def test_a_key_of_anything_else_is_none_of_a_fleet(self, key: str) -> None:
        assert FleetKeys.parse(key) is None

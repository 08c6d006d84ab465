"""Whatever the order in which exports are tabulated, the tables say the same of them."""

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pytest

from pingone_reports.model.keys import ExportKeys
from pingone_reports.tables.comparisons import Comparisons
from pingone_reports.tables.parquet import report_to_parquet
from tests.support.memory_bucket import MemoryBucket

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket

_ENVIRONMENT = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"


class Export:
    """An export of this number, whose rows are in the table `devices`."""

    def __init__(self, number: int, devices: str, folder: Path, **manifest: Any) -> None:
        at = f"2026-03-0{number}T02:00:00.000Z"
        self.manifest = {
            "reportName": "devices",
            "environmentId": _ENVIRONMENT,
            "filter": "",
            "requestedAt": at,
            "createdAt": at,
        } | manifest
        self.manifest_key = (
            f"pingone/report=devices/environment={_ENVIRONMENT}/date={at[:10]}/e{number}/"
            "manifest.json"
        )
        self.keys = cast("ExportKeys", ExportKeys.parse(self.manifest_key))
        report, parquet = folder / f"{number}.csv", folder / f"{number}.parquet"
        report.write_text("deviceId,deviceType\n" + "".join(f"{d},SMS\n" for d in devices))
        report_to_parquet(report, "csv", {"export_id": f"e{number}"}, parquet)
        self.rows = parquet.read_bytes()


class World:
    """What exports are tabulated into."""

    def __init__(self, folder: Path, bucket: MemoryBucket | None = None) -> None:
        self.bucket = bucket or MemoryBucket()
        self._folder = folder

    def tabulate(self, export: Export) -> None:
        """As TabulateReport does it, on a disk of its own."""
        folder = Path(mkdtemp(dir=self._folder))
        self.bucket.objects[export.keys.devices_table] = export.rows
        self.bucket.write_json(export.manifest_key, export.manifest)
        comparisons = Comparisons(cast("Bucket", self.bucket), folder)
        comparisons.show_latest(export.keys, export.manifest)
        comparisons.compare(export.keys, export.manifest)

    def tables(self) -> dict[str, bytes]:
        """What Athena reads."""
        return {key: body for key, body in self.bucket.objects.items() if "tables/" in key}

    def rows(self, key: str) -> list[dict[str, Any]]:
        path = self._folder / "read"
        path.write_bytes(self.bucket.objects[key])
        with duckdb.connect() as database:
            found = database.execute(f"FROM read_parquet('{path}')")
            names = [column[0] for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture
def exports(tmp_path: Path) -> list[Export]:
    return [
        Export(number, devices, tmp_path)
        for number, devices in enumerate(["ab", "abc", "bc", "abc", "abc"], 1)
    ]


def test_an_export_is_compared_with_the_one_before_it(
    exports: list[Export], tmp_path: Path
) -> None:
    world = World(tmp_path)
    for export in exports:
        world.tabulate(export)

    changed = {
        export.keys.execution: [
            (row["change"], row["deviceid"], row["previous_export_id"], row["event"])
            for row in world.rows(export.keys.changes_table)
        ]
        for export in exports[1:]
    }
    assert exports[0].keys.changes_table not in world.bucket.objects
    assert changed == {
        "e2": [("added", "c", "e1", "SMS added")],
        "e3": [("removed", "a", "e2", None)],
        "e4": [("added", "a", "e3", "SMS added")],
        "e5": [],
    }
    latest = world.rows(exports[4].keys.latest_table)
    assert {row["export_id"] for row in latest} == {"e5"}
    assert {str(row["date"]) for row in latest} == {"2026-03-05"}


@pytest.mark.parametrize("first", range(5))
def test_every_order_of_arrival_gives_the_same_tables(
    exports: list[Export], tmp_path: Path, first: int
) -> None:
    in_order = World(tmp_path)
    for export in exports:
        in_order.tabulate(export)
    for order in itertools.permutations([*exports[:first], *exports[first + 1 :]]):
        world = World(tmp_path)
        for export in (exports[first], *order):
            world.tabulate(export)
        assert world.tables() == in_order.tables()


def test_an_export_that_comes_again_changes_nothing(exports: list[Export], tmp_path: Path) -> None:
    world = World(tmp_path)
    for export in exports:
        world.tabulate(export)
    before = world.tables()

    world.tabulate(exports[2])

    assert world.tables() == before


@pytest.mark.parametrize("seed", range(15))
def test_exports_that_are_tabulated_at_once_give_the_same_tables(
    exports: list[Export], tmp_path: Path, seed: int
) -> None:
    one_by_one = World(tmp_path)
    for export in exports:
        one_by_one.tabulate(export)
    dice, lock = random.Random(seed), threading.Lock()

    def pause() -> None:
        with lock:
            seconds = dice.choice((0, 0, 0.001, 0.02))
        time.sleep(seconds)

    at_once = World(tmp_path, MemoryBucket(pause))
    with ThreadPoolExecutor(6) as pool:
        # One is delivered twice.
        list(pool.map(at_once.tabulate, dice.sample([*exports, exports[2]], 6)))

    assert at_once.tables() == one_by_one.tables()


def test_exports_of_another_filter_are_not_compared(tmp_path: Path) -> None:
    world = World(tmp_path)
    for export in (Export(1, "a", tmp_path), Export(2, "b", tmp_path, filter="(x eq 1)")):
        world.tabulate(export)
    assert not [key for key in world.tables() if "/changes/" in key]


def test_only_exports_with_the_same_pseudonyms_are_compared(tmp_path: Path) -> None:
    phone, both = ({"fields": fields, "keyId": "0"} for fields in (["phone"], ["email", "phone"]))
    world = World(tmp_path)
    exports = [
        Export(number, devices, tmp_path, pseudonymized=pseudonymized)
        for number, (devices, pseudonymized) in enumerate(
            [("a", None), ("b", phone), ("c", phone | {"keyId": "1"}), ("d", both), ("be", phone)],
            1,
        )
    ]
    last = Export(6, "af", tmp_path)  # switched off again
    for export in (*exports, last):
        world.tabulate(export)

    changed = {key for key in world.tables() if "/changes/" in key}
    assert changed == {exports[4].keys.changes_table, last.keys.changes_table}
    rows = [row for key in sorted(changed) for row in world.rows(key)]
    assert [(row["previous_export_id"], row["deviceid"]) for row in rows] == [
        ("e2", "e"),
        ("e1", "f"),
    ]
    assert {row["export_id"] for row in world.rows(last.keys.latest_table)} == {"e6"}


def test_a_clock_that_is_ahead_makes_no_later_export_old(tmp_path: Path) -> None:
    world, future = World(tmp_path), "2999-01-01T00:00:00.000Z"
    first = Export(1, "a", tmp_path, createdAt=future)
    second = Export(2, "ab", tmp_path)
    for export in (first, second):
        world.tabulate(export)
    assert [row["deviceid"] for row in world.rows(second.keys.changes_table)] == ["b"]
    assert {row["export_id"] for row in world.rows(second.keys.latest_table)} == {"e2"}


def test_an_export_of_an_older_version_has_its_place(tmp_path: Path) -> None:
    first, second = Export(1, "a", tmp_path), Export(2, "b", tmp_path)
    del first.manifest["requestedAt"]
    world = World(tmp_path)
    for export in (second, first):
        world.tabulate(export)
    assert len(world.rows(second.keys.changes_table)) == 2


def test_the_export_before_is_found_however_long_ago_it_was(tmp_path: Path) -> None:
    world = World(tmp_path)
    long_ago = {"requestedAt": "2024-01-01T00:00:00.000Z"}
    first, second = Export(1, "a", tmp_path, **long_ago), Export(2, "ab", tmp_path)
    for export in (first, second):
        world.tabulate(export)
    assert [row["deviceid"] for row in world.rows(second.keys.changes_table)] == ["b"]

"""Whatever the order in which exports are tabulated, tables and pages say the same of them."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from pingone_reports.model.posture import Strength
from tests.support.interleaving import Interleaving
from tests.support.memory_bucket import MemoryBucket
from tests.support.tabulating import DayExport, World


def _export(day: int, devices: str, folder: Path, **manifest: object) -> DayExport:
    """An export of devices with ids of one letter."""
    rows = "".join(f"{device},SMS\n" for device in devices)
    return DayExport(day, f"deviceId,deviceType\n{rows}", folder, **manifest)


@pytest.fixture
def exports(tmp_path: Path) -> list[DayExport]:
    return [
        _export(number, devices, tmp_path)
        for number, devices in enumerate(["ab", "abc", "bc", "abc", "abc"], 1)
    ]


def test_an_export_is_compared_with_the_one_before_it(
    exports: list[DayExport], tmp_path: Path
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


def test_each_table_has_the_name_of_the_environment(tmp_path: Path) -> None:
    """The rows of an export that was tabulated before names were known have none."""
    world = World(tmp_path)
    older, newer = (
        DayExport(day, "userId,deviceId\n" + rows, tmp_path)
        for day, rows in ((1, "ada,1\n"), (2, "ada,1\nada,2\n"))
    )
    del older.manifest["environmentName"]

    def names() -> set[str | None]:
        newest = [key for key in world.bucket.objects if "/newest_exports/" in key]
        tables = [*newest, newer.keys.users_table]
        return {row["environment_name"] for key in tables for row in world.rows(key)}

    world.tabulate(older)
    assert names() == {None}
    world.tabulate(newer)
    assert names() == {"Customers Europe"}
    [change] = world.rows(newer.keys.changes_table)
    assert change["environment_name"] == "Customers Europe"


@pytest.mark.parametrize("first", range(5))
def test_every_order_of_arrival_gives_the_same_tables(
    exports: list[DayExport], tmp_path: Path, first: int
) -> None:
    in_order = World(tmp_path)
    for export in exports:
        in_order.tabulate(export)
    orders = 0

    def arrive(before: World, export: DayExport, missing: list[DayExport]) -> None:
        nonlocal orders
        world = World(tmp_path, MemoryBucket())
        world.bucket.objects |= before.bucket.objects
        world.tabulate(export)
        if not missing:
            orders += 1
            assert _but_trends(world) == _but_trends(in_order)
        for following in missing:
            arrive(world, following, [other for other in missing if other is not following])

    arrive(World(tmp_path), exports[first], [*exports[:first], *exports[first + 1 :]])

    assert orders == 24


def _but_trends(world: World) -> dict[str, bytes]:
    """A page's trend has the exports that were there when it was written."""
    return {key: body for key, body in world.shown().items() if not key.endswith(".html")}


def test_an_export_that_comes_again_changes_nothing(
    exports: list[DayExport], tmp_path: Path
) -> None:
    world = World(tmp_path)
    for export in exports:
        world.tabulate(export)
    before = world.shown()

    world.tabulate(exports[2])

    assert world.shown() == before


@pytest.mark.parametrize("seed", range(6))
def test_exports_that_are_tabulated_at_once_give_the_same_tables(
    exports: list[DayExport], tmp_path: Path, seed: int
) -> None:
    one_by_one = World(tmp_path)
    for export in exports:
        one_by_one.tabulate(export)
    interleaving, dice = Interleaving(seed), random.Random(seed)
    at_once = World(tmp_path, MemoryBucket(interleaving.pause))
    # One is delivered twice.
    some = dice.sample([*exports, exports[2]], 6)
    interleaving.run([partial(at_once.tabulate, export) for export in some])

    assert _but_trends(at_once) == _but_trends(one_by_one)


def test_fifty_exports_that_are_tabulated_at_once_all_find_their_place(tmp_path: Path) -> None:
    exports = [_export(1 + number % 25, "ab"[: number % 3], tmp_path) for number in range(25)]
    one_by_one, at_once = World(tmp_path), World(tmp_path)
    for export in exports:
        one_by_one.tabulate(export)

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(at_once.tabulate, [*exports, *exports]))

    assert _but_trends(at_once) == _but_trends(one_by_one)


def test_exports_of_another_filter_are_not_compared(tmp_path: Path) -> None:
    world = World(tmp_path)
    for export in (_export(1, "a", tmp_path), _export(2, "b", tmp_path, filter="(x eq 1)")):
        world.tabulate(export)
    assert not [key for key in world.shown() if "/changes/" in key]


def test_only_exports_with_the_same_pseudonyms_are_compared(tmp_path: Path) -> None:
    phone, both = ({"fields": fields, "keyId": "0"} for fields in (["phone"], ["email", "phone"]))
    world = World(tmp_path)
    exports = [
        _export(number, devices, tmp_path, pseudonymized=pseudonymized)
        for number, (devices, pseudonymized) in enumerate(
            [("a", None), ("b", phone), ("c", phone | {"keyId": "1"}), ("d", both), ("be", phone)],
            1,
        )
    ]
    last = _export(6, "af", tmp_path)  # switched off again
    for export in (*exports, last):
        world.tabulate(export)

    changed = {key for key in world.shown() if "/changes/" in key}
    assert changed == {exports[4].keys.changes_table, last.keys.changes_table}
    rows = [row for key in sorted(changed) for row in world.rows(key)]
    assert [(row["previous_export_id"], row["deviceid"]) for row in rows] == [
        ("e2", "e"),
        ("e1", "f"),
    ]
    assert {row["export_id"] for row in world.rows(last.keys.latest_table)} == {"e6"}


def test_a_clock_that_is_ahead_makes_no_later_export_old(tmp_path: Path) -> None:
    world, future = World(tmp_path), "2999-01-01T00:00:00.000Z"
    first = _export(1, "a", tmp_path, createdAt=future)
    second = _export(2, "ab", tmp_path)
    for export in (first, second):
        world.tabulate(export)
    assert [row["deviceid"] for row in world.rows(second.keys.changes_table)] == ["b"]
    assert {row["export_id"] for row in world.rows(second.keys.latest_table)} == {"e2"}


def test_an_export_of_an_older_version_has_its_place(tmp_path: Path) -> None:
    first, second = _export(1, "a", tmp_path), _export(2, "b", tmp_path)
    del first.manifest["requestedAt"]
    world = World(tmp_path)
    for export in (second, first):
        world.tabulate(export)
    assert len(world.rows(second.keys.changes_table)) == 2


def test_the_export_before_is_found_however_long_ago_it_was(tmp_path: Path) -> None:
    world = World(tmp_path)
    long_ago = {"requestedAt": "2024-01-01T00:00:00.000Z"}
    first, second = _export(1, "a", tmp_path, **long_ago), _export(2, "ab", tmp_path)
    for export in (first, second):
        world.tabulate(export)
    assert [row["deviceid"] for row in world.rows(second.keys.changes_table)] == ["b"]


def test_the_newest_export_of_each_filter_has_a_row_with_their_number(tmp_path: Path) -> None:
    world = World(tmp_path)
    for export in (
        _export(1, "a", tmp_path),
        _export(3, "a", tmp_path),
        _export(2, "a", tmp_path),
        _export(4, "a", tmp_path, filter="(x eq 1)"),
    ):
        world.tabulate(export)

    rows = [row for key in world.shown() if "/newest_exports/" in key for row in world.rows(key)]
    found = {(row["filter"], row["export_id"], row["exports"]) for row in rows}
    assert found == {("", "e3", 3), ("(x eq 1)", "e4", 1)}


def test_an_export_whose_rows_have_expired_is_compared_with_none(
    exports: list[DayExport], tmp_path: Path
) -> None:
    world = World(tmp_path)
    for export in (exports[0], exports[2]):
        world.tabulate(export)
    for export in (exports[0], exports[2]):
        del world.bucket.objects[export.keys.devices_table]
    del world.bucket.objects[exports[0].keys.manifest]

    later = world.tabulate(exports[3])
    between = world.tabulate(exports[1])

    assert later.posture.not_compared == "The rows of the export before it have expired."
    assert between.posture.not_compared == later.posture.not_compared


def test_a_page_shows_how_it_went(tmp_path: Path) -> None:
    world = World(tmp_path)
    users = "userId,deviceId,deviceType\n"
    for day, types in enumerate((["FIDO2", "SMS"], ["FIDO2", "FIDO2"]), 1):
        rows = "".join(f"u{n},d{n},{name}\n" for n, name in enumerate(types))
        comparison = world.tabulate(DayExport(day, users + rows, tmp_path))

    past = comparison.posture.past
    assert [(day.exported_at[:10], day.users[Strength.PHISHING_RESISTANT]) for day in past] == [
        ("2026-03-01", 1),
        ("2026-03-02", 2),
    ]

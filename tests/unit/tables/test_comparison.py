"""Whatever comes in whatever order, again or not at all: each night is told once, and rightly."""

import itertools
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from pingone_reports.model.posture import Day
from pingone_reports.tables.comparison import unusual
from tests.support.postures import changed
from tests.support.tabulating import World

_HEADER = "userId,deviceId,deviceType\n"
_NIGHTS = ["u,a,FIDO2\nu,b,SMS\n", "u,b,SMS\n", "u,b,SMS\nv,c,TOTP\n", "v,c,TOTP\n", "v,c,TOTP\n"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _published(world: World) -> list[str]:
    return [
        world.publish(f"e{number}", _HEADER + rows, f"{number:02}")
        for number, rows in enumerate(_NIGHTS, 1)
    ]


def _told(world: World) -> dict[str, list[str]]:
    """The codes that were told of each export."""
    told: dict[str, list[str]] = {each["exportId"]: [] for each in world.bus.compared}
    for event in world.bus.security:
        told[event["exportId"]].append(event["code"])
    return told


def _shown_as_newest(world: World) -> set[str]:
    """The exports that the tables of the newest show."""
    tables = ("latest", "users", "newest_exports")
    return {row["export_id"] for table in tables for row in world.newest(table)}


def _tables(world: World) -> dict[str, bytes]:
    """A page's trend has the days that were there when it was written."""
    return {key: body for key, body in world.shown().items() if "/posture/" not in key}


def test_every_order_of_tabulation_gives_the_same_tables_and_events(
    world: World, tmp_path: Path
) -> None:
    keys = _published(world)
    published, series = dict(world.bucket.objects), dict(world.table.items)
    for key in keys:
        world.tabulate(key)
    assert _told(world) == {"e1": [], "e2": ["NO_BETTER_THAN_WEAK"], "e3": [], "e4": [], "e5": []}
    for order in (keys[::-1], *random.Random(1).sample([*itertools.permutations(keys)], 1)):
        other = World(tmp_path)
        other.bucket.objects |= published
        other.table.items |= series
        for key in (*order, order[0]):
            other.tabulate(key)
        assert _tables(other) == _tables(world)
        ids = [{event["id"] for event in each.bus.security} for each in (world, other)]
        assert ids[0] == ids[1]


@pytest.mark.parametrize("at", range(6))
def test_an_export_that_is_tabulated_during_any_write_of_an_older_one_stays_the_newest(
    world: World, at: int
) -> None:
    keys = _published(world)
    writes = itertools.count()
    upload = world.bucket.upload_file

    def overtaken(path: Path, key: str) -> None:
        if next(writes) == at:
            world.tabulate(keys[4])
        upload(path, key)

    world.bucket.upload_file = overtaken  # type: ignore[method-assign]
    world.tabulate(keys[3])
    assert set(_told(world)) == {"e4", "e5"}
    assert _shown_as_newest(world) == {"e5"}


@pytest.mark.parametrize("dies_at", range(14))
def test_what_dies_at_any_write_is_settled_by_its_next_try(world: World, dies_at: int) -> None:
    keys = _published(world)
    writes = itertools.count()
    upload = world.bucket.upload_file

    def killed(path: Path, key: str) -> None:
        if next(writes) == dies_at:
            raise KeyboardInterrupt
        upload(path, key)

    world.bucket.upload_file = killed  # type: ignore[method-assign]
    for key in (keys[3], keys[4]):
        try:
            world.tabulate(key)
        except KeyboardInterrupt:
            world.tabulate(key)
    assert _shown_as_newest(world) == {"e5"}


def test_a_predecessor_that_is_gone_is_said(world: World) -> None:
    keys = _published(world)
    del world.bucket.objects[keys[0]]
    assert "gone from the bucket" in world.tabulate(keys[1])["notCompared"]


def test_a_custom_export_changes_nothing_that_the_standing_report_shows(world: World) -> None:
    world.night("n1", _HEADER + "u,a,FIDO2\n", "01")
    before, told = _tables(world), len(world.bus.events)
    custom = {"reportName": "devices-custom", "standing": False}
    world.night("by-hand", "userId,deviceId\nu,a\n", "02", **custom)
    world.night("again", "userId,deviceId\nw,a\n", "03", **custom)
    assert {row["report"] for row in world.newest("latest")} == {"devices"}
    assert _tables(world).items() >= before.items()
    assert (len(world.bus.events), world.bus.mails) == (told, [])


@pytest.mark.parametrize(("key", "told"), [("one", ["PHONE_CHANGED"]), ("two", [])])
def test_a_token_is_compared_with_a_token_of_its_key_alone(
    world: World, key: str, told: list[str]
) -> None:
    header = "userId,deviceId,deviceType,phone,deviceBlocked\n"
    tokens = [{"fields": ["phone"], "keyId": key_id} for key_id in ("one", key)]
    first = header + "u,a,SMS,one,false\nv,b,SMS,two,false\n"
    second = header + "u,a,SMS,oneB,false\nv,b,SMS,two,true\n"
    world.night("n1", first, "01", pseudonymized=tokens[0])
    world.night("n2", second, "02", pseudonymized=tokens[1])
    assert _told(world)["n2"] == ["NO_USABLE_FACTOR", *told]


def test_states_that_are_tokens_say_nothing(world: World) -> None:
    header = "userId,deviceId,deviceType,deviceStatus,deviceBlocked,mfaEnabled\n"
    tokens = {"fields": ["deviceStatus", "Device Blocked", "mfaEnabled"], "keyId": "one"}
    before = header + "u,a,FIDO2,t1,t2,t3\nu,b,SMS,t1,t2,t3\n"
    world.night("n1", before, "01", pseudonymized=tokens)
    after = header + "u,a,FIDO2,t4,t5,t6\n"
    world.night("n2", after, "02", pseudonymized=tokens)
    assert _told(world)["n2"] == ["FACTOR_REMOVED"]
    [user] = world.newest("users")
    assert (user["strength"], user["usable"]) == ("phishing-resistant", 1)
    protection = world.bus.compared[-1]["protection"]
    assert (protection["protected"], protection["unusable"]) == (1, "not asked")


def test_a_bypass_that_only_one_side_asked_for_is_no_event(world: World) -> None:
    header = "userId,deviceId,deviceType,mfaEnabled"
    world.night("n1", header + "\nu,a,SMS,true\n", "01")
    in_force = header + ",bypassMFAEnabledUntil\nu,a,SMS,true,2026-04-01T00:00:00Z\n"
    world.night("n2", in_force, "02")
    assert _told(world)["n2"] == []
    [user] = world.newest("users")
    assert user["strength"] == "MFA off"


def test_ids_of_another_key_are_said_to_be_incomparable(world: World) -> None:
    rows = _HEADER + "u,a,SMS\n"
    world.night("n1", rows, "01", pseudonymized={"fields": ["deviceId"], "keyId": "one"})
    answer = world.night("n2", rows, "02", pseudonymized={"fields": ["deviceId"], "keyId": "two"})
    assert "not comparable" in answer["notCompared"]


def test_a_repeated_id_blinds_no_night(world: World) -> None:
    world.night("n1", _HEADER + "u,a,FIDO2\nv,b,SMS\n", "01")
    world.night("n2", _HEADER + "u,a,FIDO2\nu,A,FIDO2\nv,c,TOTP\n", "02")
    assert _told(world)["n2"] == ["ALL_FACTORS_REPLACED"]
    assert world.bus.compared[-1]["repeatedIds"] == 1


def test_a_column_called_date_does_no_harm(world: World) -> None:
    header = "userId,deviceId,deviceType,date,report\n"
    for number, kind in (("01", "FIDO2"), ("02", "SMS")):
        world.night(number, f"{header}u,a{kind},{kind},2026,x\n", number)
    assert _told(world)["02"] == ["ALL_FACTORS_REPLACED"]


def test_a_manifest_of_an_older_version_is_compared_with_what_came_before(world: World) -> None:
    keys = _published(world)
    manifest = json.loads(world.bucket.objects[keys[1]])
    del manifest["previous"]
    world.bucket.write_json(keys[1], manifest)
    world.tabulate(keys[1])
    assert _told(world) == {"e2": ["NO_BETTER_THAN_WEAK"]}


@pytest.mark.parametrize(
    ("lost", "left", "past", "says"),
    [
        (40, 0, [(0, 0), (10, 3)], "lost a factor"),
        (0, 40, [(0, 0), (10, 3)], "left the report"),
        (9, 9, [(0, 0)], ""),
        (30, 9, [(0, 0), (10, 3)], ""),
        (31, 9, [(10, 3)], "31 users lost a factor"),
        (500, 500, [], ""),
        (500, None, [(None, None)], ""),
    ],
)
def test_far_more_than_on_any_day_before_is_unusual(
    lost: int, left: int | None, past: list[tuple[int | None, int | None]], says: str
) -> None:
    changes = replace(changed(), users_lost=lost, users_left=left)
    days = [Day(exported_at="", users={}, events=0, lost=a, left=b) for a, b in past]
    found = unusual(changes, days)
    assert says in found if says else not found


def test_each_export_has_its_own_repeated_ids_and_a_comparison_leaves_out_those_of_both(
    world: World,
) -> None:
    world.night("e1", "userId,deviceId,deviceType\nu,d,SMS\nu,d,SMS\n", "01")
    world.night("e2", "userId,deviceId,deviceType\nu,d,TOTP\n", "02")
    exports = [key for key in sorted(world.bucket.objects) if "/tables/exports/" in key]
    assert [world.rows(key)[0]["repeated_ids"] for key in exports] == [1, 0]
    assert world.bus.compared[-1]["repeatedIds"] == 1

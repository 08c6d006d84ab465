"""Whoever has to know of a change is told, once it is certain, and of nothing that is old."""

import itertools
import random
from functools import partial
from pathlib import Path

import pytest

from local.paths import ROOT
from pingone_reports.errors import AnnouncementFailed
from pingone_reports.model.posture import Event
from tests.support.documents import faults, sample
from tests.support.interleaving import Interleaving
from tests.support.memory_bucket import MemoryBucket
from tests.support.tabulating import ENVIRONMENT, DayExport, World

_HEADER = "userId,username,deviceId,deviceType,mfaEnabled,deviceBlocked,deviceLocked\n"


def _export(day: int, rows: str, folder: Path, **manifest: object) -> DayExport:
    """Rows such as `ada 1 FIDO2`, with a slash between them: user, device and type."""
    lines = [
        f"{user},{user}@example.com,{device},{kind},true,false,false\n"
        for user, device, kind in (row.split() for row in rows.split("/") if row)
    ]
    return DayExport(day, _HEADER + "".join(lines), folder, **manifest)


@pytest.fixture
def week(tmp_path: Path) -> list[DayExport]:
    """Each day one more device is added."""
    rows = [f"ada {number} SMS" for number in range(6)]
    return [_export(day, "/".join(rows[:day]), tmp_path) for day in range(1, 6)]


def test_an_export_that_changed_something_is_told_once(
    week: list[DayExport], tmp_path: Path
) -> None:
    world = World(tmp_path)
    for export in [*week, week[4]]:
        world.tabulate(export)

    assert world.bus.told == ["e2 after e1", "e3 after e2", "e4 after e3", "e5 after e4"]
    assert [event["deviceId"] for event in world.bus.security] == ["1", "2", "3", "4"]


def test_the_events_are_what_their_schemas_and_samples_say(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tabulate(_export(1, "ada 1 FIDO2/ada 2 SMS/bob 3 TOTP", tmp_path))
    world.tabulate(_export(2, "ada 2 SMS/bob 3 TOTP", tmp_path))

    [told], security = world.bus.changes, world.bus.security
    assert faults("changes-detected", told) == []
    for event in security:
        assert faults("security-event-detected", event) == []
    assert told.keys() == sample("changes-detected").keys()
    assert security[0].keys() == sample("security-event-detected").keys()
    assert [(event["event"], event["userId"], event["deviceId"]) for event in security] == [
        ("no strong factor left", "ada", None),
        ("FIDO2 removed", "ada", "1"),
    ]
    assert told["changes"] == {"added": 0, "removed": 1, "changed": 0}
    assert told["users"]["weak"] == 1


def test_no_name_and_no_phone_number_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day, device in ((1, "FIDO2"), (2, "SMS")):
        world.tabulate(
            DayExport(
                day,
                "userId,username,email,phone,deviceId,deviceType\n"
                f"u,canary-name,canary-mail,canary-phone,d{day},{device}\n",
                tmp_path,
            )
        )
    assert len(world.bus.events) == 4
    assert "canary" not in str(world.bus.events) + str(world.bus.mails)


@pytest.mark.parametrize("name", ["Customers Europe", None])
def test_the_name_of_the_environment_is_told(tmp_path: Path, name: str | None) -> None:
    world = World(tmp_path)
    world.tabulate(_export(1, "ada 1 FIDO2", tmp_path))
    world.tabulate(_export(2, "ada 1 SMS/ada 2 SMS", tmp_path, environmentName=name))
    assert {event["environmentName"] for _, event in world.bus.events} == {name}
    assert f"of environment {name} {ENVIRONMENT}\n" in world.bus.mails[0][1] or name is None
    assert "None" not in world.bus.mails[0][1]


def test_an_export_of_a_fleet_has_events_but_no_mail(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day, rows in ((1, "ada 1 SMS"), (2, "ada 1 SMS/ada 2 SMS")):
        world.tabulate(_export(day, rows, tmp_path, fleet="nightly"))
    assert len(world.bus.events) == 2
    assert world.bus.mails == []


def test_an_export_that_changed_nothing_is_not_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day in (1, 2):
        world.tabulate(_export(day, "ada 1 SMS", tmp_path))
    assert (world.bus.events, world.bus.mails) == ([], [])


def test_the_mail_has_numbers_and_the_page(week: list[DayExport], tmp_path: Path) -> None:
    world = World(tmp_path)
    for export in week[:2]:
        world.tabulate(export)

    [(subject, text)] = world.bus.mails
    assert subject == "PingOne devices: 1 security events, 1 changes"
    assert "SMS added: 1" in text
    assert f"s3://reports/{week[1].keys.page}" in text
    assert subject.isascii()


def test_an_export_that_is_older_than_the_newest_is_not_told(
    week: list[DayExport], tmp_path: Path
) -> None:
    world = World(tmp_path)
    for export in (week[0], week[2], week[1]):
        world.tabulate(export)
    assert world.bus.told == ["e3 after e1"]


@pytest.mark.parametrize(("tell", "told"), [(True, ["e2 after e1"]), (False, [])])
def test_who_asks_decides(
    week: list[DayExport], tmp_path: Path, tell: bool, told: list[str]
) -> None:
    world = World(tmp_path)
    for export in (week[0], week[2], week[1]):
        world.tabulate(export, tell=False)
    world.tabulate(week[1], tell=tell)
    assert world.bus.told == told


def test_what_was_added_later_is_not_told_with_the_next_export(
    week: list[DayExport], tmp_path: Path
) -> None:
    world = World(tmp_path)
    for export in week[:2]:
        world.tabulate(export)
    for export in week[2:4]:
        world.tabulate(export, tell=False)
    world.tabulate(week[4])
    assert world.bus.told == ["e2 after e1", "e5 after e4"]


def test_an_export_that_could_not_be_told_is_told_with_the_next(
    week: list[DayExport], tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.tabulate(week[0])
    world.tabulate(week[1])

    world.bus.before = _refuse
    with pytest.raises(AnnouncementFailed):
        world.tabulate(week[2])
    world.bus.before = lambda _detail_type: None
    world.tabulate(week[3])

    assert world.bus.told == ["e2 after e1", "e3 after e2", "e4 after e3"]


def test_what_happened_to_a_user_without_a_device_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day, mfa in ((1, "true"), (2, "false")):
        rows = f"userId,deviceId,deviceType,mfaEnabled\nu,,,{mfa}\nv,1,SMS,true\n"
        world.tabulate(DayExport(day, rows, tmp_path))
    assert [event["event"] for event in world.bus.security] == ["MFA disabled"]
    assert len(world.bus.changes) == 1


def test_a_mail_that_is_refused_holds_up_no_event_and_is_sent_by_the_next_try(
    week: list[DayExport], tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.tabulate(week[0])
    world.bus.refuses_mails = True
    for export in (week[1], week[2]):
        with pytest.raises(AnnouncementFailed):
            world.tabulate(export)
    assert world.bus.told == ["e2 after e1", "e3 after e2"]
    assert world.bus.mails == []

    world.bus.refuses_mails = False
    for export in (week[2], week[2]):
        world.tabulate(export)
    assert world.bus.told == ["e2 after e1", "e3 after e2"]
    assert len(world.bus.mails) == 1


@pytest.mark.parametrize("hours", [0, 2])
def test_of_a_first_burst_every_change_is_told_and_of_history_none(
    tmp_path: Path, hours: int
) -> None:
    """All have their places before the first of them tells, so there is no mark."""
    world = World(tmp_path)
    for day in (1, 2, 3):
        at = f"2026-03-01T{day * hours:02}:00:00.000Z"
        devices = "/".join(f"ada {number} SMS" for number in range(day))
        export = _export(day, devices, tmp_path, createdAt=at, requestedAt=at)
        world.tabulate(export, tell=False)
    for key in [key for key in world.bucket.objects if ",told/" in key]:
        del world.bucket.objects[key]

    world.tabulate(export)

    assert world.bus.told == (["e3 after e2"] if hours else ["e2 after e1", "e3 after e2"])


def test_an_older_export_is_told_on_demand_with_one_before_it_that_nobody_was_told_of(
    tmp_path: Path,
) -> None:
    world, at = World(tmp_path), "2026-03-01T00:00:00.000Z"
    exports = [
        _export(day, "/".join(f"ada {n} SMS" for n in range(day)), tmp_path,
                createdAt=at, requestedAt=at)
        for day in (1, 2, 3)
    ]  # fmt: skip
    for export in exports:
        world.tabulate(export, tell=False)
    for key in [key for key in world.bucket.objects if ",told/" in key]:
        del world.bucket.objects[key]

    world.tabulate(exports[1], tell=True)

    assert world.bus.told == ["e2 after e1"]


def _refuse(_detail_type: str) -> None:
    raise AnnouncementFailed


def test_a_second_try_tells_with_the_same_ids(week: list[DayExport], tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tabulate(week[0])

    def fail_at_the_last(detail_type: str) -> None:
        if detail_type == "PingOne Report Changes Detected":
            raise AnnouncementFailed

    world.bus.before = fail_at_the_last
    with pytest.raises(AnnouncementFailed):
        world.tabulate(week[1])
    world.bus.before = lambda _detail_type: None
    world.tabulate(week[1])

    first, second = world.bus.security
    assert first == second
    assert world.bus.told == ["e2 after e1"]


def test_ids_tell_every_event_apart(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tabulate(_export(1, "ada 1 FIDO2/ada 2 SMS/bob 3 FIDO2/bob 4 SMS", tmp_path))
    world.tabulate(_export(2, "ada 2 SMS/bob 4 SMS", tmp_path))
    world.tabulate(_export(3, "ada 1 FIDO2/ada 2 SMS/bob 3 FIDO2/bob 4 SMS", tmp_path))
    world.tabulate(_export(4, "ada 2 SMS/bob 4 SMS", tmp_path))
    ids = [event["id"] for event in world.bus.security]
    assert len(ids) == len(set(ids)) == 8


def test_the_rest_of_many_events_is_a_number(tmp_path: Path) -> None:
    world = World(tmp_path)
    before = "/".join(f"u{number} f{number} FIDO2/u{number} s{number} SMS" for number in range(9))
    after = "/".join(f"u{number} s{number} SMS" for number in range(9))
    world.tabulate(_export(1, before, tmp_path))
    world.tabulate(_export(2, after, tmp_path), most_events=4)

    [told] = world.bus.changes
    assert [event["event"] for event in world.bus.security] == ["no strong factor left"] * 4
    assert told["securityEventsNotSent"] == 14


@pytest.mark.parametrize("seed", range(8))
def test_of_exports_that_come_at_once_every_change_is_told(
    week: list[DayExport], tmp_path: Path, seed: int
) -> None:
    at_once, dice = Interleaving(seed), random.Random(seed)
    world = World(tmp_path, MemoryBucket(at_once.pause))
    world.tabulate(week[0])
    at_once.run([partial(world.tabulate, day) for day in dice.sample(week[1:], 4)])

    # A device may be told twice: with an export that did not see the one before it yet.
    assert {event["deviceId"] for event in world.bus.security} == {"1", "2", "3", "4"}


def test_in_every_order_each_day_is_told_or_older_than_what_was_told(tmp_path: Path) -> None:
    exports = [
        _export(day, "/".join(f"ada {n} SMS" for n in range(day)), tmp_path) for day in (1, 2, 3)
    ]
    for order in itertools.permutations(exports):
        world = World(tmp_path)
        newest = -1
        for export in order:
            world.tabulate(export)
            number = exports.index(export)
            last = world.bus.told[-1:] or [""]
            if number < newest:
                assert not last[0].startswith(f"e{number + 1} ")
            elif number > newest >= 0:
                assert last[0] == f"e{number + 1} after e{newest + 1}"
            newest = max(newest, number)


def test_a_first_export_and_one_without_ids_tell_nothing_and_say_why(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.tabulate(_export(1, "ada 1 SMS", tmp_path))
    alone = world.tabulate(DayExport(2, "userId\nada\n", tmp_path))
    assert world.bus.events == []
    assert "first export" in first.posture.not_compared
    assert alone.posture.not_compared == "none"


def test_the_documentation_names_every_event() -> None:
    page = (ROOT / "docs" / "use.md").read_text(encoding="utf-8")
    for event in Event:
        assert f"`{event}`" in page

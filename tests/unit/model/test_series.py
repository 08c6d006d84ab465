"""Each export is compared with the nearest one that can answer, or it is said why with none."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pingone_reports.model.freshness import FILE_KEPT_FOR, REFRESHED_EVERY
from pingone_reports.model.series import (
    FIRST,
    OLDER_DATA,
    PublishedExport,
    newest,
    with_export,
)
from tests.support.landed import published_export

_NOW = datetime(2026, 3, 31, 2, tzinfo=UTC)
_FOLDER = "pingone/report=devices/environment=abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"


def export(name: str, before: timedelta = timedelta(), **other: Any) -> PublishedExport:
    """One that was asked for so long before the one that is compared."""
    at = _NOW - before
    given: dict[str, Any] = {
        "manifest_key": f"{_FOLDER}/date={at:%Y-%m-%d}/{name}/manifest.json",
        "at": at.isoformat(),
        "content_sha256": {"csv": name, "json": f"{name} too"},
    }
    return published_export(**given | other)


_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)
_OWN = export("own")


def predecessor(*series: PublishedExport) -> str:
    """Its name, or why there is none."""
    found = _OWN.predecessor(series)
    assert (found.export is None) == bool(found.why_none)
    return found.export.keys.execution if found.export else found.why_none


@pytest.mark.parametrize(
    "other",
    [
        export("another bucket", _DAY, bucket="other"),
        replace(
            export("another prefix", _DAY),
            manifest_key=f"other/{export('x', _DAY).manifest_key}",
        ),
        export("another filter", _DAY, filter="x"),
        export("old data", _DAY, stale=True),
        export("later", -_SECOND),
        export("own"),
    ],
    ids=lambda each: each.keys.execution,
)
def test_nothing_of_another_series_is_before_an_export(other: PublishedExport) -> None:
    assert predecessor(other) == FIRST
    assert predecessor(other, export("earlier", 2 * _DAY)) == "earlier"


def test_of_two_that_were_asked_for_at_once_the_name_decides() -> None:
    assert predecessor(export("nearby")) == "nearby"
    assert predecessor(export("pear")) == FIRST


def test_the_nearest_is_compared_unless_an_earlier_one_can_show_more() -> None:
    whole, less = export("whole", 3 * _DAY), export("less", _DAY, columns=("userId", "deviceId"))
    assert predecessor(export("farther", 4 * _DAY), whole) == "whole"
    assert predecessor(whole, less) == "whole"
    # Without the ids of devices, nothing can be compared, whatever else there is.
    ids = export("ids", 4 * _DAY, columns=("deviceId",))
    assert predecessor(ids, export("no ids", _DAY, columns=("userId", "deviceType"))) == "ids"


@pytest.mark.parametrize(("more", "chosen"), [(timedelta(), "whole"), (_SECOND, "less")])
def test_a_month_is_as_far_as_it_is_worth_to_look_back(more: timedelta, chosen: str) -> None:
    less = export("less", _DAY, columns=("userId", "deviceId"))
    assert predecessor(export("whole", 32 * _DAY + more), less) == chosen


def test_a_token_shows_nothing_beside_a_token_of_another_key_or_a_value() -> None:
    for tokens in ({}, {"deviceid": "two"}):
        other = export("other", _DAY, tokens=tokens)
        own = export("own", tokens={"deviceid": "one"})
        assert own.comparable(other) == {"userid", "devicetype"}
        assert own.comparable(own) == {"userid", "deviceid", "devicetype"}


def test_json_alone_names_no_columns_and_may_have_all() -> None:
    assert _OWN.comparable(export("json", columns=())) == {"userid", "deviceid", "devicetype"}
    asked = export("asked", columns=(), fields=("Device ID",))
    assert _OWN.comparable(asked) == {"deviceid"}
    # When a device was used is no change.
    used = export("used", columns=("lastDeviceTrxTime",))
    assert used.comparable(used) == frozenset()


_KEPT = FILE_KEPT_FOR + REFRESHED_EVERY


@pytest.mark.parametrize(
    ("ago", "found"), [(_KEPT, OLDER_DATA), (_KEPT + _SECOND, "between")], ids=["kept", "too long"]
)
def test_a_file_of_before_the_export_before_is_no_news_while_pingone_keeps_it(
    ago: timedelta, found: str
) -> None:
    same = export("same", ago, content_sha256=_OWN.content_sha256)
    assert predecessor(same, export("between", _SECOND)) == found
    assert predecessor(same) == "same"


@pytest.mark.parametrize(
    ("content", "unchanged"),
    [
        ({"csv": "own", "json": "own too"}, True),
        ({"json": "own too"}, True),
        ({"csv": "own", "json": "x"}, False),
        ({}, False),
    ],
)
def test_an_export_is_unchanged_if_each_format_that_both_have_is(
    content: dict[str, str], unchanged: bool
) -> None:
    before = export("before", _DAY, content_sha256=content)
    assert _OWN.predecessor([before]).unchanged == unchanged


def test_the_newest_is_of_new_data_and_of_the_filter_that_is_asked_for() -> None:
    own, filtered = export("own", _DAY), export("filtered", filter="x")
    stale = export("stale", stale=True)
    old, elsewhere = export("old", 2 * _DAY), export("elsewhere", bucket="other")
    series = [old, filtered, stale, elsewhere]
    assert newest(series, own, any_filter=True) == filtered
    assert newest(series, own, any_filter=False) == own
    assert newest([old], stale, any_filter=True) == old
    assert newest([], stale, any_filter=True) == stale


def kept(series: Sequence[PublishedExport], added: PublishedExport) -> list[str]:
    return [each.keys.execution for each in with_export(series, added)]


def test_a_series_is_in_order_bounded_and_has_one_of_each_form() -> None:
    nights = [export(f"n{number:02}", number * _DAY) for number in range(1, 60)]
    odd = export("odd", 90 * _DAY, filter="x")
    assert kept([odd, *nights], _OWN) == [
        "odd", *(f"n{number:02}" for number in range(23, 0, -1)), "own"
    ]  # fmt: skip
    assert kept([_OWN, nights[0]], replace(_OWN, records=4)) == ["n01", "own"]
    forms = [export(f"f{number:02}", number * _DAY, filter=str(number)) for number in range(1, 60)]
    assert kept(forms, _OWN) == [*(f"f{number:02}" for number in range(47, 0, -1)), "own"]


def test_an_export_of_an_older_version_is_read() -> None:
    manifest: dict[str, Any] = {
        "bucket": "reports",
        "createdAt": "2026-03-31T02:00:00Z",
        "filter": "",
        "fields": ["userId"],
        "files": [{"format": "csv", "contentSha256": "a", "records": 2}],
    }
    old = PublishedExport.of(manifest, _OWN.manifest_key)
    assert (old.at, old.columns, old.tokens, old.stale) == (manifest["createdAt"], (), {}, False)
    later = {"requestedAt": "2026-03-31T02:00:01Z", "previous": {"reason": OLDER_DATA}}
    later |= {"pseudonymized": {"fields": ["User ID"], "keyId": "one"}}
    new = PublishedExport.of(manifest | later, _OWN.manifest_key)
    assert (new.at, new.tokens, new.stale) == (old.at, {"userid": "one"}, True)
    assert PublishedExport.from_document(new.to_document()) == new
    asked = PublishedExport.of(manifest | {"requestedAt": "2026-03-31T01:59:59Z"}, "")
    assert asked.at == "2026-03-31T01:59:59Z"

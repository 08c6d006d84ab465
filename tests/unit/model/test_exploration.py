"""PingOne's answer is read by its documented names, and what it hides stays hidden."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from pingone_reports.errors import InvalidResponse, ReportFailed, ReportWithdrawn
from pingone_reports.model.exploration import Delivery, Exploration
from pingone_reports.model.report_file import Format
from pingone_reports.model.status import Status
from tests.support.asking import told
from tests.support.documents import polling_answer

TIMES = ("createdAt", "updatedAt", "expiresAt")
SECRETS = ("csvPresignedUrl", "jsonPresignedUrl", "zipPassword")


def answer(**changes: Any) -> dict[str, Any]:
    """The documentation's sample, changed."""
    return polling_answer() | changes


def refusal(error: type[Exception], **changes: Any) -> str:
    """All that is told of an answer that is not taken."""
    with pytest.raises(error) as refused:
        Delivery.parse(answer(**changes), list(Format))
    return told(refused.value)


def test_the_sample_of_the_documentation_is_read() -> None:
    delivery = Delivery.parse(answer(), list(Format))
    assert delivery.exploration == Exploration(
        id="0fe52654-ff7a-4c90-8d80-1af1a745c097",
        status=Status.SUCCESS,
        created_at=datetime(2023, 10, 16, 11, 51, 26, tzinfo=UTC),
        updated_at=datetime(2023, 10, 16, 11, 51, 31, 600_000, tzinfo=UTC),
        expires_at=datetime(2023, 10, 16, 12, 21, 26, tzinfo=UTC),
    )
    assert delivery.zip_password == "pezeekamil"
    assert delivery.links == {
        Format.CSV: answer()["csvPresignedUrl"],
        Format.JSON: answer()["jsonPresignedUrl"],
    }


def test_a_report_in_progress_needs_no_links_and_is_no_delivery_any_more() -> None:
    without = answer(status="IN_PROGRESS", **dict.fromkeys(SECRETS))
    assert Exploration.parse(without).status is Status.IN_PROGRESS
    with pytest.raises(ReportWithdrawn):
        Delivery.parse(answer(status="IN_PROGRESS"), list(Format))


def test_only_the_wanted_links_must_be_there() -> None:
    delivery = Delivery.parse(answer(jsonPresignedUrl=None), [Format.CSV])
    assert set(delivery.links) == {Format.CSV}


def test_an_exploration_holds_no_secret_and_a_delivery_shows_none() -> None:
    delivery = Delivery.parse(answer(), list(Format))
    for shown in (str(asdict(delivery.exploration)), repr(delivery), f"{delivery}"):
        assert not any(answer()[name] in shown for name in SECRETS)


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "success", "PENDING", "F" * 40])
def test_any_other_status_is_a_failure_that_names_it(status: str) -> None:
    assert f"'{status}'" in refusal(ReportFailed, status=status)


@pytest.mark.parametrize("status", ["eyJhbGciOiJSUzI1NiJ9.canary", "canary" + "F" * 35])
def test_a_status_that_may_be_a_secret_is_not_repeated(status: str) -> None:
    assert "canary" not in refusal(ReportFailed, status=status)


@pytest.mark.parametrize("id_", ["0fe52654-ff7a-4c90-8d80-1af1a745c097", "a", "A.b_c-9X" * 16])
def test_an_id_is_any_word(id_: str) -> None:
    assert Exploration.parse(answer(id=id_)).id == id_


@pytest.mark.parametrize(
    "id_", ["a" * 129, "..", ".", "../users", "a/b", "a?b", "a#b", "a%2fb", "a\n"]
)
def test_an_id_that_would_not_fit_the_state_or_a_path_is_refused(id_: str) -> None:
    assert "'id'" in refusal(InvalidResponse, id=id_)


@pytest.mark.parametrize("name", ["id", "status", *TIMES, *SECRETS])
@pytest.mark.parametrize("value", [None, "", 7, ["https://canary.test"], {}, True, "canary\ud800"])
def test_a_value_that_is_no_text_is_named_and_no_value_is_shown(name: str, value: object) -> None:
    told_ = refusal(InvalidResponse, **{name: value})
    assert f"'{name}'" in told_
    assert not any(secret in told_ for secret in ("canary", *(answer()[each] for each in SECRETS)))


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "2023-10-16",
        "2023-10-16T11:51:26",
        "0001-01-01T00:00:00+23:59",
        "1999-12-31T23:59:59Z",
        "2000-01-01T00:00:00+00:01",
        "3000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_time_without_zone_or_that_nothing_can_be_computed_from_is_named(
    name: str, value: str
) -> None:
    assert f"zone in '{name}'" in refusal(InvalidResponse, **{name: value})

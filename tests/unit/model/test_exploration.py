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

NAMES = ("id", "status", "createdAt", "updatedAt", "expiresAt")
SECRET_NAMES = ("csvPresignedUrl", "jsonPresignedUrl", "zipPassword")


def answer(**changes: Any) -> dict[str, Any]:
    """The documentation's sample, changed."""
    return polling_answer() | changes


class TestExploration:
    def test_the_sample_of_the_documentation_is_read(self) -> None:
        assert Exploration.parse(answer()) == Exploration(
            id="0fe52654-ff7a-4c90-8d80-1af1a745c097",
            status=Status.SUCCESS,
            created_at=datetime(2023, 10, 16, 11, 51, 26, tzinfo=UTC),
            updated_at=datetime(2023, 10, 16, 11, 51, 31, 600_000, tzinfo=UTC),
            expires_at=datetime(2023, 10, 16, 12, 21, 26, tzinfo=UTC),
        )

    def test_an_exploration_in_progress_needs_no_links(self) -> None:
        body = answer(status="IN_PROGRESS")
        for name in SECRET_NAMES:
            del body[name]
        assert Exploration.parse(body).status is Status.IN_PROGRESS

    def test_an_exploration_keeps_nothing_secret(self) -> None:
        kept = str(asdict(Exploration.parse(answer())))
        assert not any(answer()[name] in kept for name in SECRET_NAMES)

    @pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "success", "PENDING"])
    def test_any_other_status_is_a_failure_that_names_it(self, status: str) -> None:
        with pytest.raises(ReportFailed, match=f"'{status}'"):
            Exploration.parse(answer(status=status))

    def test_a_long_status_is_cut(self) -> None:
        with pytest.raises(ReportFailed) as failure:
            Exploration.parse(answer(status="F" * 10_000))
        assert len(str(failure.value)) < 300

    @pytest.mark.parametrize("status", ["eyJhbGciOiJSUzI1NiJ9.canary", "canary" * 9, "\ud800"])
    def test_a_status_that_may_be_a_secret_is_not_repeated(self, status: str) -> None:
        with pytest.raises((ReportFailed, InvalidResponse)) as failure:
            Exploration.parse(answer(status=status))
        assert "canary" not in told(failure.value)

    @pytest.mark.parametrize("id_", ["0fe52654-ff7a-4c90-8d80-1af1a745c097", "a", "A.b_c-9" * 18])
    def test_an_id_is_any_word(self, id_: str) -> None:
        assert Exploration.parse(answer(id=id_)).id == id_

    @pytest.mark.parametrize(
        "id_",
        ["a" * 129, "..", ".", "../users", "a/b", "a?b", "a#b", "a%2fb", "a\n"],
    )
    def test_an_id_that_would_not_fit_the_state_or_a_path_is_refused(self, id_: str) -> None:
        with pytest.raises(InvalidResponse, match="'id'") as refusal:
            Exploration.parse(answer(id=id_))
        assert len(str(refusal.value)) < 300

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("value", [None, "", 7, ["SUCCESS"], {}, True])
    def test_a_value_that_is_no_text_is_named(self, name: str, value: object) -> None:
        with pytest.raises(InvalidResponse, match=f"'{name}'"):
            Exploration.parse(answer(**{name: value}))

    @pytest.mark.parametrize("name", NAMES)
    def test_a_value_that_is_missing_is_named(self, name: str) -> None:
        body = answer()
        del body[name]
        with pytest.raises(InvalidResponse, match=f"'{name}'"):
            Exploration.parse(body)

    @pytest.mark.parametrize("name", ["createdAt", "updatedAt", "expiresAt"])
    @pytest.mark.parametrize("value", ["soon", "2023-10-16", "2023-10-16T11:51:26"])
    def test_a_time_without_its_zone_is_named(self, name: str, value: str) -> None:
        with pytest.raises(InvalidResponse, match=f"zone in '{name}'"):
            Exploration.parse(answer(**{name: value}))

    @pytest.mark.parametrize("name", ["createdAt", "updatedAt", "expiresAt"])
    @pytest.mark.parametrize(
        "value",
        [
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "1999-12-31T23:59:59Z",
            "2000-01-01T00:00:00+00:01",
            "3000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:59",
        ],
    )
    def test_a_time_that_nothing_can_be_computed_from_is_named(self, name: str, value: str) -> None:
        with pytest.raises(InvalidResponse, match=f"zone in '{name}', of the years"):
            Exploration.parse(answer(**{name: value}))


class TestDelivery:
    def test_the_sample_of_the_documentation_is_read(self) -> None:
        delivery = Delivery.parse(answer(), list(Format))
        assert delivery.zip_password == "pezeekamil"
        assert delivery.links == {
            Format.CSV: answer()["csvPresignedUrl"],
            Format.JSON: answer()["jsonPresignedUrl"],
        }

    def test_only_the_wanted_links_must_be_there(self) -> None:
        delivery = Delivery.parse(answer(jsonPresignedUrl=None), [Format.CSV])
        assert set(delivery.links) == {Format.CSV}

    def test_a_delivery_does_not_show_what_it_holds(self) -> None:
        delivery = Delivery.parse(answer(), list(Format))
        for shown in (repr(delivery), str(delivery), f"{delivery}"):
            assert not any(answer()[name] in shown for name in SECRET_NAMES)

    @pytest.mark.parametrize("name", SECRET_NAMES)
    @pytest.mark.parametrize("value", [None, "", 7, ["https://secret.test"]])
    def test_a_secret_that_is_no_text_is_named_and_not_shown(
        self, name: str, value: object
    ) -> None:
        with pytest.raises(InvalidResponse, match=f"'{name}'") as fault:
            Delivery.parse(answer(**{name: value}), list(Format))
        assert "secret.test" not in told(fault.value)
        assert not any(answer()[other] in told(fault.value) for other in SECRET_NAMES)

    @pytest.mark.parametrize("name", ["csvPresignedUrl", "jsonPresignedUrl"])
    def test_half_a_character_is_no_text(self, name: str) -> None:
        for secret in (name, "zipPassword"):
            body = answer(**{secret: answer()[secret] + "\ud800"})
            with pytest.raises(InvalidResponse, match=f"'{secret}'"):
                Delivery.parse(body, list(Format))

    def test_a_report_that_is_in_progress_again_was_withdrawn(self) -> None:
        with pytest.raises(ReportWithdrawn):
            Delivery.parse(answer(status="IN_PROGRESS"), list(Format))

    def test_a_report_that_failed_after_all_is_no_delivery(self) -> None:
        with pytest.raises(ReportFailed, match="'FAILED'"):
            Delivery.parse(answer(status="FAILED"), list(Format))

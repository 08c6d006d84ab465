"""What the gate keeps back, and in which words; anything else passes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from pingone_reports.model.previous import Previous

from pingone_reports.model.quality import doubts
from pingone_reports.model.report_file import Format, ReportFile
from tests.support.asking import REQUEST

FIELDS = ("userId", "phone", "deviceId")


def found(
    records: int = 1000,
    json_records: int | None = None,
    columns: Sequence[str] = FIELDS,
    before: tuple[int, Sequence[str]] | None = None,
    fields: tuple[str, ...] = FIELDS,
    filter_: str = "",
    max_drop_percent: int = 50,
) -> list[str]:
    """The doubts about a report, whose previous export had these records and columns."""
    csv = ReportFile(
        format=Format.CSV,
        key="",
        bytes=0,
        sha256="",
        content_bytes=0,
        content_sha256="",
        records=records,
        columns=tuple(columns),
    )
    json = replace(
        csv,
        format=Format.JSON,
        records=records if json_records is None else json_records,
        columns=(),
    )
    previous = before and Previous(records=before[0], content_sha256={}, columns=before[1])
    request = replace(REQUEST, fields=fields, filter=filter_)
    return doubts(request, [csv, json], previous or None, max_drop_percent)


class TestRecords:
    @pytest.mark.parametrize("records", [1, 500, 1000, 5000])
    def test_a_first_export_may_have_any_number_of_records(self, records: int) -> None:
        assert found(records) == []

    @pytest.mark.parametrize(
        ("before", "records", "percent", "passes"),
        [
            (1000, 500, 50, True),
            (1000, 499, 50, False),
            (1000, 0, 50, False),
            (1000, 9000, 50, True),
            (1000, 989, 0, False),
            (1000, 990, 0, True),  # a small drop
            (1000, 0, 100, True),
            (10, 0, 50, True),
            (11, 0, 50, False),
            (0, 0, 50, True),
        ],
    )
    def test_a_drop_of_records_has_a_limit(
        self, before: int, records: int, percent: int, passes: bool
    ) -> None:
        doubtful = found(
            records, before=(before, FIELDS), max_drop_percent=percent, filter_="(some)"
        )
        assert (doubtful == []) == passes

    def test_a_drop_of_records_is_told_in_numbers(self) -> None:
        [doubt] = found(400, before=(1000, FIELDS))
        assert "400" in doubt
        assert "1000" in doubt
        assert "60 %" in doubt
        assert "50 %" in doubt

    def test_only_a_filter_may_find_nothing(self) -> None:
        assert found(0) == ["there are no records"]
        assert found(0, before=(1000, FIELDS), max_drop_percent=100) == ["there are no records"]
        assert found(0, filter_="(some)") == []

    def test_files_with_different_numbers_of_records_disagree(self) -> None:
        assert found(1000, 999) == ["the files disagree: 1000 records in csv, 999 records in json"]

    def test_every_doubt_is_told(self) -> None:
        assert len(found(0, 1, columns=["userId"])) == 3


class TestColumns:
    @pytest.mark.parametrize(
        "columns",
        [
            FIELDS,
            ("User ID", "PHONE", "device_id"),  # another spelling
            ("deviceId", "phone", "userId"),  # another order
            ("User ID", "Phone number", "Device ID"),  # another name for one
            ("Benutzer", "Telefon", "Gerät", "Umgebung"),  # other names for all
            (),  # no header that could be read, or no CSV
        ],
    )
    def test_a_first_export_may_spell_its_columns_as_it_likes(self, columns: Sequence[str]) -> None:
        assert found(columns=columns) == []

    @pytest.mark.parametrize(
        ("columns", "told"),
        [
            (("userId", "deviceId"), ["columns are missing: phone"]),
            ((*FIELDS, "email"), ["columns are not expected: email"]),
            (
                ("userId", "device_id", "email", "name"),
                ["columns are missing: phone", "columns are not expected: email, name"],
            ),
        ],
    )
    def test_a_first_export_may_have_no_column_more_and_none_fewer(
        self, columns: Sequence[str], told: list[str]
    ) -> None:
        assert found(columns=columns) == told

    def test_the_columns_of_the_previous_export_are_expected(self) -> None:
        accepted = ("User ID", "Phone number", "Device ID", "Environment")
        before = (1000, accepted)
        assert found(columns=accepted, before=before) == []
        assert found(columns=accepted[:3], before=before) == ["columns are missing: Environment"]
        assert found(columns=FIELDS, before=before) == [
            "columns are missing: Phone number, Environment",
            "columns are not expected: phone",
        ]

    def test_a_report_of_all_fields_may_get_a_column_but_lose_none(self) -> None:
        before = (1000, FIELDS)
        assert found(fields=(), columns=FIELDS) == []
        assert found(fields=(), columns=(*FIELDS, "new"), before=before) == []
        assert found(fields=(), columns=FIELDS[1:], before=before) == [
            "columns are missing: userId"
        ]

    def test_a_previous_export_without_csv_tells_nothing(self) -> None:
        assert found(before=(1000, ())) == []
        assert found(columns=("userId", "deviceId"), before=(1000, ())) == [
            "columns are missing: phone"
        ]

    def test_some_of_many_and_long_names_are_told(self) -> None:
        [doubt] = found(columns=(*FIELDS, *(f"{n}" * 1000 for n in range(9))))
        assert doubt.endswith("and 4 more")
        assert len(doubt) < 400

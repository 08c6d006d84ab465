"""What the gate keeps back, and in which words; anything else passes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pingone_reports.model.quality import violations
from pingone_reports.model.report_file import Format, ReportFile
from pingone_reports.model.series import PublishedExport
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
    in_json: Sequence[str] | None = None,
    is_table: bool = True,
) -> list[str]:
    """The violations about a report, whose previous export had these records and columns."""
    csv = ReportFile(
        format=Format.CSV,
        key="",
        bytes=0,
        sha256="",
        content_bytes=0,
        content_sha256="",
        records=records,
        columns=tuple(columns),
        is_table=is_table,
    )
    json = replace(
        csv,
        format=Format.JSON,
        is_table=True,
        records=records if json_records is None else json_records,
        columns=tuple(columns if in_json is None else in_json),
    )
    previous = before and PublishedExport(
        bucket="",
        manifest_key="",
        at="",
        filter="",
        fields=fields,
        columns=before[1],
        tokens={},
        records=before[0],
        content_sha256={},
    )
    request = replace(REQUEST, fields=fields, filter=filter_)
    return violations(request, [csv, json], previous or None, max_drop_percent)


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
        assert found(columns=("User ID", "Mobile", "Device ID"), before=before) == [
            "columns are missing: Phone number, Environment",
            "columns are not expected: Mobile",
        ]

    def test_a_report_of_all_fields_may_get_a_column_but_lose_none(self) -> None:
        before = (1000, FIELDS)
        assert found(fields=(), columns=FIELDS) == []
        assert found(fields=(), columns=(*FIELDS, "new"), before=before) == []
        assert found(fields=(), columns=FIELDS[1:], before=before) == [
            "columns are missing: userId"
        ]

    @pytest.mark.parametrize("fields", [FIELDS, ()])
    @pytest.mark.parametrize(
        "columns",
        [
            ("<html>",),
            ("userId;phone;deviceId",),
            ("\ufffd\ufffdu\0s\0e\0r\0I\0d\0", "\0p\0h\0o\0n\0e\0"),  # UTF-16
            ("code", "message"),
            ("Benutzer", "Telefon", "Gerät"),
            (),  # no header that could be read
        ],
    )
    def test_a_file_without_any_field_is_doubtful_until_somebody_lets_it_pass(
        self, columns: Sequence[str], fields: tuple[str, ...]
    ) -> None:
        of = "were asked for" if fields else "are known"
        told = [f"the {each} file has none of the fields that {of}" for each in ("csv", "json")]
        assert found(columns=columns, fields=fields) == told
        assert found(columns=FIELDS, in_json=columns, fields=fields) == told[1:]
        if columns:
            assert found(columns=columns, fields=fields, before=(1000, columns)) == []

    @pytest.mark.parametrize("fields", [FIELDS, ()])
    @pytest.mark.parametrize("garbage", [("<html>",), ("code",)])
    def test_a_repaired_report_is_no_drop_from_garbage_that_was_let_pass(
        self, garbage: Sequence[str], fields: tuple[str, ...]
    ) -> None:
        assert found(1000, before=(90_000, garbage), fields=fields) == []
        assert found(1000, columns=garbage, before=(90_000, garbage), fields=fields) != []

    def test_what_was_asked_for_is_right_whatever_was_let_pass_before(self) -> None:
        assert found(before=(1000, ("userId", "deviceId"))) == []
        assert found(before=(1000, (*FIELDS, "email"))) == []
        assert found(before=(1000, ("User ID", "Phone number", "Device ID"))) == []

    def test_as_many_columns_as_fields_may_not_have_mostly_other_names(self) -> None:
        assert found(columns=("User ID", "Telefon", "Gerät")) == [
            "columns are missing: phone, deviceId",
            "columns are not expected: Telefon, Gerät",
        ]

    def test_json_may_leave_out_fields_but_not_all(self) -> None:
        assert found(in_json=["deviceId"]) == []
        assert found(in_json=["deviceId", "new"]) == []
        assert found(in_json=["new"]) != []
        assert found(0, in_json=[], filter_="(some)") == []

    def test_a_text_that_is_no_table_is_doubtful_whatever_its_names(self) -> None:
        assert found(is_table=False) == ["the csv file is not a table"]

    def test_a_previous_export_without_csv_tells_nothing(self) -> None:
        assert found(before=(1000, ())) == []
        assert found(columns=("userId", "deviceId"), before=(1000, ())) == [
            "columns are missing: phone"
        ]

    def test_some_of_many_and_long_names_are_told(self) -> None:
        [doubt] = found(columns=(*FIELDS, *(f"{n}" * 1000 for n in range(9))))
        assert doubt.endswith("and 4 more")
        assert len(doubt) < 400

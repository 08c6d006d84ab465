"""What the gate keeps back, and in which words; anything else passes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pingone_reports.model.quality import violations
from pingone_reports.model.report_file import Format
from tests.support.asking import REQUEST
from tests.support.landed import landed_file, published_export

FIELDS = ("userId", "phone", "deviceId")
OTHER_NAMES = ("User ID", "Phone number", "Device ID")


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
    csv = landed_file(Format.CSV, records=records, columns=tuple(columns), is_table=is_table)
    json = landed_file(
        Format.JSON,
        records=records if json_records is None else json_records,
        columns=tuple(columns if in_json is None else in_json),
    )
    previous = before and published_export(fields=fields, records=before[0], columns=before[1])
    request = replace(REQUEST, fields=fields, filter=filter_)
    return violations(request, [csv, json], previous or None, max_drop_percent)


class TestRecords:
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
        doubts = found(records, before=(before, FIELDS), max_drop_percent=percent, filter_="(some)")
        assert (doubts == []) == passes

    def test_a_drop_of_records_is_told_in_numbers(self) -> None:
        [doubt] = found(400, before=(1000, FIELDS))
        assert all(number in doubt for number in ("400", "1000", "60 %", "50 %"))

    def test_only_a_filter_may_find_nothing(self) -> None:
        assert found(0) == ["there are no records"]
        assert found(0, before=(1000, FIELDS), max_drop_percent=100) == ["there are no records"]
        assert found(0, filter_="(some)") == found(0, in_json=[], filter_="(some)") == []

    def test_files_with_different_numbers_of_records_disagree(self) -> None:
        assert found(1000, 999) == ["the files disagree: 1000 records in csv, 999 records in json"]

    def test_every_doubt_is_told(self) -> None:
        assert len(found(0, 1, columns=["userId"])) == 3


class TestColumns:
    @pytest.mark.parametrize("before", [None, ("userId", "deviceId"), (*FIELDS, "email"), ()])
    @pytest.mark.parametrize("columns", [FIELDS, FIELDS[::-1], ("User ID", "PHONE", "device_id")])
    def test_what_was_asked_for_is_right_however_it_is_spelled_and_whatever_passed_before(
        self, columns: Sequence[str], before: Sequence[str] | None
    ) -> None:
        assert found(columns=columns, before=None if before is None else (1000, before)) == []

    @pytest.mark.parametrize("before", [None, (1000, ())])
    @pytest.mark.parametrize(
        ("columns", "missing", "not_expected"),
        [
            (OTHER_NAMES, "", ""),
            (("userId", "deviceId"), "phone", ""),
            ((*FIELDS, "email"), "", "email"),
            (("userId", "device_id", "email", "name"), "phone", "email, name"),
            (("User ID", "Telefon", "Gerät"), "phone, deviceId", "Telefon, Gerät"),
        ],
    )
    def test_a_first_export_has_all_columns_of_which_half_may_have_other_names(
        self,
        columns: Sequence[str],
        missing: str,
        not_expected: str,
        before: tuple[int, Sequence[str]] | None,
    ) -> None:
        told = [f"columns are missing: {missing}"] * bool(missing)
        told += [f"columns are not expected: {not_expected}"] * bool(not_expected)
        assert found(columns=columns, before=before) == told

    def test_the_columns_of_the_previous_export_are_expected(self) -> None:
        accepted = (*OTHER_NAMES, "Environment")
        before = (1000, accepted)
        assert found(columns=accepted, before=before) == []
        assert found(columns=OTHER_NAMES, before=before) == ["columns are missing: Environment"]
        assert found(columns=("User ID", "Mobile", "Device ID"), before=before) == [
            "columns are missing: Phone number, Environment",
            "columns are not expected: Mobile",
        ]

    def test_a_report_of_all_fields_may_get_a_column_but_lose_none(self) -> None:
        before, missing = (1000, FIELDS), ["columns are missing: userId"]
        assert found(fields=(), columns=FIELDS) == []
        assert found(fields=(), columns=(*FIELDS, "new"), before=before) == []
        assert found(fields=(), columns=FIELDS[1:], before=before) == missing

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
        # Nor is what is repaired a drop from what was let pass.
        passed = (90_000, columns)
        assert found(columns=FIELDS, before=passed, fields=fields) == [] or not columns
        assert not columns or found(90_000, columns=columns, before=passed, fields=fields) == []
        assert found(1000, columns=columns, before=passed, fields=fields) != []

    def test_json_may_leave_out_fields_but_not_all(self) -> None:
        assert found(in_json=["deviceId"]) == found(in_json=["deviceId", "new"]) == []
        assert found(in_json=["new"]) != []

    def test_a_text_that_is_no_table_is_doubtful_whatever_its_names(self) -> None:
        assert found(is_table=False) == ["the csv file is not a table"]

    def test_some_of_many_and_long_names_are_told(self) -> None:
        [doubt] = found(columns=(*FIELDS, *(f"{n}" * 1000 for n in range(9))))
        assert doubt.endswith("and 4 more")
        assert len(doubt) < 400

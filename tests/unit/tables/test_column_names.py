"""A table has a name of its own for each column, and PingOne's name for a field of PingOne."""

from collections.abc import Sequence

import pytest

from pingone_reports.tables.column_names import table_names


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (["Device ID", "user_id", "PHONE"], ["deviceid", "userid", "phone"]),
        # Of two spellings, PingOne's own is the field.
        (["Device ID", "DEVICEID"], ["device id", "deviceid"]),
        (["Device ID", "device_id"], ["deviceid", "deviceid_1"]),
        (["a", "A", "a_1", "a"], ["a", "a_1", "a_1_1", "a_2"]),
        (["Date", " x ", "", "u\0"], ["date_1", "x", "column_3", "u\ufffd"]),
    ],
)
def test_each_column_has_a_name_of_its_own(names: Sequence[str], called: Sequence[str]) -> None:
    assert table_names(names, ["DATE"]) == called

"""The bound of a load is what PingOne's limits alone make it take."""

import pytest

from local.virtual_load import earliest_last_call


@pytest.mark.parametrize(
    ("calls", "bound"),
    [
        ([], 0),
        ([1], 0),
        ([150], 745),
        ([15] * 100, 130),
        ([3] * 1000, 240),
        ([1] * 600, 0),
        ([1] * 601, 60),
        ([40] + [1] * 700, 195),
    ],
)
def test_the_bounds_of_known_loads(calls: list[int], bound: float) -> None:
    assert earliest_last_call(calls) == bound

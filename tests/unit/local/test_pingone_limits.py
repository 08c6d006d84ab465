"""The bound of a load is what the best of all schedules takes."""

import pytest

from local.pingone_limits import earliest_last_call


@pytest.mark.parametrize(
    ("calls", "bound"),
    [
        ([], 0),
        ([1], 0),
        ([150], 149 * 5),
        # All environments call at once, every five seconds, but for a licence's 600 in a minute.
        ([3] * 40, 2 * 5),
        ([1] * 600, 0),
        ([1] * 601, 60),
        ([15] * 100, 130),
        ([3] * 1000, 240),
    ],
)
def test_the_bound_is_the_shortest_schedule_within_the_limits(
    calls: list[int], bound: float
) -> None:
    assert earliest_last_call(calls) == bound

"""Of too many events, the gravest are listed first, and some of each kind."""

from collections.abc import Mapping, Sequence

import pytest

from pingone_reports.model.security_events import Event, fair

_GRAVE, _LESS, _LEAST = Event.ALL_FACTORS_REPLACED, Event.DEVICE_BLOCKED, Event.FACTOR_ADDED


@pytest.mark.parametrize(
    ("ranked", "listed"),
    [
        ({}, []),
        ({_GRAVE: []}, []),
        ({_LESS: [3], _GRAVE: [1, 2]}, [1, 2, 3]),
        ({_GRAVE: [1, 2, 3], _LESS: [4, 5, 6]}, [1, 2, 4, 5]),
        # What one kind leaves free is the gravest's.
        ({_GRAVE: [1, 2, 3, 4, 5], _LESS: [6]}, [1, 2, 3, 6]),
        ({_GRAVE: [1], _LESS: [2, 3, 4, 5, 6]}, [1, 2, 3, 4]),
        ({_GRAVE: [1], _LESS: [2, 3, 4], _LEAST: [5, 6, 7]}, [1, 2, 3, 5]),
    ],
)
def test_at_most_four_are_listed(ranked: Mapping[Event, Sequence[int]], listed: list[int]) -> None:
    assert fair(ranked, 4) == listed

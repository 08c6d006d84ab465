"""The bound of a load is what the best of all schedules takes."""

from itertools import combinations, combinations_with_replacement, pairwise, product

import pytest

from local.pingone_limits import earliest_last_call

# What an environment still has to call, and the seconds since its last call.
Environments = tuple[tuple[int, int], ...]


def tried_out(calls: tuple[int, ...], between: int, per_minute: int, minute: int) -> int:
    """The last call of the shortest of all schedules in whole seconds."""
    states: set[tuple[Environments, tuple[int, ...]]] = {
        (tuple((number, between) for number in calls), ())
    }
    second = 0
    while True:
        following = set()
        for environments, ages in states:
            recent = tuple(age for age in ages if age < minute)
            ready = [i for i, (left, age) in enumerate(environments) if left and age >= between]
            for number in range(min(per_minute - len(recent), len(ready)) + 1):
                for chosen in combinations(ready, number):
                    after = [
                        (left - 1, 1) if i in chosen else (left, min(age + 1, between))
                        for i, (left, age) in enumerate(environments)
                    ]
                    if not any(left for left, _ in after):
                        return second
                    made = (*(age + 1 for age in recent), *[1] * number)
                    following.add((tuple(sorted(after)), made))
        states = following
        second += 1


LOADS = [
    calls
    for size in (1, 2, 3)
    for calls in combinations_with_replacement(range(1, 5), size)
    if sum(calls) <= 6
]


@pytest.mark.parametrize("calls", LOADS)
def test_the_bound_is_the_shortest_schedule(calls: tuple[int, ...]) -> None:
    for between, steps, per_minute in product((1, 2), (1, 2, 3), (1, 2, 3)):
        rules = (between, per_minute, between * steps)
        assert earliest_last_call(calls, *rules) == tried_out(calls, *rules), rules


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
    ],
)
def test_the_bounds_of_known_loads(calls: list[int], bound: float) -> None:
    assert earliest_last_call(calls) == bound


def test_more_calls_never_take_less() -> None:
    bounds = [earliest_last_call([3] * environments) for environments in range(0, 2000, 50)]
    assert all(fewer <= more for fewer, more in pairwise(bounds))

"""The least time that PingOne's limits leave for the calls of many environments of one licence."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

SECONDS_BETWEEN_CALLS = 5
CALLS_PER_MINUTE = 600
_MINUTE = 60


def earliest_last_call(
    calls: Sequence[int],
    seconds_between: int = SECONDS_BETWEEN_CALLS,
    per_minute: int = CALLS_PER_MINUTE,
    minute: int = _MINUTE,
) -> int:
    """The least seconds from the first call to the last, of so many `calls` for each environment.

    Calls of one environment are `seconds_between` apart, and no minute has more than `per_minute`,
    wherever it begins. A minute is a multiple of `seconds_between`. Then all calls can be made at
    multiples of that: to move each one back to such a step breaks no rule.
    """
    numbers, last = Counter(number for number in calls if number), 0
    while not _fit(numbers, last, per_minute, minute // seconds_between):
        last += 1
    return last * seconds_between


def _fit(numbers: Counter[int], last: int, per_minute: int, steps_a_minute: int) -> bool:
    """Whether the steps from 0 to `last` have room for all calls.

    An environment calls once in a step. By the theorem of Gale and Ryser, that is possible if any
    `k` of the steps have no more calls than the environments can send in `k` steps. So the calls
    should be as even as the licence allows. The best way to spread them is the same in each minute,
    because the mean of all minutes of a way is one, too. Then the first steps of a minute, which
    come once more than the others, share the calls that whole minutes have no room for.
    """
    total = sum(calls * environments for calls, environments in numbers.items())
    minutes, rest = divmod(last, steps_a_minute)
    often, seldom = (minutes + 1) * (rest + 1), minutes * (steps_a_minute - rest - 1)
    busy = max(
        Fraction(total - per_minute * minutes, rest + 1),
        Fraction(total, last + 1),
    )
    quiet = Fraction(total - often * busy, seldom) if seldom else Fraction(0)
    if quiet < 0 or busy * (rest + 1) + quiet * (steps_a_minute - rest - 1) > per_minute:
        return False
    return all(
        busy * min(k, often) + quiet * max(0, k - often)
        <= sum(min(calls, k) * environments for calls, environments in numbers.items())
        for k in range(1, last + 2)
    )

"""When to call PingOne again: its rate limit, and a wait that grows with the report's age."""

import math
from datetime import datetime

from pingone_reports.errors import CallPostponed, DeadlineExceeded, RateLimited

# "Rate limiting", developer.pingidentity.com: the dataExplorations endpoint takes one call per
# five seconds for one environment.
MIN_SECONDS_BETWEEN_CALLS = 5

# The documentation's sample was ready after 5.6 seconds. A poll before that would be one more.
SECONDS_BEFORE_FIRST_POLL = 6

# Each wait is this share of the report's age, but at least five seconds. So a report that took d
# seconds is seen at most 0.2 * d (or five seconds) late. No schedule does that with fewer polls.
OVERSHOOT = 0.2


def pause_after(limit: RateLimited | CallPostponed) -> int:
    """Whole seconds to wait after such an answer: its Retry-After, but at least five."""
    return math.ceil(max(limit.retry_after, MIN_SECONDS_BETWEEN_CALLS))


def seconds_until_next_poll(
    now: datetime,
    started_at: datetime,
    deadline: datetime,
    limit: RateLimited | CallPostponed | None = None,
    usual: float = 0,
) -> int:
    """Whole seconds to wait before PingOne may be asked about a report again.

    No poll comes in a report's first six seconds. If the last report of its series took `usual`
    seconds, the second poll comes at that age, and the first one so early that a report which takes
    a fifth less is in time. After a 429, the wait is at least its pause. The last wait ends at the
    deadline. Raises DeadlineExceeded when no call is possible before the deadline.
    """
    least = pause_after(limit) if limit else MIN_SECONDS_BETWEEN_CALLS
    left = (deadline - now).total_seconds()
    if left < least:
        raise DeadlineExceeded(
            f"The report did not come by {deadline.isoformat(timespec='seconds')}. Narrow its "
            "filter, or ask for fewer fields."
        )
    age = (now - started_at).total_seconds()
    first = max(SECONDS_BEFORE_FIRST_POLL, usual / (1 + OVERSHOOT))
    wanted = max(int(age * OVERSHOOT), math.ceil(first - age))
    return max(least, min(wanted, int(left)))

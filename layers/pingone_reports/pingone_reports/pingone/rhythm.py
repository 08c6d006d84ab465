"""When to call PingOne again: its own rhythm, and a wait that grows with the report's age."""

import math
from datetime import datetime

from pingone_reports.errors import DeadlineExceeded, RateLimited

# "Rate limiting", developer.pingidentity.com: the dataExplorations endpoint takes one call per
# five seconds for one environment.
MIN_SECONDS_BETWEEN_CALLS = 5

# A report that took d seconds is seen at most this share of d later (and five seconds at least):
# the fewest polls that keep that promise.
OVERSHOOT = 0.2


def pause_after(limit: RateLimited) -> int:
    """Whole seconds until the next call after a 429, which may ask for less than the least."""
    return math.ceil(max(limit.retry_after, MIN_SECONDS_BETWEEN_CALLS))


def seconds_until_next_poll(
    now: datetime,
    started_at: datetime,
    deadline: datetime,
    limit: RateLimited | None = None,
) -> int:
    """Whole seconds to wait before PingOne may be asked about a report again.

    The pause after a 429 wins over the rhythm; the deadline shortens the wait to itself. Raises
    DeadlineExceeded when nothing can be asked before it.
    """
    least = pause_after(limit) if limit else MIN_SECONDS_BETWEEN_CALLS
    left = (deadline - now).total_seconds()
    if left < least:
        raise DeadlineExceeded(
            f"The report was not ready by {deadline.isoformat(timespec='seconds')}. Narrow its "
            "filter, or raise the polling limit if that is below PingOne's 30 minutes."
        )
    rhythm = int((now - started_at).total_seconds() * OVERSHOOT)
    return max(least, min(rhythm, int(left)))

"""When to call PingOne again: its own rhythm, and a wait that grows with the report's age."""

import math
from datetime import datetime

from pingone_reports.errors import DeadlineExceeded

# "Rate limiting", developer.pingidentity.com: the dataExplorations endpoint takes one call per
# five seconds for one environment.
MIN_SECONDS_BETWEEN_CALLS = 5

# A report that took d seconds is seen at most this share of d later (and five seconds at least):
# the fewest polls that keep that promise.
OVERSHOOT = 0.2


def seconds_until_next_call(
    now: datetime, started_at: datetime, deadline: datetime, retry_after: float = 0
) -> int:
    """Whole seconds to wait before PingOne may be asked about this export again.

    `retry_after` is what PingOne asked for with a 429, and wins over the rhythm; the deadline
    shortens the wait to itself. Raises DeadlineExceeded when nothing can be asked before it.
    """
    least = math.ceil(max(retry_after, MIN_SECONDS_BETWEEN_CALLS))
    left = (deadline - now).total_seconds()
    if left < least:
        raise DeadlineExceeded(
            f"The report was not ready by {deadline.isoformat(timespec='seconds')}. Narrow its "
            "filter, or raise the polling limit if that is below PingOne's 30 minutes."
        )
    rhythm = int((now - started_at).total_seconds() * OVERSHOOT)
    return max(least, min(rhythm, int(left)))

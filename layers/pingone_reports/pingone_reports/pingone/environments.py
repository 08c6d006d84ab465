"""All environments that the worker application sees: every page of PingOne's list."""

from collections.abc import Callable, Iterator

from pingone_reports.errors import ASK_LATER, InvalidResponse, PingOneUnavailable
from pingone_reports.model.environment import Environment
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.polling import pause_after

# No organisation has as many. A list that never ends would.
_MOST_ENVIRONMENTS = 20_000
_MOST_PAGES = 1_000


def all_environments(
    pingone: PingOne,
    correlation_id: str,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Environment]:
    """The environments, page by page; one may come twice if the list changes meanwhile.

    A pause that PingOne asks for is waited for here, because pages belong together: the state
    machine could only begin anew. Raises PingOneUnavailable if the time does not suffice, and what
    PingOne.read_environments raises.
    """
    link, listed, seen = None, 0, set[str]()
    for _ in range(_MOST_PAGES):
        try:
            page = pingone.read_environments(link, correlation_id)
        except ASK_LATER as limit:
            if pause_after(limit) >= seconds_left():
                raise PingOneUnavailable(
                    "PingOne's list of environments is too busy: try again later."
                ) from None
            sleep(pause_after(limit))
            continue
        yield from page.environments
        listed += len(page.environments)
        link = page.next
        if link is None:
            return
        if link in seen or listed > _MOST_ENVIRONMENTS:
            break
        seen.add(link)
    raise InvalidResponse(
        "PingOne's list of environments does not end: check the API URL, or name the environments "
        "in 'environmentIds'."
    )

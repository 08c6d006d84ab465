"""The links to a finished report's files, renewed when they expire."""

import threading
import time
from collections.abc import Callable

from pingone_reports.errors import DownloadInterrupted, RateLimited
from pingone_reports.model.exploration import Delivery, Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.report_file import Format
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.link_hosts import LinkHosts
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS, pause_after


class FreshLinks:
    """One export's presigned URLs by format, and its zip password, for all of its downloads.

    A link is valid for five minutes, or less if the credentials that signed it expire first. The
    first download that finds a link dead renews the links for all, no faster than PingOne allows.
    """

    def __init__(
        self,
        pingone: PingOne,
        export: Export,
        hosts: LinkHosts,
        seconds_left: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pingone = pingone
        self._export = export
        self._hosts = hosts
        self._seconds_left = seconds_left
        self._sleep = sleep
        self._lock = threading.Lock()
        self._delivery = self._ask(0)

    @property
    def exploration(self) -> Exploration:
        """The exploration, from the answer that held these links."""
        return self._delivery.exploration

    @property
    def zip_password(self) -> str:
        """The password of both zips."""
        return self._delivery.zip_password

    def current(self, file_format: Format) -> str:
        """The newest link to the file of this format."""
        return self._delivery.links[file_format]

    def renew(self, file_format: Format, dead: str) -> str:
        """A newer link than `dead`. Raises DownloadInterrupted when no time is left to use it."""
        with self._lock:
            if self.current(file_format) == dead:
                self._delivery = self._ask(MIN_SECONDS_BETWEEN_CALLS)
            return self.current(file_format)

    def _ask(self, pause: float) -> Delivery:
        """Ask PingOne after `pause` seconds, and after each 429 again."""
        while True:
            if pause >= self._seconds_left():
                raise DownloadInterrupted(
                    "No time is left to ask PingOne for fresh links: run the export again."
                )
            self._sleep(pause)
            try:
                delivery = self._pingone.read_delivery(self._export)
            except RateLimited as answer:
                pause = pause_after(answer)
            else:
                for link in delivery.links.values():
                    self._hosts.check(link)
                return delivery

"""The links to a finished report's files, renewed when they expire."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from pingone_reports.errors import ASK_LATER, DownloadInterrupted
from pingone_reports.model.exploration import Delivery, Exploration
from pingone_reports.model.export import Export
from pingone_reports.model.report_file import Format
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.link_hosts import LinkHosts
from pingone_reports.pingone.polling import pause_after
from pingone_reports.pingone.turns import Turn, Turns


@dataclass(frozen=True)
class LinkRequests:
    """One export's requests for links, each in its turn, while there is time for it."""

    pingone: PingOne
    export: Export
    turns: Turns
    seconds_left: Callable[[], float]

    def ask(self, turn: Turn | None = None) -> Delivery:
        """Ask PingOne in this turn, or in the next one.

        Raises what PingOne.read_delivery raises. But without a turn, a download may be half done:
        then asks again after each 429 and the like. Raises DownloadInterrupted when no time is left
        to wait for a turn and to use its answer.
        """
        pause, patient = 0.0, turn is None
        while True:
            if pause >= self.seconds_left():
                raise DownloadInterrupted(
                    "No time is left to ask PingOne for fresh links: run the export again."
                )
            self.turns.sleep(pause)
            self.pingone.prepare()
            # Nobody has called in this turn, so it may move.
            turn, pause = self.turns.on_time(
                self.export.request, *self.turns.to_read(self.export.request, turn, unused=True)
            )
            if pause:
                continue
            try:
                return self.pingone.read_delivery(self.export)
            except ASK_LATER as answer:
                if not patient:
                    raise
                turn, pause = None, pause_after(answer)


class FreshLinks:
    """One export's presigned URLs by format, and its zip password, for all of its downloads.

    A link is valid for five minutes, or less if the credentials that signed it expire first. The
    first download that finds a link dead renews the links for all.
    """

    def __init__(self, requests: LinkRequests, hosts: LinkHosts, turn: Turn | None = None) -> None:
        """`turn` is the one for the first request."""
        self._requests = requests
        self._hosts = hosts
        self._lock = threading.Lock()
        self._delivery = self._ask(turn)

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
                self._delivery = self._ask()
            return self.current(file_format)

    def _ask(self, turn: Turn | None = None) -> Delivery:
        delivery = self._requests.ask(turn)
        for link in delivery.links.values():
            self._hosts.check(link)
        return delivery

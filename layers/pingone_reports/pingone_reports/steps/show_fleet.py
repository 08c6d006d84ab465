"""ShowFleet: one page and one mail about a whole fleet, when its exports are in the tables."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.console import console_link
from pingone_reports.aws.event_bus import Topic
from pingone_reports.errors import InvalidRequest
from pingone_reports.model.fleet import COMPLETED
from pingone_reports.model.fleet_posture import FleetPosture
from pingone_reports.model.keys import ExportKeys, FleetKeys
from pingone_reports.model.mail import fleet_mail
from pingone_reports.model.status import Status
from pingone_reports.observability import logger
from pingone_reports.tables.fleet_page import render_fleet

_LONGEST_WAIT = timedelta(minutes=35)
# S3's own client has ten connections.
_AT_ONCE = 10


@dataclass(frozen=True, kw_only=True)
class ShowFleet:
    """The page and the mail, with all that they need."""

    bucket: Bucket
    digest: Topic | None

    def run(self, manifest_key: str, notify: bool) -> dict[str, Any]:
        """Write the fleet's page, and then send its mail, if whoever asks wants that.

        If exports are not in the tables yet, the answer is how many: the state machine waits and
        asks again. 35 minutes after the fleet, the page names them. Raises InvalidRequest,
        StorageDenied, StorageUnavailable and AnnouncementFailed.
        """
        keys = FleetKeys.parse(manifest_key)
        manifest = self.bucket.read_json(manifest_key) if keys else None
        if not keys or not manifest:
            raise InvalidRequest("The field 'manifestKey' must be the key of a fleet's manifest.")
        posture = FleetPosture.of(keys, manifest, self._summaries(manifest))
        missing = posture.numbers["untabulated"]
        until = datetime.fromisoformat(manifest["completedAt"]) + _LONGEST_WAIT
        if missing and datetime.now(UTC) < until:
            return {"status": str(Status.WAITING), "missing": missing}
        self.bucket.write_text(keys.page, render_fleet(posture), "text/html; charset=utf-8")
        if self.digest and notify:
            link = console_link(self.bucket.name, keys.page, posture.execution_arn)
            self.digest.send(*fleet_mail(posture, link))
        if missing:
            logger.warning("Exports of the fleet are not in the tables.", exports=missing)
        return {"status": str(Status.SHOWN), "missing": missing, "pageKey": keys.page}

    def _summaries(self, manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The summaries of the exports that are in the tables, by manifest key."""
        summaries = {
            entry["manifestKey"]: keys.summary
            for entry in manifest["environments"]
            if entry["status"] == COMPLETED and (keys := ExportKeys.parse(entry["manifestKey"]))
        }
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            read = threads.map(self.bucket.read_json, summaries.values())
            return {key: each for key, each in zip(summaries, read, strict=True) if each}

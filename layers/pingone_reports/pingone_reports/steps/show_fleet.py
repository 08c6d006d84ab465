"""ShowFleet: one page and one mail about a whole fleet, when its exports are in the tables."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.event_bus import Topic
from pingone_reports.errors import FleetNotTabulated, InvalidRequest
from pingone_reports.model.fleet import COMPLETED
from pingone_reports.model.fleet_posture import FleetPosture, fleet_mail
from pingone_reports.model.keys import ExportKeys, FleetKeys
from pingone_reports.observability import logger
from pingone_reports.tables.fleet_page import render_fleet

# Lambda tries an event three times, with three minutes of pauses. This ends within the third try.
_LONGEST_WAIT = timedelta(minutes=35)
_LONGEST_PAUSE = 60
# S3's own client has ten connections.
_AT_ONCE = 10


@dataclass(frozen=True, kw_only=True)
class ShowFleet:
    """The page and the mail, with all that they need. `seconds_left` are those to wait."""

    bucket: Bucket
    digest: Topic | None
    seconds_left: Callable[[], float]
    sleep: Callable[[float], None]

    def run(self, manifest_key: str) -> dict[str, Any]:
        """Write the fleet's page, and send its mail unless it was sent before.

        Waits for exports that are not in the tables yet. 35 minutes after the fleet, those that are
        still missing are named. Raises FleetNotTabulated before, InvalidRequest, StorageDenied,
        StorageUnavailable and AnnouncementFailed.
        """
        keys = FleetKeys.parse(manifest_key)
        manifest = self.bucket.read_json(manifest_key) if keys else None
        if not keys or not manifest:
            raise InvalidRequest("The field 'manifestKey' must be the key of a fleet's manifest.")
        posture = FleetPosture.of(keys.execution, manifest, self._summaries(manifest))
        self.bucket.write_text(keys.page, render_fleet(posture), "text/html; charset=utf-8")
        if self.digest and not self.bucket.read_json(keys.told):
            self.digest.send(*fleet_mail(posture, f"s3://{self.bucket.name}/{keys.page}"))
            self.bucket.write_json(keys.told, {"manifestKey": manifest_key})
        if posture.number_untabulated:
            logger.warning(
                "Exports of the fleet are not in the tables.", exports=posture.number_untabulated
            )
        return {
            "environments": posture.environments,
            "failed": posture.number_failed,
            "untabulated": posture.number_untabulated,
            "keys": [keys.page],
        }

    def _summaries(self, manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The summaries of the exports that are in the tables, by manifest key."""
        missing = {
            entry["manifestKey"]: keys.summary
            for entry in manifest["environments"]
            if entry["status"] == COMPLETED and (keys := ExportKeys.parse(entry["manifestKey"]))
        }
        until = datetime.fromisoformat(manifest["completedAt"]) + _LONGEST_WAIT
        found: dict[str, Mapping[str, Any]] = {}
        pause = 2
        while True:
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                read = list(threads.map(self.bucket.read_json, missing.values()))
            found |= {key: each for key, each in zip(missing, read, strict=True) if each}
            missing = {key: each for key, each in missing.items() if key not in found}
            if not missing or datetime.now(UTC) >= until:
                return found
            if self.seconds_left() < pause:
                raise FleetNotTabulated(
                    f"{len(missing)} exports of the fleet are not in the tables yet. They are "
                    "waited for again."
                )
            self.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

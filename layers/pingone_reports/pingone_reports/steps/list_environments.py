"""ListEnvironments: decide once which environments a fleet exports, and write them down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import InvalidRequest
from pingone_reports.model.environment import Environment
from pingone_reports.model.export import Execution
from pingone_reports.model.filters import is_without_values, without_values
from pingone_reports.model.fleet import COMPLETED, FleetExports, Listing
from pingone_reports.model.fleet_request import FleetRequest, of_exports
from pingone_reports.model.keys import FleetKeys
from pingone_reports.model.status import Status
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.environments import all_environments

if TYPE_CHECKING:
    from pingone_reports.aws.idempotency import IdempotencyKeys

_NOTHING: dict[str, Any] = dict.fromkeys(("itemsKey", "request", "duplicateOf"))


@dataclass(frozen=True, kw_only=True)
class ListEnvironments:
    """The listing, with all that it needs."""

    pingone: PingOne
    keys: "IdempotencyKeys"
    bucket: Bucket
    key_prefix: str
    pseudonymizes: bool
    seconds_left: Callable[[], float]
    sleep: Callable[[float], None]

    def run(self, request: FleetRequest, execution: Execution) -> dict[str, Any]:
        """Write the fleet's listing and the items of the state machine's map; returns their place.

        Whichever try writes the listing first, it counts for all: the list at PingOne may change.
        Raises InvalidRequest, NoEnvironments, and the errors of PingOne, the bucket, the table and
        Step Functions.
        """
        key = request.idempotency_key
        if key:
            # No export's request can ask for this key, because of its hash sign.
            holder = self.keys.holder(f"fleet#{key}", execution.arn)
            if holder != execution.arn:
                return _NOTHING | {"status": str(Status.DUPLICATE), "duplicateOf": holder}
        keys = FleetKeys.of(execution, self.key_prefix)
        listing = self.bucket.read_json(keys.listing)
        if not listing:
            document = self._listing(request).to_document()
            if self.pseudonymizes and "filter" in document["request"]:
                document["request"]["filter"] = without_values(document["request"]["filter"])
            listing = self.bucket.create_json(keys.listing, document)
        exports = FleetExports(execution.arn, key)
        items = [exports.item(Environment.from_document(each)) for each in listing["environments"]]
        self.bucket.write_json(keys.items, items)
        of_each = {
            "correlationId": listing["correlationId"],
            **of_exports(listing["request"]),
            **request.export,
        }
        return _NOTHING | {
            "status": str(Status.LISTED),
            "itemsKey": keys.items,
            "request": of_each,
        }

    def _listing(self, request: FleetRequest) -> Listing:
        if request.environment_ids:
            given = tuple(Environment(id=id_) for id_ in request.environment_ids)
            return Listing(request=request, environments=given)
        if request.only_failed_of:
            return self._failed_of(request, request.only_failed_of)
        visible = all_environments(
            self.pingone, request.correlation_id, self.seconds_left, self.sleep
        )
        return Listing.chosen(request, visible)

    def _failed_of(self, request: FleetRequest, manifest_key: str) -> Listing:
        """The environments that failed in an earlier fleet, exported as that one did."""
        ours = FleetKeys.below(manifest_key, self.key_prefix)
        manifest = self.bucket.read_json(manifest_key) if ours else None
        if not manifest:
            raise InvalidRequest(
                "The field 'onlyFailedOf' must be the key of a fleet's manifest in this bucket."
            )
        failed: Iterable[Environment] = (
            Environment.from_document(entry)
            for entry in manifest["environments"]
            if entry["status"] != COMPLETED
        )
        request = request.with_defaults(of_exports(manifest["request"]))
        if is_without_values(request.export.get("filter", "")):
            raise InvalidRequest(
                "Of the filter of this fleet only a hash was kept: give it again, in 'filter'."
            )
        return Listing(request=request, environments=tuple(failed))

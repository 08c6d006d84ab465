"""ListEnvironments: decide which environments a fleet exports; return where they are listed."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.config import ListConfig
from pingone_reports.model.fleet_request import FleetRequest
from pingone_reports.observability import only_typed_errors, received


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    pseudonymizes = wiring.config_of(ListConfig).pseudonymizes
    request, execution = received(FleetRequest, event, {}, pseudonymizes=pseudonymizes)
    return wiring.list_environments(context).run(request, execution)

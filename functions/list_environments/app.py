"""ListEnvironments: decide which environments a fleet exports; return where they are listed."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.model.export import Execution
from pingone_reports.model.fleet_request import FleetRequest
from pingone_reports.model.request import refuse_addresses
from pingone_reports.observability import log_as, only_typed_errors


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    pseudonymizes, execution = wiring.pseudonymizes(), Execution.parse(event["execution"])
    if pseudonymizes:
        refuse_addresses(execution.name)
    log_as(execution, execution.correlation_id)
    request = FleetRequest.delivered(event["request"], {}, execution.correlation_id)
    if pseudonymizes:
        refuse_addresses(request.correlation_id, request.idempotency_key)
    log_as(execution, request.correlation_id)
    return wiring.list_environments(context).run(request, execution)

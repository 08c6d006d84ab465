"""Exports of one environment that are requested at one moment all succeed, in turns."""

from pathlib import PurePosixPath

from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import Stack
from tests.end_to_end.conftest import Exporter

_EXPORTS = 8


def test_requests_at_one_moment_all_succeed_and_wait_for_their_turns(
    exporter: Exporter, stack: Stack, pingone: PingOneSimulator
) -> None:
    pingone.set_scenario(exporter.environment_id, Scenario(rows=20))
    request = {"environmentId": exporter.environment_id, "formats": ["csv"]}

    started = [stack.start_export(request) for _ in range(_EXPORTS)]
    ended = [exporter.end_of(arn) for arn in started]

    assert {end.description["status"] for end in ended} == {"SUCCEEDED"}
    # The same request without a key is another export, with a folder of its own.
    folders = {PurePosixPath(end.event["detail"]["manifestKey"]).parent for end in ended}
    assert len(folders) == _EXPORTS
    calls = pingone.requests_of(exporter.environment_id)
    assert sum(call.status == 201 for call in calls) == _EXPORTS
    # Who calls without a turn is refused time and again; a busy machine may cost one here or there.
    refused = [call for call in calls if call.status == 429]
    assert len(refused) <= _EXPORTS / 2

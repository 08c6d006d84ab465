"""What functions run by on macOS runs here, too. It shows nothing else of macOS."""

import platform

import pytest

from local.cloud import LocalCloud
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import Stack, deployed, simulator_parameters
from tests.end_to_end.conftest import Exporter, assert_failed_cleanly, assert_landed


@pytest.fixture(scope="module")
def stack_of_a_mac(cloud: LocalCloud, pingone: PingOneSimulator) -> Stack:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "system", lambda: "Darwin")
        return deployed(
            cloud, pingone.client_id, pingone.client_secret, simulator_parameters(pingone), "mac"
        )


def test_an_export_lands_without_the_layers_that_are_built_for_linux(
    stack_of_a_mac: Stack, pingone: PingOneSimulator
) -> None:
    scenario = Scenario(rows=20, encryption="zipcrypto")

    ended = Exporter(stack_of_a_mac, pingone, {}).run(scenario, formats=["csv", "json"])

    assert_landed(ended, ["csv", "json"])


def test_an_error_keeps_its_name_without_the_native_runtime_client(
    stack_of_a_mac: Stack, pingone: PingOneSimulator
) -> None:
    exporter = Exporter(stack_of_a_mac, pingone, {})

    ended = exporter.run(formats=["xml"], correlationId="failing")

    assert_failed_cleanly(ended, "InvalidRequest")

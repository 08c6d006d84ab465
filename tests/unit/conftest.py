"""PingOne, simulated over HTTP on a clock that a test moves, and the client that asks it."""

import os
from collections.abc import Iterator

import pytest
import requests
from hypothesis import settings

from local.pingone_simulator import PingOneSimulator, Scenario
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens
from pingone_reports.pingone.sessions import new_session
from tests.support.asking import ENVIRONMENT_ID, proof_of
from tests.support.simulator import FakeBucket, ManualClock

# As in template.yaml, where it is the stack's name.
os.environ["POWERTOOLS_SERVICE_NAME"] = "reports"

# How long an example takes says more about this machine than about the code.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock: ManualClock) -> Iterator[PingOneSimulator]:
    with PingOneSimulator(FakeBucket(), default_scenario=Scenario(rows=5), clock=clock) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with new_session() as session:
        yield session


@pytest.fixture
def tokens(simulator: PingOneSimulator, session: requests.Session) -> AccessTokens:
    return AccessTokens(session, simulator.token_url(ENVIRONMENT_ID), lambda: proof_of(simulator))


@pytest.fixture
def pingone(
    simulator: PingOneSimulator, session: requests.Session, tokens: AccessTokens
) -> PingOne:
    return PingOne(session, simulator.api_url, tokens)

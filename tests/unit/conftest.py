"""PingOne, simulated over HTTP on a clock that a test moves, and the client that asks it."""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
import time_machine
from hypothesis import HealthCheck, settings

from local.pingone_simulator import PingOneSimulator, Scenario
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens
from pingone_reports.pingone.sessions import new_session
from tests.support.asking import ENVIRONMENT_ID, authentication_of
from tests.support.simulator import FakeBucket, ManualClock

# As in template.yaml, where it is the stack's name.
os.environ["POWERTOOLS_SERVICE_NAME"] = "reports"

# How long an example takes says more about this machine than about the code. With 30 examples, 93%
# of 189 random mutants of the code were found.
settings.register_profile(
    "unit", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")


class SteppingClock(time_machine.Traveller):
    """Shows a later time at each reading."""

    step = timedelta()

    def time_ns(self) -> int:
        self.shift(self.step)
        return super().time_ns()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--clock-step", type=float, default=0.001, help="seconds between two readings")


@pytest.fixture(autouse=True)
def wall_clock(pytestconfig: pytest.Config) -> Iterator[SteppingClock]:
    """Time passes at each reading, and a year ends after one of the first: the seed says which.

    With the year ends a day, an hour, a minute and a second.
    """
    step = timedelta(seconds=pytestconfig.getoption("--clock-step", default=0.001))
    start = datetime(2027, 1, 1, tzinfo=UTC) - step * (random.randrange(8) + 0.5)
    with time_machine.travel(start, tick=False) as clock:
        clock.__class__ = SteppingClock
        assert isinstance(clock, SteppingClock)
        clock.step = step
        yield clock


@pytest.fixture
def stopped_clock(wall_clock: SteppingClock) -> None:
    """For tests that count seconds."""
    wall_clock.step = timedelta()


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
    return AccessTokens(
        session, simulator.token_url(ENVIRONMENT_ID), lambda: authentication_of(simulator)
    )


@pytest.fixture
def pingone(
    simulator: PingOneSimulator, session: requests.Session, tokens: AccessTokens
) -> PingOne:
    return PingOne(session, simulator.api_url, tokens)

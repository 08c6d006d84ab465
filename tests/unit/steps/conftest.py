"""PingOne's time begins now: deadlines are told by this machine's clock."""

import pytest

from pingone_reports.pingone.api import PingOne
from tests.support.simulator import ManualClock, ManualClockOfNow
from tests.support.steps import World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClockOfNow()


@pytest.fixture
def world(pingone: PingOne) -> World:
    return World(pingone)

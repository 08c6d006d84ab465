"""PingOne's time begins now: deadlines are told by this machine's clock."""

import pytest

from tests.support.simulator import ManualClock, ManualClockOfNow


@pytest.fixture
def clock() -> ManualClock:
    return ManualClockOfNow()

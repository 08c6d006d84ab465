"""Every page of PingOne's list of environments is read, from PingOne's own API alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest

from local.pingone_simulator import (
    Answer,
    ChangeBody,
    Fault,
    ListedEnvironment,
    MalformedJson,
    PingOneSimulator,
    Scenario,
)
from pingone_reports.errors import (
    AccessDenied,
    ExportError,
    InvalidResponse,
    PingOneUnavailable,
)
from pingone_reports.model.environment import Environment
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.environment_page import EnvironmentPage
from pingone_reports.pingone.environments import all_environments
from tests.support.asking import secrets_in, told


def listed(number: int) -> list[ListedEnvironment]:
    return [ListedEnvironment(str(uuid4()), f"Customers {n}") for n in range(number)]


def read(
    pingone: PingOne, seconds_left: float = 300, paused: list[float] | None = None
) -> list[Environment]:
    pauses = paused if paused is not None else []
    return list(all_environments(pingone, "nightly", lambda: seconds_left, pauses.append))


def play(simulator: PingOneSimulator, effect: Any, **times: Any) -> None:
    fault = Fault("environments", effect, **times)
    simulator.set_scenario(simulator.organization_id, Scenario(faults=(fault,)))


def pages(simulator: PingOneSimulator) -> list[str | None]:
    """The correlation ids of all calls, each of which was for a page."""
    calls = [call for call in simulator.requests if not call.path.endswith("/as/token")]
    assert {call.path for call in calls} <= {"/v1/environments"}
    return [call.correlation_id for call in calls]


@pytest.mark.parametrize(("number", "most"), [(0, 1), (1, 1), (100, 1), (101, 2), (1_000, 10)])
def test_every_environment_is_read_page_by_page(
    pingone: PingOne, simulator: PingOneSimulator, number: int, most: int
) -> None:
    environments = listed(number)
    simulator.list_environments(environments)
    assert {each.id for each in read(pingone)} == {each.id for each in environments}
    assert pages(simulator) == ["nightly"] * most


@pytest.mark.parametrize(
    ("answer", "pause"),
    [(Answer(429, retry_after=7), 7), (Answer(500, retry_after=7), 7), (Answer(401), 5)],
)
def test_a_pause_that_pingone_asks_for_is_waited_for(
    pingone: PingOne, simulator: PingOneSimulator, answer: Answer, pause: float
) -> None:
    simulator.list_environments(listed(150))
    play(simulator, answer, skip=1)
    paused: list[float] = []
    assert len(read(pingone, paused=paused)) == 150
    assert paused == [pause]


def test_a_pause_beyond_the_functions_time_is_left_to_the_state_machine(
    pingone: PingOne, simulator: PingOneSimulator
) -> None:
    play(simulator, Answer(429, retry_after=60))
    with pytest.raises(PingOneUnavailable):
        read(pingone, seconds_left=60)


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        (Answer(403), AccessDenied),
        (Answer(404), InvalidResponse),
        (Answer(400), InvalidResponse),
        (Answer(503), PingOneUnavailable),
        (MalformedJson(), InvalidResponse),
        (ChangeBody(omit=("_embedded",)), InvalidResponse),
        (ChangeBody(override={"x": "x" * 17 * 1024 * 1024}), InvalidResponse),
    ],
    ids=lambda each: repr(each)[:60],
)
def test_a_list_that_cannot_be_read_has_a_typed_error_without_a_secret(
    pingone: PingOne, simulator: PingOneSimulator, effect: Any, error: type[ExportError]
) -> None:
    play(simulator, effect, times=None)
    with pytest.raises(error) as raised:
        read(pingone)
    assert secrets_in(told(raised.value), simulator) == []


@pytest.mark.parametrize(
    "place",
    [
        "https://api.pingone.eu/v1/environments",
        "{url}:443/v1/environments",
        "http://user@127.0.0.1/v1/environments",
        "https://evil.example/v1/users",
        "//evil.example/v1/environments",
        "/v1/environments",
        "",
    ],
)
def test_a_list_goes_on_at_the_api_url_wherever_its_links_lead(
    pingone: PingOne, simulator: PingOneSimulator, place: str
) -> None:
    simulator.list_environments(listed(101))
    begin = place.format(url=simulator.auth_url)
    first = pingone.read_environments(None, "nightly")
    assert first.next
    links = {"next": {"href": f"{begin}?{first.next.partition('?')[2]}#fragment"}}
    play(simulator, ChangeBody(override={"_links": links}))
    assert len({each.id for each in read(pingone)}) == 101
    assert len(pages(simulator)) == 3


@pytest.mark.parametrize(
    "link", ["{url}/environments", "{url}/environments?", "https://[/?cursor=x", "\n", "#?a=b"]
)
def test_a_next_page_without_a_query_is_refused(
    pingone: PingOne, simulator: PingOneSimulator, link: str
) -> None:
    links = {"next": {"href": link.format(url=simulator.api_url)}}
    play(simulator, ChangeBody(override={"_links": links}), times=None)
    with pytest.raises(InvalidResponse, match="without a query"):
        read(pingone)
    assert len(pages(simulator)) == 1


def test_a_page_of_several_megabytes_is_read(pingone: PingOne, simulator: PingOneSimulator) -> None:
    environments = [replace(each, description="x" * 100_000) for each in listed(100)]
    simulator.list_environments(environments)
    assert len(read(pingone)) == 100


@dataclass
class Endless(PingOne):
    """A list whose pages do not end."""

    links: Sequence[str]
    size: int = 1
    asked: int = field(default=0)

    def read_environments(self, _link: str | None, _correlation_id: str) -> EnvironmentPage:
        link = self.links[self.asked % len(self.links)]
        self.asked += 1
        environments = tuple(Environment(id=f"{self.asked}-{n}") for n in range(self.size))
        return EnvironmentPage(environments=environments, next=link)


@pytest.mark.parametrize(
    ("links", "size", "most"),
    [(["a", "b"], 1, 3), (list(map(str, range(5000))), 1, 1000),
     (list(map(str, range(5000))), 100, 201)],
)  # fmt: skip
def test_a_list_that_does_not_end_is_given_up(links: list[str], size: int, most: int) -> None:
    pingone = Endless(links, size)
    with pytest.raises(InvalidResponse, match="does not end"):
        read(pingone)
    assert pingone.asked == most

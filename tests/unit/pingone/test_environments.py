"""Every page of PingOne's list of environments is read, from PingOne's own API alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest
import requests

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
from pingone_reports.pingone.credentials import AccessTokens
from pingone_reports.pingone.environment_page import EnvironmentPage
from pingone_reports.pingone.environments import all_environments
from tests.support.asking import secrets_in, told


def listed(number: int) -> list[ListedEnvironment]:
    return [ListedEnvironment(str(uuid4()), f"Customers {n}") for n in range(number)]


def read(pingone: PingOne, seconds_left: float = 300) -> list[Environment]:
    paused: list[float] = []
    return list(all_environments(pingone, "nightly", lambda: seconds_left, paused.append))


def play(simulator: PingOneSimulator, effect: Any, **times: Any) -> None:
    fault = Fault("environments", effect, **times)
    simulator.set_scenario(simulator.organization_id, Scenario(faults=(fault,)))


@pytest.mark.parametrize(("number", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2), (1_000, 10)])
def test_every_environment_is_read_page_by_page(
    pingone: PingOne, simulator: PingOneSimulator, number: int, pages: int
) -> None:
    environments = listed(number)
    simulator.list_environments(environments)
    assert {each.id for each in read(pingone)} == {each.id for each in environments}
    calls = [call for call in simulator.requests if call.path == "/v1/environments"]
    assert len(calls) == pages
    assert {call.correlation_id for call in calls} == {"nightly"}


def test_a_pause_that_pingone_asks_for_is_waited_for(
    pingone: PingOne, simulator: PingOneSimulator
) -> None:
    simulator.list_environments(listed(150))
    play(simulator, Answer(429, retry_after=7), skip=1)
    paused: list[float] = []
    found = list(all_environments(pingone, "nightly", lambda: 300, paused.append))
    assert (len(found), paused) == (150, [7])


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
    ],
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
        "{scheme}://{host}:443/v1/environments",
        "{SCHEME}://LOCALHOST:{port}/v1/environments",
        "{scheme}://user@{host}/v1/environments",
        "https://evil.example/v1/users",
        "//evil.example/v1/environments",
        "/v1/environments",
        "environments",
        "",
    ],
)
def test_a_list_goes_on_at_the_api_url_wherever_its_links_lead(
    pingone: PingOne, simulator: PingOneSimulator, place: str
) -> None:
    simulator.list_environments(listed(101))
    scheme, _, host = simulator.api_url.removesuffix("/v1").partition("://")
    begin = place.format(
        scheme=scheme, SCHEME=scheme.upper(), host=host, port=host.partition(":")[2]
    )
    first = pingone.read_environments(None, "nightly")
    assert first.next
    links = {"next": {"href": f"{begin}?{first.next.partition('?')[2]}#fragment"}}
    play(simulator, ChangeBody(override={"_links": links}))
    assert len({each.id for each in read(pingone)}) == 101
    calls = [call.path for call in simulator.requests if not call.path.endswith("/as/token")]
    assert calls == ["/v1/environments"] * 3


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
    calls = [call.path for call in simulator.requests if not call.path.endswith("/as/token")]
    assert calls == ["/v1/environments"]


def test_a_page_of_several_megabytes_is_read(pingone: PingOne, simulator: PingOneSimulator) -> None:
    environments = [replace(each, description="x" * 100_000) for each in listed(100)]
    simulator.list_environments(environments)
    assert len(read(pingone)) == 100


def test_a_page_beyond_all_measure_is_refused(
    pingone: PingOne, simulator: PingOneSimulator
) -> None:
    play(simulator, ChangeBody(override={"x": "x" * 17 * 1024 * 1024}))
    with pytest.raises(InvalidResponse, match="more than"):
        read(pingone)


@pytest.mark.parametrize("type_", ["TRIAL2", "new-type", "", "https://x", "x" * 100, "Ünknown"])
def test_an_environment_of_an_unknown_type_fails_no_list(
    pingone: PingOne, simulator: PingOneSimulator, type_: str
) -> None:
    simulator.list_environments([*listed(2), ListedEnvironment(str(uuid4()), "Odd", type_)])
    assert len(read(pingone)) == 3


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
    [(["a", "b"], 1, 3), ([str(n) for n in range(5000)], 1, 1000),
     ([str(n) for n in range(5000)], 100, 201)],
)  # fmt: skip
def test_a_list_that_does_not_end_is_given_up(links: list[str], size: int, most: int) -> None:
    pingone = Endless(links, size)
    with pytest.raises(InvalidResponse, match="does not end"):
        read(pingone)
    assert pingone.asked == most


def test_the_list_needs_a_token(simulator: PingOneSimulator, session: requests.Session) -> None:
    assert session.get(f"{simulator.api_url}/environments", timeout=60).status_code == 401


def test_a_revoked_token_is_renewed_on_the_way(
    pingone: PingOne, simulator: PingOneSimulator, tokens: AccessTokens
) -> None:
    simulator.list_environments(listed(3))
    tokens.renew()
    simulator.revoke_tokens()
    assert len(read(pingone)) == 3

"""A token is kept while it is good, and nothing that goes wrong tells the client secret."""

import socket

import pytest
import requests

from local.pingone_simulator import (
    Answer,
    ChangeBody,
    DropConnection,
    Fault,
    MalformedJson,
    PingOneSimulator,
)
from pingone_reports.errors import (
    ExportError,
    InvalidResponse,
    InvalidSecret,
    PingOneUnavailable,
    Unauthorized,
)
from pingone_reports.pingone.credentials import (
    AccessTokens,
    ClientAuthentication,
    ClientCredentials,
)
from tests.support.asking import ENVIRONMENT_ID, authentication_of, play, secrets_in, told
from tests.support.simulator import ManualClock


@pytest.fixture
def tokens(
    simulator: PingOneSimulator, session: requests.Session, clock: ManualClock
) -> AccessTokens:
    return AccessTokens(
        session,
        simulator.token_url(ENVIRONMENT_ID),
        lambda: authentication_of(simulator),
        clock.seconds,
    )


def asked(simulator: PingOneSimulator) -> int:
    """How many tokens the simulator was asked for."""
    return sum(request.path.endswith("/as/token") for request in simulator.requests)


class TestSecret:
    def test_credentials_are_the_id_and_the_secret(self) -> None:
        credentials = ClientCredentials.parse(
            '{"clientId": "me", "clientSecret": "canary", "x": 1}'
        )
        assert (credentials.client_id, credentials.client_secret) == ("me", "canary")

    def test_credentials_do_not_show_themselves(self) -> None:
        assert "canary" not in repr(ClientCredentials("me", "canary"))

    @pytest.mark.parametrize(
        "secret",
        [
            "",
            "canary",
            '"canary"',
            "7",
            "null",
            '["canary"]',
            '{"clientId": "me", "clientSecret": "canary"',
            '{"clientId": "", "clientSecret": ""}',
            '{"clientId": "me", "clientSecret": ""}',
            '{"clientId": "", "clientSecret": "canary"}',
            '{"clientSecret": "canary"}',
            '{"clientId": 7, "clientSecret": "canary"}',
            '{"clientId": "me", "clientSecret": ["canary"]}',
            '{"clientId": "me", "clientSecret": "canary €"}',
        ],
    )
    def test_a_text_that_is_no_secret_is_not_quoted(self, secret: str) -> None:
        with pytest.raises(InvalidSecret, match="clientId") as fault:
            ClientCredentials.parse(secret)
        assert "canary" not in told(fault.value)

    def test_a_deep_secret_is_no_secret(self) -> None:
        deep = "[" * 100_000 + '"canary"' + "]" * 100_000
        with pytest.raises(InvalidSecret, match="clientId") as fault:
            ClientCredentials.parse(f'{{"clientId": "me", "clientSecret": {deep}}}')
        assert "canary" not in told(fault.value)


class TestTokens:
    def test_a_token_is_kept_until_a_minute_before_it_expires(
        self, simulator: PingOneSimulator, tokens: AccessTokens, clock: ManualClock
    ) -> None:
        first = tokens.current()
        clock.now = 3539
        assert tokens.current() == first
        assert asked(simulator) == 1
        clock.now = 3540
        assert tokens.current() != first
        assert asked(simulator) == 2

    def test_a_renewed_token_is_kept(
        self, simulator: PingOneSimulator, tokens: AccessTokens
    ) -> None:
        first = tokens.current()
        second = tokens.renew()
        assert first != second == tokens.current()
        assert asked(simulator) == 2

    def test_a_rotated_secret_is_read_when_the_token_is_renewed(
        self, simulator: PingOneSimulator, session: requests.Session
    ) -> None:
        authentication = authentication_of(simulator)
        tokens = AccessTokens(session, simulator.token_url(ENVIRONMENT_ID), lambda: authentication)
        tokens.current()
        rotated = simulator.rotate_client_secret(ENVIRONMENT_ID)
        with pytest.raises(Unauthorized):
            tokens.renew()
        authentication = ClientCredentials(simulator.client_id, rotated).authentication()
        assert tokens.renew() == tokens.current()

    def test_an_error_of_the_secret_is_raised(self, session: requests.Session) -> None:
        def authenticate() -> ClientAuthentication:
            raise InvalidSecret("It cannot be read.")

        with pytest.raises(InvalidSecret, match="cannot be read"):
            AccessTokens(session, "http://127.0.0.1:1/as/token", authenticate).current()

    @pytest.mark.parametrize(
        "change",
        [
            {"expires_in": value}
            for value in (
                int("9" * 400),
                float("nan"),
                float("inf"),
                -1,
                0,
                True,
                None,
                "soon",
                "9" * 400,
                [3600],
            )
        ]
        + [
            {"access_token": value}
            for value in (
                "",
                "a b",
                "a\r\nX-Injected: 1",
                "caf\u00e9",
                "\u20ac",
                "\ud800",
                7,
                ["a"],
            )
        ],
        ids=lambda change: repr(change)[:40],
    )
    def test_a_token_that_cannot_be_used_is_no_token(
        self, simulator: PingOneSimulator, tokens: AccessTokens, change: dict[str, object]
    ) -> None:
        play(simulator, Fault("token", ChangeBody(override=change)))
        with pytest.raises(InvalidResponse, match="without access_token and expires_in"):
            tokens.current()
        assert tokens.current()

    @pytest.mark.parametrize("seconds", [3600, 3600.0, "3600", 10**300])
    def test_a_tokens_lifetime_is_any_number_of_seconds(
        self, simulator: PingOneSimulator, tokens: AccessTokens, seconds: object
    ) -> None:
        play(simulator, Fault("token", ChangeBody(override={"expires_in": seconds})))
        assert tokens.current() == tokens.current()

    def test_a_token_without_a_lifetime_is_used_once(
        self, simulator: PingOneSimulator, tokens: AccessTokens
    ) -> None:
        play(simulator, Fault("token", ChangeBody(omit=("expires_in",)), times=2))
        assert len({tokens.current(), tokens.current(), tokens.current()}) == 3
        assert tokens.current() == tokens.current()
        assert asked(simulator) == 3

    def test_a_failed_renewal_leaves_nothing_behind(
        self, simulator: PingOneSimulator, tokens: AccessTokens
    ) -> None:
        play(simulator, Fault("token", Answer(500)))
        with pytest.raises(PingOneUnavailable):
            tokens.current()
        assert tokens.current() == tokens.current()


FAILURES: list[tuple[Fault, type[ExportError], str]] = [
    (Fault("token", Answer(400)), Unauthorized, r"answered 400 \(invalid_request: .*Invalid"),
    (Fault("token", Answer(401)), Unauthorized, r"answered 401 \(invalid_client: .*Invalid"),
    (Fault("token", Answer(403)), Unauthorized, "answered 403"),
    (Fault("token", Answer(404, html=True)), Unauthorized, r"answered 404\. Check"),
    (Fault("token", Answer(302)), Unauthorized, "answered 302"),
    (Fault("token", Answer(429, retry_after=1)), PingOneUnavailable, "answered 429"),
    (Fault("token", Answer(500)), PingOneUnavailable, "answered 500"),
    (Fault("token", Answer(503, html=True)), PingOneUnavailable, "answered 503"),
    (Fault("token", DropConnection()), PingOneUnavailable, "ConnectionError"),
    (Fault("token", MalformedJson()), InvalidResponse, "without access_token"),
    (Fault("token", ChangeBody(omit=("access_token",))), InvalidResponse, "without access_token"),
    (Fault("token", ChangeBody(override={"access_token": None})), InvalidResponse, "without"),
    (Fault("token", ChangeBody(override={"access_token": ""})), InvalidResponse, "without"),
    (Fault("token", ChangeBody(override={"expires_in": "soon"})), InvalidResponse, "without"),
]


class TestFailures:
    @pytest.mark.parametrize(("fault", "kind", "message"), FAILURES)
    def test_every_failure_of_the_token_endpoint_has_its_type_and_tells_no_secret(
        self,
        simulator: PingOneSimulator,
        tokens: AccessTokens,
        fault: Fault,
        kind: type[ExportError],
        message: str,
    ) -> None:
        play(simulator, fault)
        with pytest.raises(kind, match=message) as failure:
            tokens.current()
        assert secrets_in(told(failure.value), simulator) == []
        assert simulator.client_id not in told(failure.value)

    def test_wrong_credentials_are_refused(
        self, simulator: PingOneSimulator, session: requests.Session
    ) -> None:
        wrong = ClientCredentials(simulator.client_id, "canary")
        tokens = AccessTokens(session, simulator.token_url(ENVIRONMENT_ID), wrong.authentication)
        with pytest.raises(Unauthorized, match="client id and secret") as refusal:
            tokens.current()
        assert "canary" not in told(refusal.value)

    def test_a_token_endpoint_that_cannot_be_reached_is_unavailable(
        self, simulator: PingOneSimulator, session: requests.Session
    ) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}/as/token"
            tokens = AccessTokens(session, url, lambda: authentication_of(simulator))
            with pytest.raises(PingOneUnavailable) as failure:
                tokens.current()
        assert secrets_in(told(failure.value), simulator) == []

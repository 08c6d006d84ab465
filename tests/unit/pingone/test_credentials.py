"""A token is kept while it is good, and nothing that goes wrong tells the client secret."""

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
from local.pingone_simulator.faults import Effect
from pingone_reports.errors import (
    ExportError,
    InvalidResponse,
    InvalidSecret,
    PingOneUnavailable,
    Unauthorized,
)
from pingone_reports.pingone.credentials import AccessTokens, ClientCredentials
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


class TestSecret:
    def test_credentials_are_the_id_and_the_secret_and_do_not_show_themselves(self) -> None:
        credentials = ClientCredentials.parse(
            '{"clientId": "me", "clientSecret": "canary", "x": 1}'
        )
        assert (credentials.client_id, credentials.client_secret) == ("me", "canary")
        assert "canary" not in repr(credentials)

    @pytest.mark.parametrize(
        "secret",
        [
            "",
            "canary",
            '"canary"',
            "null",
            '{"clientId": "me", "clientSecret": "canary"',
            '{"clientId": "me", "clientSecret": ""}',
            '{"clientId": "", "clientSecret": "canary"}',
            '{"clientSecret": "canary"}',
            '{"clientId": 7, "clientSecret": "canary"}',
            '{"clientId": "me", "clientSecret": ["canary"]}',
            '{"clientId": "me", "clientSecret": "canary €"}',
            pytest.param("[" * 100_000 + '"canary"' + "]" * 100_000, id="deep"),
        ],
    )
    def test_a_text_that_is_no_secret_is_not_quoted(self, secret: str) -> None:
        with pytest.raises(InvalidSecret, match="clientId") as fault:
            ClientCredentials.parse(secret)
        assert "canary" not in told(fault.value)


class TestTokens:
    def test_a_token_is_kept_until_it_is_renewed_or_expires_within_a_minute(
        self, simulator: PingOneSimulator, tokens: AccessTokens, clock: ManualClock
    ) -> None:
        first = tokens.current()
        second = tokens.renew()
        clock.now = 3539
        assert first != second == tokens.current()
        assert len(simulator.requests) == 2
        clock.now = 3540
        assert tokens.current() not in (first, second)

    def test_a_rotated_secret_is_read_when_the_token_is_renewed(
        self, simulator: PingOneSimulator, session: requests.Session
    ) -> None:
        authentication = authentication_of(simulator)
        tokens = AccessTokens(session, simulator.token_url(ENVIRONMENT_ID), lambda: authentication)
        tokens.current()
        rotated = simulator.rotate_client_secret(ENVIRONMENT_ID)
        with pytest.raises(Unauthorized, match="client id and secret") as refusal:
            tokens.renew()
        assert secrets_in(told(refusal.value), simulator) == []
        authentication = ClientCredentials(simulator.client_id, rotated).authentication()
        assert tokens.renew() == tokens.current()

    @pytest.mark.parametrize(
        "effect",
        [
            MalformedJson(),
            ChangeBody(omit=("access_token",)),
            *(
                ChangeBody(override={"expires_in": value})
                for value in (int("9" * 400), float("nan"), float("inf"), -1, 0, True, None)
            ),
            *(ChangeBody(override={"expires_in": value}) for value in ("soon", "9" * 400, [3600])),
            *(
                ChangeBody(override={"access_token": value})
                for value in ("", "a b", "a\r\nX-Injected: 1", "\u20ac", "\ud800", 7, ["a"], None)
            ),
        ],
        ids=lambda effect: repr(effect)[:60],
    )
    def test_a_token_that_cannot_be_used_is_no_token(
        self, simulator: PingOneSimulator, tokens: AccessTokens, effect: Effect
    ) -> None:
        play(simulator, Fault("token", effect))
        with pytest.raises(InvalidResponse, match="without access_token and expires_in") as fault:
            tokens.current()
        assert secrets_in(told(fault.value), simulator) == []
        assert tokens.current() == tokens.current()

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
        assert len(simulator.requests) == 3


@pytest.mark.parametrize(
    ("effect", "kind", "message"),
    [
        (Answer(400), Unauthorized, r"answered 400 \(invalid_request: .*Invalid"),
        (Answer(401), Unauthorized, r"answered 401 \(invalid_client: .*Invalid"),
        (Answer(403), Unauthorized, "answered 403"),
        (Answer(404, html=True), Unauthorized, r"answered 404\. Check"),
        (Answer(302), Unauthorized, "answered 302"),
        (Answer(429, retry_after=1), PingOneUnavailable, "answered 429"),
        (Answer(500), PingOneUnavailable, "answered 500"),
        (Answer(503, html=True), PingOneUnavailable, "answered 503"),
        (DropConnection(), PingOneUnavailable, "ConnectionError"),
    ],
)
def test_every_failure_of_the_token_endpoint_has_its_type_and_tells_no_secret(
    simulator: PingOneSimulator,
    tokens: AccessTokens,
    effect: Effect,
    kind: type[ExportError],
    message: str,
) -> None:
    play(simulator, Fault("token", effect))
    with pytest.raises(kind, match=message) as failure:
        tokens.current()
    assert secrets_in(told(failure.value), simulator) == []
    assert simulator.client_id not in told(failure.value)

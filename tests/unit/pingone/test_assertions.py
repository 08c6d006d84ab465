"""An assertion is good once, for a minute, at one endpoint; what is wrong with one is said."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests

from local.pingone_simulator import Answer, Fault, PingOneSimulator
from pingone_reports.errors import (
    PingOneUnavailable,
    SigningRefused,
    SigningUnavailable,
    Unauthorized,
)
from pingone_reports.pingone.assertions import ClientAssertions
from pingone_reports.pingone.credentials import AccessTokens, ClientAuthentication
from tests.support.asking import ENVIRONMENT_ID, play, secrets_in, told
from tests.support.signing import LocalKey, jwks_with, local_key
from tests.support.simulator import ManualClock

Assertions = Callable[..., ClientAssertions]


@pytest.fixture
def key() -> LocalKey:
    key = local_key()
    key.refuses = None
    return key


@pytest.fixture
def assertions(simulator: PingOneSimulator, key: LocalKey, clock: ManualClock) -> Assertions:
    """Good ones, but for what is given."""
    simulator.register_jwks(jwks_with(key))

    def made(**given: Any) -> ClientAssertions:
        good: dict[str, Any] = {
            "client_id": simulator.keyed_client_id,
            "token_url": simulator.token_url(ENVIRONMENT_ID),
            "key": key,
            "now": lambda: clock.instant(clock.seconds()).timestamp(),
        }
        return ClientAssertions(**(good | given))

    return made


@pytest.fixture
def keyed(
    simulator: PingOneSimulator,
    session: requests.Session,
    assertions: Assertions,
    clock: ManualClock,
) -> Callable[..., AccessTokens]:
    """Tokens for such assertions."""

    def made(
        authenticate: Callable[[], ClientAuthentication] | None = None, **given: Any
    ) -> AccessTokens:
        url = simulator.token_url(ENVIRONMENT_ID)
        return AccessTokens(
            session, url, authenticate or assertions(**given).authentication, clock.seconds
        )

    return made


def claims_of(authentication: ClientAuthentication) -> dict[str, Any]:
    return dict(
        jwt.decode(authentication.form["client_assertion"], options={"verify_signature": False})
    )


class TestAssertions:
    def test_an_assertion_is_what_pingone_documents(
        self, simulator: PingOneSimulator, assertions: Assertions, key: LocalKey, clock: ManualClock
    ) -> None:
        authentication = assertions().authentication()
        header = jwt.get_unverified_header(authentication.form["client_assertion"])
        assert header == {"alg": "RS256", "typ": "JWT", "kid": key.id}
        claims = claims_of(authentication)
        assert claims.pop("jti")
        assert claims == {
            "iss": simulator.keyed_client_id,
            "sub": simulator.keyed_client_id,
            "aud": simulator.token_url(ENVIRONMENT_ID),
            "exp": clock.instant(60).timestamp(),
        }
        assert authentication.form["client_assertion_type"] == (
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        )
        assert authentication.basic is None

    def test_every_assertion_has_another_id(self, assertions: Assertions) -> None:
        made = assertions()
        assert claims_of(made.authentication())["jti"] != claims_of(made.authentication())["jti"]

    def test_an_assertion_does_not_show_itself(self, assertions: Assertions) -> None:
        authentication = assertions().authentication()
        assert authentication.form["client_assertion"] not in repr(authentication)
        assert authentication.secrets[-1] not in repr(authentication)

    def test_an_assertion_is_as_secret_as_its_signature(self, assertions: Assertions) -> None:
        authentication = assertions().authentication()
        assertion = authentication.form["client_assertion"]
        assert assertion in authentication.secrets
        assert assertion.rpartition(".")[2] in authentication.secrets


class TestTokens:
    def test_an_assertion_buys_a_token(
        self, simulator: PingOneSimulator, keyed: Callable[..., AccessTokens]
    ) -> None:
        tokens = keyed()
        first = tokens.current()
        assert tokens.current() == first
        assert tokens.renew() != first
        # What messages leave out is what tests look for.
        issued = {
            secret.value for secret in simulator.issued_secrets if secret.kind == "client assertion"
        }
        assert issued < set(tokens.secrets)

    def test_an_assertion_that_lives_for_a_minute_is_too_old_after_it(
        self, keyed: Callable[..., AccessTokens], assertions: Assertions, clock: ManualClock
    ) -> None:
        authentication = assertions().authentication()
        clock.now = 59
        assert keyed(lambda: authentication).current()
        late = assertions().authentication()
        clock.now = 120
        with pytest.raises(Unauthorized, match="has expired"):
            keyed(lambda: late).current()

    def test_both_keys_are_good_while_they_are_rotated(
        self, simulator: PingOneSimulator, keyed: Callable[..., AccessTokens], key: LocalKey
    ) -> None:
        new = local_key(1)
        simulator.register_jwks(jwks_with(key, new))
        assert keyed().current()
        assert keyed(key=new).current()
        simulator.register_jwks(jwks_with(new))
        assert keyed(key=new).current()
        with pytest.raises(Unauthorized, match="JWKS has no key"):
            keyed().current()

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"client_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, "ssuer"),
            ({"token_url": "https://auth.pingone.eu/x/as/token"}, "Audience"),
            ({"now": lambda: 0}, "has expired"),
            ({"now": lambda: 1e10}, "more than an hour"),
        ],
        ids=["client", "audience", "old", "long"],
    )
    def test_a_wrong_assertion_is_refused_and_pingones_reason_is_told(
        self,
        simulator: PingOneSimulator,
        keyed: Callable[..., AccessTokens],
        key: LocalKey,
        wrong: dict[str, Any],
        reason: str,
    ) -> None:
        with pytest.raises(Unauthorized, match=rf"401 \(invalid_client: .*{reason}") as refusal:
            keyed(**wrong).current()
        assert "ClientId" in told(refusal.value)
        assert key.id in told(refusal.value)
        assert secrets_in(told(refusal.value), simulator) == []

    def test_an_assertion_is_good_once(
        self, keyed: Callable[..., AccessTokens], assertions: Assertions
    ) -> None:
        authentication = assertions().authentication()
        tokens = keyed(lambda: authentication)
        tokens.renew()
        with pytest.raises(Unauthorized, match="jti was used before"):
            tokens.renew()

    def test_the_signature_of_another_key_is_refused(
        self, keyed: Callable[..., AccessTokens], key: LocalKey
    ) -> None:
        other = LocalKey()
        other.id = key.id
        with pytest.raises(Unauthorized, match="Signature verification failed"):
            keyed(key=other).current()

    def test_an_application_without_keys_refuses_every_assertion(
        self, simulator: PingOneSimulator, keyed: Callable[..., AccessTokens]
    ) -> None:
        simulator.register_jwks(json.dumps({"keys": json.loads(jwks_with(local_key(1)))["keys"]}))
        with pytest.raises(Unauthorized, match="JWKS has no key"):
            keyed().current()

    def test_an_answer_that_repeats_the_assertion_is_told_without_it(
        self, simulator: PingOneSimulator, keyed: Callable[..., AccessTokens]
    ) -> None:
        # PyJWT quotes no claim but this one.
        with pytest.raises(Unauthorized) as refusal:
            keyed(client_id="canary").current()
        assert secrets_in(told(refusal.value), simulator) == []

    def test_a_token_endpoint_that_is_down_is_unavailable(
        self, simulator: PingOneSimulator, keyed: Callable[..., AccessTokens]
    ) -> None:
        play(simulator, Fault("token", Answer(503)))
        tokens = keyed()
        with pytest.raises(PingOneUnavailable) as failure:
            tokens.current()
        assert secrets_in(told(failure.value), simulator) == []
        assert tokens.current()

    @pytest.mark.parametrize("refusal", [SigningRefused("No."), SigningUnavailable("Not now.")])
    def test_without_a_signature_pingone_is_not_asked(
        self,
        simulator: PingOneSimulator,
        keyed: Callable[..., AccessTokens],
        key: LocalKey,
        refusal: Exception,
    ) -> None:
        key.refuses = refusal
        with pytest.raises(type(refusal)):
            keyed().current()
        assert simulator.requests == []

"""An assertion is good once, for a minute, at one endpoint; what is wrong with one is said."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests

from local.pingone_simulator import PingOneSimulator
from pingone_reports.errors import SigningRefused, SigningUnavailable, Unauthorized
from pingone_reports.pingone.assertions import ClientAssertions
from pingone_reports.pingone.credentials import AccessTokens, ClientAuthentication
from tests.support.asking import ENVIRONMENT_ID, secrets_in, told
from tests.support.signing import LocalKey, jwks_with, local_key
from tests.support.simulator import ManualClock

Assertions = Callable[..., ClientAssertions]
Keyed = Callable[..., AccessTokens]


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
def keyed(simulator: PingOneSimulator, session: requests.Session, assertions: Assertions) -> Keyed:
    """Tokens for such assertions."""

    def made(**given: Any) -> AccessTokens:
        url = simulator.token_url(ENVIRONMENT_ID)
        return AccessTokens(session, url, assertions(**given).authentication)

    return made


def claims_of(authentication: ClientAuthentication) -> dict[str, Any]:
    return dict(
        jwt.decode(authentication.form["client_assertion"], options={"verify_signature": False})
    )


def test_an_assertion_is_what_pingone_documents(
    simulator: PingOneSimulator, assertions: Assertions, key: LocalKey, clock: ManualClock
) -> None:
    made = assertions()
    authentication = made.authentication()
    header = jwt.get_unverified_header(authentication.form["client_assertion"])
    assert header == {"alg": "RS256", "typ": "JWT", "kid": key.id}
    claims = claims_of(authentication)
    assert claims.pop("jti") != claims_of(made.authentication())["jti"]
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


def test_an_assertion_is_as_secret_as_its_signature_and_does_not_show_itself(
    assertions: Assertions,
) -> None:
    authentication = assertions().authentication()
    assertion = authentication.form["client_assertion"]
    for secret in (assertion, assertion.rpartition(".")[2]):
        assert secret in authentication.secrets
        assert secret not in repr(authentication)


def test_each_token_is_bought_with_an_assertion_of_its_own(
    simulator: PingOneSimulator, keyed: Keyed
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
    simulator: PingOneSimulator, keyed: Keyed, key: LocalKey, wrong: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unauthorized, match=rf"401 \(invalid_client: .*{reason}") as refusal:
        keyed(**wrong).current()
    assert "ClientId" in told(refusal.value)
    assert key.id in told(refusal.value)
    assert secrets_in(told(refusal.value), simulator) == []


def test_the_signature_of_another_key_is_refused(keyed: Keyed, key: LocalKey) -> None:
    other = LocalKey()
    other.id = key.id
    with pytest.raises(Unauthorized, match="Signature verification failed"):
        keyed(key=other).current()


@pytest.mark.parametrize("refusal", [SigningRefused("No."), SigningUnavailable("Not now.")])
def test_without_a_signature_pingone_is_not_asked(
    simulator: PingOneSimulator, keyed: Keyed, key: LocalKey, refusal: Exception
) -> None:
    key.refuses = refusal
    with pytest.raises(type(refusal)):
        keyed().current()
    assert simulator.requests == []

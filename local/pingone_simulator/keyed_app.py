"""The worker application that authenticates with a key: PingOne's PRIVATE_KEY_JWT.

Source: "Create a private key JWT", developer.pingidentity.com. PingOne says that it does not look
at `jti`. Here an assertion is good once, so that nobody relies on that.
"""

import json
from uuid import uuid4

import jwt

from local.pingone_simulator.clock import Clock

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# "Tokens that expire more than one hour from now are rejected."
_LONGEST_LIFE_SECONDS = 3600


class KeyedApp:
    """A client id, and the public keys that its JWKS holds."""

    def __init__(self, clock: Clock) -> None:
        self.client_id = str(uuid4())
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._seen: set[str] = set()

    def register_jwks(self, jwks: str) -> None:
        """Take these keys in place of those before, as the application's setting `jwks` does.

        It is JSON, also as PingOne's API has it: in a JSON string.
        """
        text = json.loads(jwks)
        jwks = text if isinstance(text, str) else jwks
        self._keys = {str(key.key_id): key for key in jwt.PyJWKSet.from_json(jwks).keys}

    def refusal_of(self, assertion: str, token_url: str) -> str:
        """Why an assertion is refused; nothing if it is good, which it is no second time."""
        try:
            kid = str(jwt.get_unverified_header(assertion).get("kid"))
            key = self._keys.get(kid)
            if key is None:
                return f"The application's JWKS has no key {kid}"
            claims = jwt.decode(
                assertion,
                key,
                algorithms=["RS256", "RS384", "RS512"],
                audience=[token_url, token_url.removesuffix("/token")],
                issuer=self.client_id,
                subject=self.client_id,
                # Not by this machine's clock.
                options={"require": ["iss", "sub", "aud", "exp"], "verify_exp": False},
            )
        except jwt.InvalidTokenError as error:
            return str(error)
        now = self._clock.instant(self._clock.seconds()).timestamp()
        if not now < claims["exp"] <= now + _LONGEST_LIFE_SECONDS:
            return "The assertion has expired, or expires more than an hour from now"
        if claims.get("jti") in self._seen:
            return "The assertion's jti was used before"
        self._seen |= {claims["jti"]} if "jti" in claims else set()
        return ""

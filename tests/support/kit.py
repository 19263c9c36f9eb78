"""What the tests of the kit share beside their fixtures."""

from collections.abc import Callable

from fastapi import FastAPI

from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.tokens import TokenVerifier
from support.gateway import ISSUER, Key

MakeApp = Callable[..., FastAPI]
"""An application of these routers; `state` is what its lifespan yields, `dialects` those of the kit, and the other
keyword arguments are settings."""


def verifier_of(key: Key) -> TokenVerifier:
    """A verifier of the tokens that are signed by this key."""

    async def fetch() -> dict[str, object]:
        return {"keys": [key.jwk]}

    return TokenVerifier(KeySet(fetch), issuer=ISSUER)

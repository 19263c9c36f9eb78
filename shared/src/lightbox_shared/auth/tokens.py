"""Verification of access tokens (RFC 9068 profile, RFC 8725 practices).

Only RS256, only our issuer and audience, only `typ` `at+jwt`, only keys from the configured JWKS address. A token
that was checked once is remembered until it expires: the signature of the same bytes can't change its mind.
Revocation is a matter of the gateway (see `gateway/revocations.py`), the only door.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from jose import jwt
from jose.exceptions import JOSEError

from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.principal import Principal
from lightbox_shared.errors import InvalidToken

ALGORITHM: Final = "RS256"
AUDIENCE: Final = "lightbox"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of an access token
MAX_TOKEN_LENGTH: Final = 6 * 1024
"""2 kB, and a device's name of 255 characters that JSON writes with 12 bytes each, in base64."""
# The library skips what is not base64; each spelling of one token would be remembered by itself.
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
LEEWAY_SECONDS: Final = 10
REMEMBERED: Final = 20_000

_REQUIRED: Final = {
    "require_exp": True,
    "require_iat": True,
    "require_iss": True,
    "require_aud": True,
    "require_sub": True,
    "require_jti": True,
    "verify_at_hash": False,
    "leeway": LEEWAY_SECONDS,
}


class TokenVerifier:
    """Checks tokens against a key set."""

    def __init__(self, keys: KeySet, *, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._known: OrderedDict[str, Principal] = OrderedDict()

    def remembered(self, token: str) -> Principal | None:
        """The bearer of a token that was verified before and has not expired; the fast path, without a task switch."""
        principal = self._known.get(token)
        if principal is None or principal.expires_at <= self._clock():
            return None
        return principal

    async def verify(self, token: str) -> Principal:
        """The bearer of `token`. Raises `InvalidToken`, and `Unavailable` if no key was ever reachable."""
        principal = self.remembered(token)
        if principal is not None:
            return principal
        if len(token) > MAX_TOKEN_LENGTH or not _COMPACT.fullmatch(token):
            raise InvalidToken
        try:
            header = jwt.get_unverified_header(token)
        except JOSEError as error:
            raise InvalidToken from error
        # The key fixes the algorithm, and the header may only agree: nothing that the sender wrote is believed.
        if header.get("alg") != ALGORITHM or str(header.get("typ", "")).lower() != TOKEN_TYPE:
            raise InvalidToken
        key = await self._keys.find(str(header.get("kid", "")))
        if key is None:
            raise InvalidToken
        try:
            claims = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=self._issuer, options=_REQUIRED
            )
            principal = Principal.from_claims(claims)
        except (JOSEError, KeyError, TypeError, ValueError) as error:
            raise InvalidToken from error
        self._known[token] = principal
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return principal

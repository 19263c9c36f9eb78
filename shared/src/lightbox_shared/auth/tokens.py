"""Verification of access tokens (RFC 9068 profile, RFC 8725 practices).

Only RS256, only our issuer and audience, only `typ` `at+jwt`, only keys from the configured JWKS address. A token
that was verified is remembered until it expires, since the same bytes would give the same result. Services do not look
for revoked sessions: the gateway does (`gateway/revocations.py`), and every request comes through it.
"""

import re
import time
from collections.abc import Callable
from typing import Final

from cachetools import FIFOCache
from jose import jwt
from jose.exceptions import ExpiredSignatureError, JOSEError

from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.principal import Principal
from lightbox_shared.errors import InvalidToken

ALGORITHM: Final = "RS256"
AUDIENCE: Final = "lightbox"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of an access token
MAX_TOKEN_LENGTH: Final = 6 * 1024
"""Enough for 2 kB and a device id of 255 characters, each of which JSON may write with 12 bytes, in base64."""
# jose ignores characters that are not base64, and each spelling of one token would have an entry of its own.
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
LEEWAY_SECONDS: Final = 10
REMEMBERED_TOKENS: Final = 20_000

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


class ExpiredToken(InvalidToken):
    """The token is of our issuer, and has expired. Clients are told what they are told of every invalid token."""


class TokenVerifier:
    """Verifies access tokens with the keys of one issuer."""

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str,
        clock: Callable[[], float] = time.time,
        max_remembered: int = REMEMBERED_TOKENS,
    ) -> None:
        """`issuer` is the `iss` that tokens must have; `clock` returns seconds since the epoch; `max_remembered` tokens
        are remembered, after which the oldest make room."""
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._verified: FIFOCache[str, Principal] = FIFOCache(max_remembered)

    def remembered(self, token: str) -> Principal | None:
        """The bearer of a token that was verified before and has not expired, else None. Does not switch tasks, so that
        the gateway can call it for every request before `verify`."""
        try:
            principal = self._verified[token]  # a third faster than `get` for a token that is there
        except KeyError:
            return None
        return principal if principal.expires_at > self._clock() else None

    async def verify(self, token: str) -> Principal:
        """The bearer of `token`.

        Raises `InvalidToken`, which is `ExpiredToken` if only its time is over, and `Unavailable` if the keys of the
        issuer could never be fetched.
        """
        principal = self.remembered(token)
        if principal is not None:
            return principal
        if len(token) > MAX_TOKEN_LENGTH or not _COMPACT.fullmatch(token):
            raise InvalidToken
        try:
            header = jwt.get_unverified_header(token)
        except JOSEError as error:
            raise InvalidToken from error
        # The algorithm is that of the key, never the one that the sender chose (RFC 8725 section 3.1).
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
        except ExpiredSignatureError as error:  # raised after the signature was verified
            raise ExpiredToken from error
        except (JOSEError, KeyError, TypeError, ValueError) as error:
            raise InvalidToken from error
        self._verified[token] = principal
        return principal

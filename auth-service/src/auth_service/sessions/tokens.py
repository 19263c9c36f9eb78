"""Signing access tokens: the profile of RFC 9068, with RS256. `lightbox_shared.auth` verifies them."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from jose import jwt

from auth_service.keys.service import SigningKeys
from lightbox_shared.auth.principal import ACCOUNT_SUBJECT, SERVICE_SUBJECT, Authority
from lightbox_shared.auth.tokens import ALGORITHM, AUDIENCE, TOKEN_TYPE

SERVICE_TOKEN_SECONDS: Final = 900
ID_TOKEN_TYPE: Final = "JWT"  # noqa: S105 - a media type


class TokenIssuer:
    """Signs tokens. A signature takes less than a millisecond, so it is made on the event loop."""

    def __init__(self, keys: SigningKeys, *, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self.issuer = issuer
        self._clock = clock

    def now(self) -> int:
        """The time in whole seconds since the epoch, as tokens have it."""
        return int(self._clock())

    def for_account(
        self,
        account_id: int,
        authority: Authority,
        *,
        session_id: int,
        client_id: str,
        scope: str | None = None,
        device_id: str | None = None,
        issued_at: int,
        expires_at: int,
    ) -> str:
        """A token of a session. Times are seconds since the epoch. Raises `NoSigningKey`.

        With `device_id`, a private claim (RFC 7519 section 4.3), the token may speak for that device alone.
        """
        claims: dict[str, str | int] = {
            "sub": f"{ACCOUNT_SUBJECT}{account_id}",
            "sid": session_id,
            "authority": int(authority),
            "client_id": client_id,
            "iat": issued_at,
            "exp": expires_at,
        }
        if scope is not None:
            claims["scope"] = scope
        if device_id is not None:
            claims["device_id"] = device_id
        return self._sign(claims)

    def id_token(
        self,
        account_id: int,
        *,
        client_id: str,
        session_id: int,
        signed_in_at: int,
        nonce: str | None,
        access_token: str,
        issued_at: int,
        expires_at: int,
    ) -> str:
        """An ID token for a client, which goes with an access token (OpenID Connect Core 1.0 section 2). Times are
        seconds since the epoch. Raises `NoSigningKey`.

        Its `typ` and its audience are others than those of an access token, so that no service accepts it as one.
        """
        signer = self._keys.signer()
        claims: dict[str, str | int] = {
            "iss": self.issuer,
            "aud": client_id,
            "sub": f"{ACCOUNT_SUBJECT}{account_id}",
            "sid": str(session_id),
            "auth_time": signed_in_at,
            "iat": issued_at,
            "exp": expires_at,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        headers = {"kid": signer.kid, "typ": ID_TOKEN_TYPE}
        return jwt.encode(claims, signer.key, ALGORITHM, headers=headers, access_token=access_token)

    def for_service(self, name: str) -> str:
        """A token with which a service calls other services. It lives for `SERVICE_TOKEN_SECONDS`. Raises
        `NoSigningKey`."""
        now = self.now()
        return self._sign(
            {
                "sub": f"{SERVICE_SUBJECT}{name}",
                "client_id": name,
                "iat": now,
                "exp": now + SERVICE_TOKEN_SECONDS,
            }
        )

    def _sign(self, claims: dict[str, str | int]) -> str:
        signer = self._keys.signer()
        claims = {"iss": self.issuer, "aud": AUDIENCE, "jti": secrets.token_urlsafe(16), **claims}
        return jwt.encode(claims, signer.key, ALGORITHM, headers={"kid": signer.kid, "typ": TOKEN_TYPE})

"""The parameter `id_token_hint`: an ID token by which an application says whom it means (OpenID Connect Core 1.0
section 3.1.2.1, RP-Initiated Logout 1.0 section 2)."""

from dataclasses import dataclass
from typing import Any, Final

from jose import jwt
from jose.exceptions import JOSEError

from auth_service.keys.service import SigningKeys
from auth_service.sessions.tokens import ID_TOKEN_TYPE
from lightbox_shared.auth.principal import ACCOUNT_SUBJECT
from lightbox_shared.auth.tokens import ALGORITHM, MAX_TOKEN_LENGTH

_UNTIMED: Final = {"verify_aud": False, "verify_exp": False, "verify_at_hash": False, "require_sub": True}


@dataclass(frozen=True, slots=True)
class IdTokenHint:
    """An ID token of ours, which may have expired."""

    client_id: str
    account_id: int
    session_id: int


class IdTokenHints:
    """Reads hints."""

    def __init__(self, keys: SigningKeys, *, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer

    def read(self, token: str) -> IdTokenHint | None:
        """An ID token that is ours; None for every other text."""
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        try:
            header: dict[str, Any] = jwt.get_unverified_header(token)
            published = self._keys.published.document["keys"]
            key = next((each for each in published if each["kid"] == header.get("kid")), None)
            if key is None or header.get("alg") != ALGORITHM or header.get("typ") != ID_TOKEN_TYPE:
                return None
            claims = jwt.decode(token, key, algorithms=[ALGORITHM], issuer=self._issuer, options=_UNTIMED)
            account_id = int(str(claims["sub"]).removeprefix(ACCOUNT_SUBJECT))
            return IdTokenHint(str(claims["aud"]), account_id, int(claims["sid"]))
        except (JOSEError, KeyError, ValueError):
            return None

"""The scopes of authorization requests (RFC 6749 section 3.3, OpenID Connect Core 1.0 section 5.4)."""

from collections.abc import Collection
from typing import Final

from lightbox_shared.auth.principal import WHOLE_ACCOUNT, Scope

OPENID: Final = "openid"
PROFILE: Final = "profile"
EMAIL: Final = "email"
IDENTITY_SCOPES: Final = (OPENID, PROFILE, EMAIL)
"""What a client learns of an account. By themselves they allow nothing else."""
SCOPES: Final = (*IDENTITY_SCOPES, *(scope.value for scope in Scope), WHOLE_ACCOUNT)


def scope_words(scope: str | None) -> list[str]:
    """The words of a scope, each once, in their order."""
    return list(dict.fromkeys((scope or "").split(" "))) if scope else []


def opened_by(words: Collection[str]) -> list[str]:
    """The words with what they imply: a token that opens paths of the platform opens `/self` too."""
    implied = (PROFILE, EMAIL) if any(word in set(Scope) for word in words) else ()
    return [scope for scope in SCOPES if scope in {*words, *implied}]


def may_ask_for(words: Collection[str], allowed: Collection[str]) -> bool:
    """Whether all of these words are among those allowed; there has to be one."""
    return bool(words) and set(words) <= set(allowed)

"""The scopes of authorization requests (RFC 6749 section 3.3, OpenID Connect Core 1.0 section 5.4)."""

from collections.abc import Collection, Iterable
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


def without_whole_account(scopes: Iterable[str]) -> list[str]:
    """The scopes that clients of others may ask for."""
    return [scope for scope in scopes if scope != WHOLE_ACCOUNT]


def may_ask_for(words: Collection[str], allowed: Collection[str]) -> bool:
    """Whether all of these words are among those allowed; there has to be one."""
    return bool(words) and set(words) <= set(allowed)

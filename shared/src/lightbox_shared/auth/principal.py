"""What a verified token says about its bearer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Self

from lightbox_shared.errors import InvalidToken


class Authority(IntEnum):
    """What an account may do; the numbers are on the wire."""

    NONE = 100
    """Registered, waiting for approval."""
    ADMIN = 101
    DOCTOR = 102
    GUEST = 103


class Scope(StrEnum):
    """What a token may be used for, where it is not for the whole account (RFC 9068 section 2.2.3)."""

    PREDICT = "predict"
    """Have models read pictures."""
    COLLECT = "collect"
    """Send pictures to the collection."""
    ANNOTATE = "annotate"
    """Label pictures."""
    HUB = "hub"
    """Manage the gallery."""
    READ = "read"
    """Look at whatever the others may change."""


READ_METHODS = frozenset({"GET", "HEAD"})
"""The methods for which `Scope.READ` is enough."""

ANONYMOUS_ACCOUNT = 1
"""The reserved account that owns what nobody signed in for."""

ACCOUNT_SUBJECT = "account:"
SERVICE_SUBJECT = "service:"


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a token: an account (`account_id`, `authority`, `session_id`) or a service (`service`)."""

    token_id: str
    expires_at: int
    """Seconds since the epoch."""
    account_id: int | None = None
    authority: Authority = Authority.NONE
    session_id: int | None = None
    service: str | None = None
    scopes: frozenset[Scope] | None = None
    """None: the whole account."""
    device_id: str | None = None
    """The one device that the bearer may speak for; None: not bound. Only accounts' tokens are bound."""

    def allows(self, scopes: Iterable[Scope], method: str) -> bool:
        """Whether the token is for one of `scopes`, or for the whole account. Without any scope the whole account is
        what it takes."""
        if self.scopes is None:
            return True
        wanted = frozenset(scopes)
        if wanted and method in READ_METHODS and Scope.READ in self.scopes:
            return True
        return not self.scopes.isdisjoint(wanted)

    @property
    def account(self) -> int:
        """The account's id, for endpoints that only accounts may call. Raises `InvalidToken` for a service."""
        if self.account_id is None:
            raise InvalidToken
        return self.account_id

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read RFC 9068 claims as this platform writes them. Raises `ValueError`, `KeyError` or `TypeError`.

        Subjects carry their kind, so that the id of an account and the name of a service can't collide. A service's
        token that is bound to a device is refused: a limit that nobody would keep is not passed over.
        """
        subject = str(claims["sub"])
        token_id, expires_at = str(claims["jti"]), int(claims["exp"])
        scopes = parse_scopes(claims["scope"]) if "scope" in claims else None
        device_id = claims.get("device_id")
        if "device_id" in claims and not isinstance(device_id, str):
            raise TypeError("device_id")
        if subject.startswith(SERVICE_SUBJECT):
            if device_id is not None:
                raise ValueError("device_id")
            return cls(token_id, expires_at, service=subject.removeprefix(SERVICE_SUBJECT), scopes=scopes)
        if not subject.startswith(ACCOUNT_SUBJECT):
            raise ValueError(subject)
        return cls(
            token_id,
            expires_at,
            account_id=int(subject.removeprefix(ACCOUNT_SUBJECT)),
            authority=Authority(claims["authority"]),
            session_id=int(claims["sid"]),
            scopes=scopes,
            device_id=device_id,
        )


def parse_scopes(claim: object) -> frozenset[Scope]:
    """`"predict read"` as scopes (RFC 6749 section 3.3); words that we do not know give nothing. Raises `TypeError`."""
    if not isinstance(claim, str):
        raise TypeError("scope")
    words = set(claim.split(" "))
    return frozenset(scope for scope in Scope if scope in words)

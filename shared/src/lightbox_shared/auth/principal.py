"""The bearer of a verified token, and what it may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Self

from lightbox_shared.errors import InvalidToken


class Authority(IntEnum):
    """What an account may do. The numbers are part of the protocol of TheYelda."""

    NONE = 100
    """Registered, and not yet approved by an administrator."""
    ADMIN = 101
    DOCTOR = 102
    GUEST = 103
    EXPERT = 104
    """A doctor who decides where doctors disagree; may do everything that a doctor may."""


class Scope(StrEnum):
    """What a scoped token may be used for (RFC 9068 section 2.2.3). A token without scopes may be used for
    everything."""

    PREDICT = "predict"
    """Run models on pictures."""
    COLLECT = "collect"
    """Send pictures to the collection."""
    ANNOTATE = "annotate"
    """Label pictures."""
    HUB = "hub"
    """Manage the gallery."""
    READ = "read"
    """Read what the other scopes may change."""


WHOLE_ACCOUNT = "account"
"""The word in a scope that stands for everything that the account may do, as no scope at all does. A client that also
asks for other words needs it: with `openid` alone nothing of the account can be used."""

READ_METHODS = frozenset({"GET", "HEAD"})
"""The methods for which `Scope.READ` is enough."""

ANONYMOUS_ACCOUNT = 1
"""The id of the reserved account that owns uploads without a sign-in."""

ACCOUNT_SUBJECT = "account:"
SERVICE_SUBJECT = "service:"


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a token: an account or a service.

    An account has `account_id`, `authority` and `session_id`; a service has `service`, its name.
    """

    token_id: str
    expires_at: int
    """Seconds since the epoch."""
    account_id: int | None = None
    authority: Authority = Authority.NONE
    session_id: int | None = None
    service: str | None = None
    scopes: frozenset[Scope] | None = None
    """What the token may be used for; None for everything that the account may do."""
    device_id: str | None = None
    """The only device for which the bearer may act; None for all. Tokens of services are never bound to a device."""

    def allows(self, scopes: Iterable[Scope], method: str) -> bool:
        """Whether the token may be used for a request with this HTTP method, which takes one of `scopes`.

        A token without scopes may be used for every request, and is the only one for a request without `scopes`.
        """
        if self.scopes is None:
            return True
        wanted = frozenset(scopes)
        if wanted and method in READ_METHODS and Scope.READ in self.scopes:
            return True
        return not self.scopes.isdisjoint(wanted)

    @property
    def account(self) -> int:
        """The account's id, for endpoints that services may not call. Raises `InvalidToken` for a service."""
        if self.account_id is None:
            raise InvalidToken
        return self.account_id

    @property
    def waits_for_approval(self) -> bool:
        """Whether this is an account that no administrator has approved. Anybody may have signed up for it."""
        return self.account_id is not None and self.authority is Authority.NONE

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read RFC 9068 claims as this platform writes them. Raises `ValueError`, `KeyError` or `TypeError`.

        Subjects begin with their kind, so that the id of an account can't be taken for the name of a service. A
        service's token that is bound to a device is refused, since services do not enforce that limit on each other.
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


def parse_scopes(claim: object) -> frozenset[Scope] | None:
    """The scopes in a claim such as `"predict read"` (RFC 6749 section 3.3); unknown ones are left out. None for one
    with the word `WHOLE_ACCOUNT`.

    Raises `TypeError` for a claim that is no text.
    """
    if not isinstance(claim, str):
        raise TypeError("scope")
    words = set(claim.split(" "))
    if WHOLE_ACCOUNT in words:
        return None
    return frozenset(scope for scope in Scope if scope in words)

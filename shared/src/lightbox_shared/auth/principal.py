"""What a verified token says about its bearer."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from lightbox_shared.errors import InvalidToken


class Authority(IntEnum):
    """What an account may do; the numbers are on the wire."""

    NONE = 100
    """Registered, waiting for approval."""
    ADMIN = 101
    DOCTOR = 102
    GUEST = 103


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

    @property
    def account(self) -> int:
        """The account's id, for endpoints that only accounts may call. Raises `InvalidToken` for a service."""
        if self.account_id is None:
            raise InvalidToken
        return self.account_id

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read RFC 9068 claims as this platform writes them. Raises `ValueError`, `KeyError` or `TypeError`.

        Subjects carry their kind, so that the id of an account and the name of a service can't collide.
        """
        subject = str(claims["sub"])
        token_id, expires_at = str(claims["jti"]), int(claims["exp"])
        if subject.startswith(SERVICE_SUBJECT):
            return cls(token_id, expires_at, service=subject.removeprefix(SERVICE_SUBJECT))
        if not subject.startswith(ACCOUNT_SUBJECT):
            raise ValueError(subject)
        return cls(
            token_id,
            expires_at,
            account_id=int(subject.removeprefix(ACCOUNT_SUBJECT)),
            authority=Authority(claims["authority"]),
            session_id=int(claims["sid"]),
        )

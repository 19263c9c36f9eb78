"""Sessions on the wire."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel

from auth_service.sessions.models import LoginSession


class SessionBody(BaseModel):
    """A session, as its account sees it."""

    id: int
    client_id: str
    """What it was opened with, such as `chexray`."""
    created_at: datetime
    expires_at: datetime
    current: bool
    """Whether it is the one that asks."""

    @classmethod
    def of(cls, row: LoginSession, current: int | None) -> Self:
        """From a row, and the id of the session that asks."""
        return cls(
            id=row.id,
            client_id=row.client_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            current=row.id == current,
        )


class SessionList(BaseModel):
    """One page."""

    sessions: list[SessionBody]
    next_cursor: str | None


class RevokedSession(BaseModel):
    """A session whose tokens are to be refused."""

    sid: int
    exp: int
    """When its tokens expire, in seconds since the epoch. Verifiers that allow a leeway add it before they forget."""


class RevocationFeed(BaseModel):
    """What was revoked since a cursor, and the next cursor."""

    cursor: str
    revoked: list[RevokedSession]

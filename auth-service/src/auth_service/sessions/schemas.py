"""The bodies of responses about login sessions."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from auth_service.sessions.models import LoginSession


class SessionBody(BaseModel):
    """A login session, as its account sees it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    client_id: str
    """The kind of client that signed in, such as `chexray`."""
    created_at: datetime
    expires_at: datetime
    current: bool
    """Whether it is the session of this request."""

    @classmethod
    def of(cls, row: LoginSession, current: int) -> Self:
        """From a row, and the id of the session of this request."""
        return cls(
            id=row.id,
            client_id=row.client_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            current=row.id == current,
        )


class SessionList(BaseModel):
    """A page of an account's sessions."""

    sessions: list[SessionBody]
    next_cursor: str | None


class RevokedSession(BaseModel):
    """A session whose tokens are to be refused."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    sid: int
    exp: int
    """When its tokens expire, in seconds since the epoch. A verifier that allows a leeway has to add it."""


class RevocationFeed(BaseModel):
    """The sessions that were revoked since a cursor, and the next cursor."""

    cursor: str
    revoked: list[RevokedSession]

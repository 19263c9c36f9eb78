"""Sessions on the wire."""

from pydantic import BaseModel


class RevokedSession(BaseModel):
    """A session whose tokens are to be refused."""

    sid: int
    exp: int
    """When its tokens expire, in seconds since the epoch. Verifiers that allow a leeway add it before they forget."""


class RevocationFeed(BaseModel):
    """What was revoked since a cursor, and the next cursor."""

    cursor: str
    revoked: list[RevokedSession]

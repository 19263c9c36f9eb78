"""Service tokens on the wire."""

from typing import Literal

from pydantic import BaseModel


class ServiceToken(BaseModel):
    """A token with which a service calls another one (RFC 6749 section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds."""

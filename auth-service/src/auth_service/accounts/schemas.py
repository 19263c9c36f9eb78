"""Accounts on the wire."""

from pydantic import BaseModel


class AccountForServices(BaseModel):
    """What another service may know about an account."""

    id: int
    username: str
    authority: int

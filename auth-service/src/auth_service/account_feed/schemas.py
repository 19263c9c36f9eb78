"""The feed on the wire."""

from pydantic import BaseModel, ConfigDict


class ChangedAccount(BaseModel):
    """What other services may keep of an account, as it is now."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    username: str
    nickname: str | None
    authority: int
    deleted: bool
    """Nothing is kept of a deleted account: its username is empty then, its nickname null, its authority 100."""


class AccountFeed(BaseModel):
    """A page of accounts that changed since a cursor."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    accounts: list[ChangedAccount]
    next_cursor: str
    """Keep it with the copy, in one transaction, and ask with it next time."""
    more: bool
    """Whether there is a further page now."""

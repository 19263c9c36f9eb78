"""The account that sends a request."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.request_source import account_actor
from lightbox_shared.auth.principal import Authority


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that is signed in, as the database has it now; its token may have been issued with another authority.

    A class of its own, so that features which know nothing of accounts can ask who calls.
    """

    id: int
    """The account's id."""
    username: str
    authority: Authority
    modified_at: datetime
    """When the account was changed last."""
    session_id: int
    """The login session that the token belongs to."""
    signed_in_at: datetime
    """When the person was authenticated: when that session was opened, or the one of the browser that it came from."""

    @property
    def is_admin(self) -> bool:
        """Whether the account is an administrator."""
        return self.authority is Authority.ADMIN

    @property
    def actor(self) -> str:
        """The account's name in the audit trail."""
        return account_actor(self.id)

"""The statement that signs in. It writes everything at once, since a round trip costs as much as its work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from auth_service.accounts.models import Account
from auth_service.sessions.models import LoginSession
from lightbox_shared.database import Statements

# The account is locked first, then the buckets in the order of their keys, and the end of the audit trail last, as in
# all other transactions: so no two of them wait for each other.
_SIGN_IN: Final = text(
    """
    WITH account AS MATERIALIZED (
      SELECT * FROM accounts WHERE id = :account_id AND password_changed_at = :password_changed_at FOR SHARE
    ), opened AS (
      INSERT INTO sessions (account_id, client_id, created_at, expires_at, token_seconds, scope)
        SELECT id, :client_id, :created_at, :expires_at, :token_seconds, :scope FROM account
        RETURNING id
    ), remembered AS (
      INSERT INTO familiar_addresses (account_id, address)
        SELECT opened_for.account_id, opened_for.address
          FROM (SELECT CAST(:account_id AS bigint) AS account_id, CAST(:address AS text) AS address FROM opened)
            AS opened_for
          WHERE opened_for.address IS NOT NULL
        ON CONFLICT (account_id, address) DO UPDATE SET last_seen_at = now()
        RETURNING 1
    ), locked AS MATERIALIZED (
      SELECT bucket FROM guesses WHERE bucket = ANY (:keys) AND (SELECT count(*) FROM opened) = 1
        ORDER BY bucket FOR UPDATE
    ), forgiven AS (
      UPDATE guesses SET failures = CASE WHEN :wholly THEN 0 ELSE greatest(0, guesses.failures - 1) END
        FROM locked WHERE guesses.bucket = locked.bucket
        RETURNING 1
    ), recorded AS (
      INSERT INTO audit_entries (entry)
        SELECT :entry FROM opened WHERE (SELECT count(*) FROM forgiven) + (SELECT count(*) FROM remembered) >= 0
        RETURNING 1
    )
    SELECT account.*, opened.id AS session_id FROM account, opened, recorded
    """
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a sign-in writes besides the session."""

    password_changed_at: datetime
    """The value when the password was verified."""
    keys: Sequence[bytes]
    """The keys of the buckets in which the attempt was counted, to take it back."""
    wholly: bool
    """Whether all failures before it are taken back as well."""
    address: str | None
    """The address to remember; None if that is not needed."""
    entry: str
    """The entry of the audit trail."""


async def sign_in(session: Statements, login: LoginSession, written: SignIn) -> Account | None:
    """Open a login session, which has its id afterwards, and return its account, which stays locked until the
    transaction ends. Returns None, and changes nothing, if the account was deleted or its password was changed.

    Neither object belongs to the database session: changes of them are not stored.
    """
    values = {
        "account_id": login.account_id,
        "client_id": login.client_id,
        "created_at": login.created_at,
        "expires_at": login.expires_at,
        "token_seconds": login.token_seconds,
        "scope": login.scope,
        "password_changed_at": written.password_changed_at,
        "keys": list(written.keys),
        "wholly": written.wholly,
        "address": written.address,
        "entry": written.entry,
    }
    row = (await session.execute(_SIGN_IN, values)).one_or_none()
    if row is None:
        return None
    account: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    login.id = account.pop("session_id")
    return Account(**account)

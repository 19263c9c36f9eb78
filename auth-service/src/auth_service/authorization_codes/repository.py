"""The queries on authorization codes and consents."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from auth_service.accounts.models import Account
from auth_service.authorization_codes.models import AuthorizationCode, Consent
from auth_service.oauth_clients.models import RegisteredClient
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest


async def insert_code(session: WriteSession, row: AuthorizationCode) -> None:
    """Add a code."""
    session.add(row)
    await session.flush()


async def lock_code(session: WriteSession, code_hash: bytes, client_id: str) -> AuthorizationCode | None:
    """The code with this hash that was given to a client, locked until the end of the transaction."""
    statement = select(AuthorizationCode).where(
        AuthorizationCode.code_hash == code_hash, AuthorizationCode.client_id == client_id
    )
    return (await session.execute(statement.with_for_update())).scalar_one_or_none()


async def set_used(session: WriteSession, row: AuthorizationCode, session_id: int) -> None:
    """Store the session that a locked code was exchanged for."""
    row.session_id = session_id
    await session.flush()


async def lock_account(session: WriteSession, account_id: int) -> None:
    """Let nobody change an account until the end of the transaction. What is read afterwards is not older than a change
    for which this had to wait."""
    await session.execute(select(Account.id).where(Account.id == account_id).with_for_update(read=True))


async def delete_expired(session: WriteSession, age: timedelta, limit: int) -> int:
    """Delete up to `limit` codes that expired longer ago than `age`. Returns how many it deleted."""
    row = AuthorizationCode
    old = select(row.id).where(row.expires_at < func.now() - age).order_by(row.expires_at).limit(limit)
    chosen = old.with_for_update(skip_locked=True)
    return len((await session.execute(delete(row).where(row.id.in_(chosen)).returning(row.id))).all())


async def consented(session: ReadSession | WriteSession, account_id: int, client_id: str) -> frozenset[str]:
    """The scopes that an account has allowed a client."""
    statement = select(Consent.scopes).where(Consent.account_id == account_id, Consent.client_id == client_id)
    return frozenset((await session.execute(statement)).scalar_one_or_none() or ())


async def lock_consent(session: WriteSession, account_id: int, client_id: str) -> frozenset[str]:
    """The same, as it stays until the end of the transaction."""
    statement = select(Consent.scopes).where(Consent.account_id == account_id, Consent.client_id == client_id)
    return frozenset((await session.execute(statement.with_for_update(read=True))).scalar_one_or_none() or ())


async def add_consent(session: WriteSession, account_id: int, client_id: str, scopes: Sequence[str]) -> None:
    """Store that an account allows a client these scopes, besides those that it allowed before."""
    values = {"account_id": account_id, "client_id": client_id, "scopes": sorted(scopes)}
    statement = insert(Consent).values(values)
    # United here, where the row is locked: another consent may be given at the same moment.
    both = func.unnest(Consent.scopes.concat(statement.excluded.scopes)).column_valued("scope")
    united = select(both).distinct().order_by(both).correlate_except(both.table).scalar_subquery()
    updated = {"scopes": func.array(united), "modified_at": func.now()}
    await session.execute(
        statement.on_conflict_do_update(index_elements=[Consent.account_id, Consent.client_id], set_=updated)
    )


async def consents(
    session: ReadSession, account_id: int, page: PageRequest
) -> Sequence[tuple[Consent, RegisteredClient]]:
    """A page of the consents of an account with their clients, newest first, and one more if there is a next page."""
    statement = (
        select(Consent, RegisteredClient)
        .join(RegisteredClient, RegisteredClient.client_id == Consent.client_id)
        .where(Consent.account_id == account_id)
        .order_by(Consent.id.desc())
        .limit(page.limit + 1)
    )
    if page.after is not None:
        statement = statement.where(Consent.id < page.after)
    return [(consent, client) for consent, client in await session.execute(statement)]


async def remove_consent(session: WriteSession, account_id: int, consent_id: int) -> str | None:
    """Delete a consent of an account, and return the client_id; None if there is none."""
    which = (Consent.id == consent_id, Consent.account_id == account_id)
    return (await session.execute(delete(Consent).where(*which).returning(Consent.client_id))).scalar_one_or_none()

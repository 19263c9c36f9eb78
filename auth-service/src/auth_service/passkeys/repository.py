"""The queries on passkeys."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from auth_service.accounts.models import Account
from auth_service.passkeys.models import Passkey, PasskeyChallenge, PasskeyUser
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest


async def insert_challenge(
    session: WriteSession, challenge: bytes, account_id: int | None, expires_at: datetime
) -> None:
    """Store a challenge."""
    session.add(PasskeyChallenge(challenge=challenge, account_id=account_id, expires_at=expires_at))
    await session.flush()


async def take_challenge(session: WriteSession, challenge: bytes, account_id: int | None, now: datetime) -> bool:
    """Delete a challenge; whether it was there, for this account or for a sign-in, and has not expired."""
    row = PasskeyChallenge
    same = row.account_id.is_(None) if account_id is None else row.account_id == account_id
    statement = delete(row).where(row.challenge == challenge, same, row.expires_at > now).returning(row.challenge)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def delete_expired(session: WriteSession, age: timedelta, limit: int) -> int:
    """Delete up to `limit` challenges that expired longer ago than `age`. Returns how many it deleted."""
    row = PasskeyChallenge
    old = select(row.challenge).where(row.expires_at < func.now() - age).order_by(row.expires_at).limit(limit)
    chosen = old.with_for_update(skip_locked=True)
    statement = delete(row).where(row.challenge.in_(chosen)).returning(row.challenge)
    return len((await session.execute(statement)).all())


async def user_handle(session: WriteSession, account_id: int, new: bytes) -> bytes:
    """The user handle of an account; `new` if it had none."""
    statement = insert(PasskeyUser).values(account_id=account_id, user_handle=new).on_conflict_do_nothing()
    await session.execute(statement)
    known = select(PasskeyUser.user_handle).where(PasskeyUser.account_id == account_id)
    return (await session.execute(known)).scalar_one()


async def of_account(session: ReadSession | WriteSession, account_id: int) -> Sequence[Passkey]:
    """All passkeys of an account, of which there are few."""
    statement = select(Passkey).where(Passkey.account_id == account_id).order_by(Passkey.id.desc())
    return (await session.execute(statement)).scalars().all()


async def page_of_account(session: ReadSession, account_id: int, page: PageRequest) -> Sequence[Passkey]:
    """A page of the passkeys of an account, newest first, and one more if there is a next page."""
    statement = select(Passkey).where(Passkey.account_id == account_id).order_by(Passkey.id.desc())
    if page.after is not None:
        statement = statement.where(Passkey.id < page.after)
    return (await session.execute(statement.limit(page.limit + 1))).scalars().all()


async def insert_passkey(session: WriteSession, row: Passkey) -> None:
    """Add a passkey; it has its id afterwards."""
    session.add(row)
    await session.flush()
    await session.refresh(row)


async def is_known(session: WriteSession, credential_id: bytes) -> bool:
    """Whether an account has registered this credential."""
    statement = select(Passkey.id).where(Passkey.credential_id == credential_id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def lock(session: WriteSession, account_id: int, passkey_id: int) -> Passkey | None:
    """A passkey of an account, locked until the end of the transaction."""
    statement = select(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == account_id)
    return (await session.execute(statement.with_for_update())).scalar_one_or_none()


async def lock_credential(session: WriteSession, credential_id: bytes) -> tuple[Passkey, Account, bytes] | None:
    """The passkey with the id of its credential, its account and that one's user handle, all as they are until the end
    of the transaction. The account is locked first, as by every other transaction."""
    of = select(Passkey.account_id).where(Passkey.credential_id == credential_id).scalar_subquery()
    owner = select(Account).where(Account.id == of).with_for_update(read=True)
    account = (await session.execute(owner)).scalar_one_or_none()
    statement = select(Passkey).where(Passkey.credential_id == credential_id).with_for_update()
    passkey = (await session.execute(statement)).scalar_one_or_none()
    if account is None or passkey is None or passkey.account_id != account.id:
        return None
    handle = select(PasskeyUser.user_handle).where(PasskeyUser.account_id == account.id)
    return passkey, account, (await session.execute(handle)).scalar_one()


async def set_used(session: WriteSession, row: Passkey, *, sign_count: int, backed_up: bool, at: datetime) -> None:
    """Store that a locked passkey was used."""
    row.sign_count, row.backed_up, row.last_used_at = sign_count, backed_up, at
    await session.flush()


async def rename(session: WriteSession, row: Passkey, name: str) -> None:
    """Give a locked passkey another name."""
    row.name = name
    await session.flush()


async def remove(session: WriteSession, row: Passkey) -> None:
    """Delete a locked passkey."""
    await session.delete(row)
    await session.flush()

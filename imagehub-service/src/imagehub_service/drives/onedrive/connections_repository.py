"""The statements on tokens, leases, pauses and consents. Times are those of the database, which all processes share."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Interval, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from imagehub_service.drives.onedrive.models import Connection, Consent
from lightbox_shared.database import ReadSession, WriteSession


class StoredConnection(NamedTuple):
    """A connection at this moment."""

    tokens: str | None
    """Encrypted."""
    generation: int
    is_due: bool
    """Whether the tokens are to be refreshed."""
    blocked_seconds: float
    """For how long Graph may not be called."""


class Lease(NamedTuple):
    """The right to refresh these tokens."""

    tokens: str
    generation: int


def _after(seconds: float) -> ColumnElement[datetime]:
    return func.now() + literal(timedelta(seconds=seconds), Interval)


async def find(session: ReadSession, account_id: int) -> StoredConnection | None:
    """The connection of an administrator."""
    blocked = func.extract("epoch", Connection.blocked_until - func.now())
    statement = select(
        Connection.tokens,
        Connection.generation,
        func.coalesce(Connection.refresh_at <= func.now(), True),
        func.coalesce(func.greatest(blocked, 0), 0),
    ).where(Connection.account_id == account_id)
    found = (await session.execute(statement)).one_or_none()
    return None if found is None else StoredConnection(found[0], found[1], found[2], float(found[3]))


async def generation(session: ReadSession | WriteSession, account_id: int) -> int | None:
    """How often the tokens of an account have changed; None if it never had any."""
    found: int | None = await session.scalar(select(Connection.generation).where(Connection.account_id == account_id))
    return found


async def lease(session: WriteSession, account_id: int, *, refused: int | None, seconds: float) -> Lease | None:
    """Take the right to refresh tokens that are due, or of the generation that Graph has refused; None if another one
    has it, or it was done."""
    statement = (
        update(Connection)
        .where(
            Connection.account_id == account_id,
            Connection.tokens.is_not(None),
            or_(Connection.leased_until.is_(None), Connection.leased_until <= func.now()),
            or_(Connection.refresh_at <= func.now(), Connection.generation == refused),
        )
        .values(leased_until=_after(seconds))
        .returning(Connection.tokens, Connection.generation)
    )
    found = (await session.execute(statement)).one_or_none()
    return None if found is None else Lease(found[0] or "", found[1])


async def end_lease(session: WriteSession, account_id: int, generation: int) -> None:
    """Let others refresh the tokens, which are still those of this generation."""
    await session.execute(
        update(Connection)
        .where(Connection.account_id == account_id, Connection.generation == generation)
        .values(leased_until=None)
    )


async def replace_tokens(
    session: WriteSession, account_id: int, generation: int, tokens: str | None, refresh_after: float = 0.0
) -> None:
    """Store what has become of the tokens of a generation, unless they were replaced meanwhile."""
    await session.execute(
        update(Connection)
        .where(Connection.account_id == account_id, Connection.generation == generation)
        .values(
            tokens=tokens,
            generation=Connection.generation + 1,
            refresh_at=None if tokens is None else _after(refresh_after),
            leased_until=None,
        )
    )


async def put_tokens(session: WriteSession, account_id: int, tokens: str, refresh_after: float) -> None:
    """Store the tokens of a new consent."""
    row = insert(Connection).values(account_id=account_id, tokens=tokens, refresh_at=_after(refresh_after))
    changes = {
        "tokens": row.excluded.tokens,
        "generation": Connection.generation + 1,
        "refresh_at": row.excluded.refresh_at,
        "leased_until": None,
    }
    await session.execute(row.on_conflict_do_update(index_elements=[Connection.account_id], set_=changes))


async def forget(session: WriteSession, account_id: int) -> bool:
    """Delete the tokens of an account, and its consents under way. The generation goes on, so that nothing is stored of
    what another process is just getting for these tokens. Returns whether there were tokens."""
    # As who finishes a consent: the consent first, then the tokens.
    await session.execute(delete(Consent).where(Consent.account_id == account_id))
    statement = select(Connection.tokens).where(Connection.account_id == account_id)
    tokens = await session.scalar(statement.with_for_update())
    times = dict.fromkeys(("refresh_at", "leased_until", "blocked_until"))
    changes = {"tokens": None, "generation": Connection.generation + 1, **times}
    row = insert(Connection).values(account_id=account_id, generation=1)
    await session.execute(row.on_conflict_do_update(index_elements=[Connection.account_id], set_=changes))
    return tokens is not None


async def block(session: WriteSession, account_id: int, seconds: float) -> None:
    """Note that Graph may not be called for this user."""
    until = func.greatest(func.coalesce(Connection.blocked_until, func.now()), _after(seconds))
    await session.execute(update(Connection).where(Connection.account_id == account_id).values(blocked_until=until))


async def newest_consent(
    session: ReadSession, account_id: int, *, seconds: float, state_sha256: bytes | None = None
) -> Consent | None:
    """The newest consent under way that is younger than this, or the one with this `state`."""
    statement = select(Consent).where(Consent.account_id == account_id, Consent.created_at > _after(-seconds))
    if state_sha256 is not None:
        statement = statement.where(Consent.state_sha256 == state_sha256)
    return await session.scalar(statement.order_by(Consent.created_at.desc()).limit(1))


async def add_consent(session: WriteSession, account_id: int, state_sha256: bytes, secrets: str) -> None:
    """Store a consent for which an administrator is sent to Microsoft's page."""
    session.add(Consent(account_id=account_id, state_sha256=state_sha256, secrets=secrets))
    await session.flush()


async def end_consent(session: WriteSession, state_sha256: bytes) -> bool:
    """The code of this consent was used. Returns False if the consent has ended already."""
    statement = delete(Consent).where(Consent.state_sha256 == state_sha256).returning(Consent.account_id)
    return (await session.execute(statement)).one_or_none() is not None


async def end_consents_before(session: WriteSession, seconds: float) -> None:
    """Forget the consents of all administrators that are older than this."""
    await session.execute(delete(Consent).where(Consent.created_at <= _after(-seconds)))

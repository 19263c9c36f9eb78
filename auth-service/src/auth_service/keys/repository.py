"""The queries on signing keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, or_, select, text, update

from auth_service.keys.models import SigningKey
from lightbox_shared.database import ReadSession, WriteSession

_LOCK: Final = 0x6175_7468_0000_0002


async def published(session: ReadSession | WriteSession, now: datetime) -> Sequence[SigningKey]:
    """The keys that are not retired at `now`, newest first."""
    not_retired = or_(SigningKey.retires_at.is_(None), SigningKey.retires_at > now)
    statement = select(SigningKey).where(not_retired).order_by(SigningKey.signs_from.desc(), SigningKey.kid)
    return (await session.execute(statement)).scalars().all()


async def all_keys(session: ReadSession | WriteSession) -> Sequence[SigningKey]:
    """All keys, the retired ones included, newest first."""
    return (await session.execute(select(SigningKey).order_by(SigningKey.created_at.desc()))).scalars().all()


async def insert(session: WriteSession, key: SigningKey) -> None:
    """Add a key."""
    session.add(key)
    await session.flush()


async def retire_others(session: WriteSession, kid: str, retires_at: datetime) -> None:
    """Let all keys but one retire at `retires_at`, except those whose time to retire is set already."""
    others = update(SigningKey).where(SigningKey.kid != kid, SigningKey.retires_at.is_(None))
    await session.execute(others.values(retires_at=retires_at))


async def lock(session: WriteSession) -> None:
    """Let one transaction at a time make a key, until its end."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


async def delete_retired(session: WriteSession, age: timedelta, limit: int) -> int:
    """Delete up to `limit` keys that retired longer ago than `age`. Returns how many it deleted."""
    old = select(SigningKey.kid).where(SigningKey.retires_at < func.now() - age).limit(limit)
    deleted = await session.execute(delete(SigningKey).where(SigningKey.kid.in_(old)).returning(SigningKey.kid))
    return len(deleted.all())

"""All SQL about signing keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, or_, select, text, update

from auth_service.keys.models import SigningKey
from lightbox_shared.database import ReadSession, WriteSession

_LOCK: Final = 0x6175_7468_0000_0002


async def published(session: ReadSession | WriteSession, now: datetime) -> Sequence[SigningKey]:
    """The keys that are not retired, the newest first."""
    not_retired = or_(SigningKey.retires_at.is_(None), SigningKey.retires_at > now)
    statement = select(SigningKey).where(not_retired).order_by(SigningKey.signs_from.desc(), SigningKey.kid)
    return (await session.execute(statement)).scalars().all()


async def all_keys(session: ReadSession | WriteSession) -> Sequence[SigningKey]:
    """Every key that there ever was, the newest first."""
    return (await session.execute(select(SigningKey).order_by(SigningKey.created_at.desc()))).scalars().all()


async def retire_others(session: WriteSession, kid: str, retires_at: datetime) -> None:
    """Let all keys but one leave at `retires_at`, unless it was settled before when they do."""
    others = update(SigningKey).where(SigningKey.kid != kid, SigningKey.retires_at.is_(None))
    await session.execute(others.values(retires_at=retires_at))


async def lock(session: WriteSession) -> None:
    """One that makes a key at a time, until the end of the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


async def delete_retired(session: WriteSession, age: timedelta, most: int) -> int:
    """Delete up to `most` keys that retired so long ago; how many it were."""
    old = select(SigningKey.kid).where(SigningKey.retires_at < func.now() - age).limit(most)
    deleted = await session.execute(delete(SigningKey).where(SigningKey.kid.in_(old)).returning(SigningKey.kid))
    return len(deleted.all())

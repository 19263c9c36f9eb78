"""Making signing keys.

A new key is published at once, but it signs only when every verifier has had time to fetch it. The older keys stay
published until the last token that they signed has expired. So a rotation makes no token invalid.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import anyio.to_thread
import structlog

from auth_service.audit.entries import Action, timestamp
from auth_service.audit.service import record
from auth_service.keys import material, repository
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.models import SigningKey
from auth_service.request_source import COMMAND_LINE_SOURCE, OWN_SOURCE, RequestSource
from lightbox_shared.database import Database, WriteSession

log = structlog.get_logger()

SIGNS_AFTER: Final = timedelta(minutes=10)
"""Longer than the time after which verifiers fetch the keys again (5 minutes) and that after which this service reads
them again (`service.REFRESH_SECONDS`) together."""
LONGEST_TOKEN_LIFETIME: Final = timedelta(days=30)
RETIREMENT_LEEWAY: Final = timedelta(hours=1)
"""For clocks that differ, and for a replica that has not read the new key yet and goes on signing with the old one."""


async def ensure_first_key(database: Database, cipher: KeyCipher, now: datetime) -> None:
    """Make a key that signs at once if there is none. Replicas that start at the same time make one key."""
    async with database.writing() as session:
        await repository.lock(session)
        if not await repository.published(session, now):
            await _add(session, cipher, now, signs_from=now)


async def rotate(
    database: Database, cipher: KeyCipher, now: datetime, source: RequestSource = COMMAND_LINE_SOURCE
) -> str:
    """Publish a new key and set the time at which the older ones retire. Returns the id of the new key.

    Raises `WrongSecretKey` if the secret does not decrypt the stored keys: the running service could not use a key that
    is encrypted with another secret.
    """
    async with database.writing() as session:
        await repository.lock(session)
        return await _rotate(session, cipher, now, await repository.published(session, now), source)


async def rotate_if_older(database: Database, cipher: KeyCipher, now: datetime, age: timedelta) -> str | None:
    """Rotate if the newest key is at least as old as `age`; returns the id of the new key, or None. Of replicas that
    try at the same time, the first one rotates, and the others find its key."""
    async with database.writing() as session:
        await repository.lock(session)
        older = await repository.published(session, now)
        if not is_due(newest_made_at(older), now, age):
            return None
        return await _rotate(session, cipher, now, older, OWN_SOURCE)


def newest_made_at(published: Sequence[SigningKey]) -> datetime | None:
    """When the newest key was made; None if there is no key."""
    return max((key.created_at for key in published), default=None)


def is_due(made_at: datetime | None, now: datetime, age: timedelta) -> bool:
    """Whether a key that was made at `made_at` is at least as old as `age`; False if there is no key."""
    return made_at is not None and now - made_at >= age


async def _rotate(
    session: WriteSession, cipher: KeyCipher, now: datetime, older: Sequence[SigningKey], source: RequestSource
) -> str:
    for key in older:
        cipher.decrypt(key.private_key)
    signs_from = now + SIGNS_AFTER if older else now
    kid = await _add(session, cipher, now, signs_from=signs_from)
    await repository.retire_others(session, kid, signs_from + LONGEST_TOKEN_LIFETIME + RETIREMENT_LEEWAY)
    await record(session, Action.SIGNING_KEY_ROTATED, source, kid=kid, signs_from=timestamp(signs_from))
    return kid


async def _add(session: WriteSession, cipher: KeyCipher, now: datetime, *, signs_from: datetime) -> str:
    new = await anyio.to_thread.run_sync(material.generate)
    key = SigningKey(
        kid=new.kid,
        private_key=cipher.encrypt(new.pem),
        public_jwk=new.public_jwk,
        created_at=now,
        signs_from=signs_from,
    )
    await repository.insert(session, key)
    log.info("made a signing key", kid=new.kid, signs_from=signs_from.isoformat())
    return new.kid

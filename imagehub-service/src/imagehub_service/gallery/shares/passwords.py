"""The passwords of shared links: their hashes, and how many wrong ones may be sent.

Wrong passwords are counted for each link and address, and for each link (NIST SP 800-63B: at most 100 failures). Keys
that were given out go on working while attempts are refused.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from math import ceil
from typing import Final

from passlib.context import CryptContext

from imagehub_service.gallery.shares import guesses_repository as guesses
from imagehub_service.gallery.shares.errors import TooManyGuesses, WrongPassword
from lightbox_shared.auth.passwords import ARGON2ID, HashingThreads, composed
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable
from lightbox_shared.requests.addresses import partition

PER_ADDRESS: Final = 10
PER_LINK: Final = 100
EMPTY_AFTER: Final = 9000.0
"""Seconds in which as many failures as the limit leak away."""

_CONTEXT: Final = CryptContext(schemes=["argon2"], **ARGON2ID)


class SharePasswords:
    """Hashes and verifies passwords of links."""

    def __init__(self, database: Database, threads: HashingThreads, clock: Callable[[], float]) -> None:
        self._database = database
        self._threads = threads
        self._clock = clock

    async def hash(self, password: str) -> str:
        """A new hash. Raises `Unavailable` when too many passwords wait already."""
        return await self._threads.run(_CONTEXT.hash, composed(password))

    async def check(self, share_id: int, address: str, password: str, stored: str) -> None:
        """Return if the password is right. Raises `WrongPassword`, `TooManyGuesses`, and `Unavailable` when too many
        passwords wait already."""
        buckets = {
            _bucket(share_id, partition(address)): PER_ADDRESS,
            _bucket(share_id): PER_LINK,
        }
        for bucket, most in buckets.items():
            await self._count(bucket, most)
        try:
            is_right = await self._threads.run(_CONTEXT.verify, composed(password), stored)
        except Unavailable:  # it was not verified, so it was no guess
            await self._forgive(buckets)
            raise
        if not is_right:
            raise WrongPassword
        await self._forgive(buckets)

    async def _count(self, bucket: bytes, most: int) -> None:
        now = datetime.fromtimestamp(self._clock(), UTC)
        async with self._database.autocommit() as connection:
            wait = await guesses.count(connection, bucket, now, most=most, leak_seconds=EMPTY_AFTER / most)
        if wait:
            raise TooManyGuesses(retry_after=ceil(wait))

    async def _forgive(self, buckets: Iterable[bytes]) -> None:
        for bucket in buckets:
            async with self._database.autocommit() as connection:
                await guesses.forgive(connection, bucket)


def _bucket(share_id: int, address: str = "") -> bytes:
    """SHA-256, so that the table has no addresses."""
    return hashlib.sha256(f"{share_id}\0{address}".encode("utf-8", "surrogatepass")).digest()

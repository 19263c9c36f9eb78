"""Password hashing: argon2id for new ones; hashes of imported users (bcrypt, Django's PBKDF2) are verified and replaced
at the next login.

A hash takes some 40 ms of a core and 19 MiB. So it runs in a thread, as many at a time as there are cores, and when the
queue before them is so long that nobody would wait for it, the caller hears so at once.
"""

import os
import secrets
import unicodedata
from typing import Final, Self

import anyio
import anyio.to_thread
import structlog
from passlib.context import CryptContext

from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

MAX_WAITING: Final = 256
BCRYPT_MAX_BYTES: Final = 72

# OWASP's second row for argon2id: m = 19 MiB, t = 2, p = 1.
_CONTEXT: Final = CryptContext(
    schemes=["argon2", "bcrypt", "django_pbkdf2_sha256"],
    deprecated="auto",
    argon2__type="ID",
    argon2__memory_cost=19_456,
    argon2__time_cost=2,
    argon2__parallelism=1,
)


def normal(password: str) -> str:
    """NFC, so that the same password typed on another keyboard is the same."""
    return unicodedata.normalize("NFC", password)


class Passwords:
    """Makes and verifies hashes, off the event loop."""

    def __init__(self, dummy_hash: str, cores: int) -> None:
        self._dummy_hash = dummy_hash
        self._limiter = anyio.CapacityLimiter(cores)

    @classmethod
    async def start(cls) -> Self:
        """Hash something once: it loads the algorithms, and it is what unknown names are verified against."""
        dummy_hash = await anyio.to_thread.run_sync(_CONTEXT.hash, secrets.token_urlsafe(16))
        return cls(dummy_hash, os.cpu_count() or 1)

    async def hash(self, password: str) -> str:
        """A new hash. Raises `Unavailable` when too many wait already."""
        self._refuse_when_busy()
        return await anyio.to_thread.run_sync(_CONTEXT.hash, normal(password), limiter=self._limiter)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether `password` fits, and a new hash to store if the old one is of an outdated kind.

        Without a hash (no such account, or one without a password) a dummy is verified, so that the answer takes as
        long. Raises `Unavailable` when too many wait already.
        """
        self._refuse_when_busy()
        return await anyio.to_thread.run_sync(self._verify, normal(password), stored, limiter=self._limiter)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        # bcrypt by itself would look at the first 72 bytes only, and so accept any longer password that begins alike.
        too_long = len(password.encode()) > BCRYPT_MAX_BYTES
        if stored is None or (too_long and _CONTEXT.identify(stored) == "bcrypt"):
            _CONTEXT.verify(password, self._dummy_hash)
            return False, None
        try:
            fits, replacement = _CONTEXT.verify_and_update(password, stored)
        except ValueError:  # of no known kind, or malformed
            log.warning("a stored password hash can't be read")
            return False, None
        return bool(fits), replacement

    def _refuse_when_busy(self) -> None:
        if self._limiter.statistics().tasks_waiting >= MAX_WAITING:
            raise Unavailable("Too many logins at the same time.")

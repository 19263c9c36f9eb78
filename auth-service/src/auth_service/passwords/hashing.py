"""Password hashing with argon2id. Hashes of imported accounts (bcrypt, Django's PBKDF2) are verified as well, and are
replaced at the next sign-in.

One hash takes tens of milliseconds of a core and 19 MiB. So hashing has threads of its own, one for each core, of low
priority; when too many passwords wait for these threads, a caller gets `Unavailable` at once.
"""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

import structlog
from passlib.context import CryptContext

from auth_service.passwords.stored_hashes import hash_problem, is_bcrypt
from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")

MAX_WAITING: Final = 256
BCRYPT_MAX_BYTES: Final = 72
NICENESS: Final = 10

# The second configuration for argon2id in OWASP's Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
_CONTEXT: Final = CryptContext(
    schemes=["argon2", "bcrypt", "django_pbkdf2_sha256"],
    deprecated="auto",
    argon2__type="ID",
    argon2__memory_cost=19_456,
    argon2__time_cost=2,
    argon2__parallelism=1,
)


def composed(password: str) -> str:
    """The password in NFC: keyboards differ in whether they send a letter and its accent as one character or two."""
    return unicodedata.normalize("NFC", password)


class Passwords:
    """Makes and verifies hashes in threads. Call `close()` at the end."""

    def __init__(self, executor: ThreadPoolExecutor, dummy_hash: str, *, most_waiting: int = MAX_WAITING) -> None:
        self._executor = executor
        self._dummy_hash = dummy_hash
        self._most_waiting = most_waiting
        self._waiting = 0

    @classmethod
    async def start(cls, *, most_waiting: int = MAX_WAITING) -> Self:
        """Start the threads and make the dummy hash, which also loads the algorithms."""
        executor = ThreadPoolExecutor(_cores(), "password", initializer=_lower_priority)
        run = asyncio.get_running_loop().run_in_executor
        return cls(executor, await run(executor, _CONTEXT.hash, secrets.token_urlsafe(16)), most_waiting=most_waiting)

    def close(self) -> None:
        """Let the threads end. Passwords that still wait are not hashed any more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """A new hash. Raises `Unavailable` when too many passwords wait already."""
        return await self._run(_CONTEXT.hash, composed(password))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether `password` is right, and a new hash to store if the stored one is of an outdated kind.

        Where there is no hash (no such account, or an account without a password) or one that is not accepted, a dummy
        hash is verified, so that the answer takes as long. Raises `Unavailable` when too many passwords wait already.
        """
        return await self._run(self._verify, composed(password), stored)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        problem = None if stored is None else hash_problem(stored)
        if problem is not None:
            log.warning("a stored password hash can't be used", reason=problem)
        # bcrypt itself reads the first 72 bytes only, and would accept every longer password that begins with them.
        too_long = len(password.encode()) > BCRYPT_MAX_BYTES
        if stored is None or problem is not None or (too_long and is_bcrypt(stored)):
            _CONTEXT.verify(password, self._dummy_hash)
            return False, None
        try:
            fits, replacement = _CONTEXT.verify_and_update(password, stored)
        except ValueError:  # the hash is malformed after all, or its kind does not allow such a password
            log.warning("a stored password hash can't be read")
            return False, None
        return bool(fits), replacement

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        if self._waiting >= self._most_waiting:
            raise Unavailable("Too many logins at the same time.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)
        finally:
            self._waiting -= 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lower_priority() -> None:
    """Lower the priority of the current thread; only Linux has priorities of single threads."""
    if sys.platform == "linux":
        # Relative to what it has: only root may raise a priority, if the service was started with a low one.
        niceness = os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)

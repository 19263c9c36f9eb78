"""Password hashing: argon2id for new ones; hashes of imported users (bcrypt, Django's PBKDF2) are verified and replaced
at the next login.

A hash takes tens of milliseconds of a core and 19 MiB. So it runs in threads of its own, one for each core, which let
everything else go first; and when the queue before them is so long that nobody would wait for it, the caller hears so
at once.
"""

import asyncio
import base64
import os
import re
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

import structlog
from passlib.context import CryptContext

from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")

MAX_WAITING: Final = 256
BCRYPT_MAX_BYTES: Final = 72
NICENESS: Final = 10

# OWASP's second row for argon2id: m = 19 MiB, t = 2, p = 1.
_CONTEXT: Final = CryptContext(
    schemes=["argon2", "bcrypt", "django_pbkdf2_sha256"],
    deprecated="auto",
    argon2__type="ID",
    argon2__memory_cost=19_456,
    argon2__time_cost=2,
    argon2__parallelism=1,
)

LONGEST_STORED: Final = 512
LONGEST_SALT: Final = 128
BCRYPT_COSTS: Final = range(4, 16)
PBKDF2_ITERATIONS: Final = range(1, 2_000_001)
ARGON2_MEMORY: Final = range(8, 256 * 1024 + 1)
"""KiB."""
ARGON2_TIMES: Final = range(1, 11)
ARGON2_LANES: Final = range(1, 17)

_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_PBKDF2: Final = re.compile(r"pbkdf2_sha256\$(\d{1,9})\$([^$]*)\$[A-Za-z0-9+/]{43}=")
_ARGON2: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)
_WERKZEUG: Final = re.compile(r"pbkdf2:sha256:(\d{1,9})\$([^$]+)\$([0-9a-f]{64})")


def normal(password: str) -> str:
    """NFC, so that the same password typed on another keyboard is the same."""
    return unicodedata.normalize("NFC", password)


def acceptable(stored: str) -> str | None:
    """Why a stored hash is not verified, as half a sentence that shows nothing of it; None if it is.

    Whoever can write one row into a file of users must not be able to keep a core busy for an hour with each login.
    """
    if len(stored) <= LONGEST_STORED:
        if found := _BCRYPT.fullmatch(stored):
            return _outside("the cost of bcrypt", found[1], BCRYPT_COSTS)
        if found := _PBKDF2.fullmatch(stored):
            if len(found[2]) > LONGEST_SALT:
                return f"its salt is longer than {LONGEST_SALT} characters"
            return _outside("the number of iterations of PBKDF2", found[1], PBKDF2_ITERATIONS)
        if found := _ARGON2.fullmatch(stored):
            return (
                _outside("the memory of argon2id in KiB", found[1], ARGON2_MEMORY)
                or _outside("the passes of argon2id", found[2], ARGON2_TIMES)
                or _outside("the lanes of argon2id", found[3], ARGON2_LANES)
            )
    return "it is of no known kind"


def _outside(what: str, number: str, allowed: range) -> str | None:
    return None if int(number) in allowed else f"{what} is not between {allowed.start} and {allowed.stop - 1}"


def from_werkzeug(stored: str) -> str:
    """`pbkdf2:sha256:<iterations>$<salt>$<hex>` as Werkzeug writes it, in Django's form; anything else as it is."""
    found = _WERKZEUG.fullmatch(stored)
    if found is None:
        return stored
    iterations, salt, digest = found.groups()
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(bytes.fromhex(digest)).decode()}"


class Passwords:
    """Makes and verifies hashes, off the event loop. `close()` it at the end."""

    def __init__(self, executor: ThreadPoolExecutor, dummy_hash: str, *, most_waiting: int = MAX_WAITING) -> None:
        self._executor = executor
        self._dummy_hash = dummy_hash
        self._most_waiting = most_waiting
        self._waiting = 0

    @classmethod
    async def start(cls, *, most_waiting: int = MAX_WAITING) -> Self:
        """Hash something once: it loads the algorithms, and it is what unknown names are verified against."""
        executor = ThreadPoolExecutor(_cores(), "password", initializer=_step_back)
        run = asyncio.get_running_loop().run_in_executor
        return cls(executor, await run(executor, _CONTEXT.hash, secrets.token_urlsafe(16)), most_waiting=most_waiting)

    def close(self) -> None:
        """Let the threads end; what waits is given up."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """A new hash. Raises `Unavailable` when too many wait already."""
        return await self._run(_CONTEXT.hash, normal(password))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether `password` fits, and a new hash to store if the old one is of an outdated kind.

        Without a hash (no such account, or one without a password), and with one that is not `acceptable`, a dummy is
        verified, so that the answer takes as long. Raises `Unavailable` when too many wait already.
        """
        return await self._run(self._verify, normal(password), stored)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        # bcrypt by itself would look at the first 72 bytes only, and so accept any longer password that begins alike.
        too_long = len(password.encode()) > BCRYPT_MAX_BYTES
        reason = None if stored is None else acceptable(stored)
        if reason is not None:
            log.warning("a stored password hash can't be used", reason=reason)
        if stored is None or reason is not None or (too_long and _BCRYPT.fullmatch(stored)):
            _CONTEXT.verify(password, self._dummy_hash)
            return False, None
        try:
            fits, replacement = _CONTEXT.verify_and_update(password, stored)
        except ValueError:  # malformed after all, or a password that its kind can't take
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


def _step_back() -> None:
    """Of this thread alone, which only Linux can: it hashes in processor time that nothing else wants."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

"""Password hashing with argon2id. Hashes of imported accounts (bcrypt, Django's PBKDF2) are verified as well, and are
replaced at the next sign-in."""

import secrets
import unicodedata
from typing import Final, Self

import structlog
from passlib.context import CryptContext

from auth_service.passwords.stored_hashes import hash_problem, is_bcrypt
from lightbox_shared.auth.passwords import ARGON2ID, HashingThreads, composed

log = structlog.get_logger()

MAX_WAITING: Final = 256
BCRYPT_MAX_BYTES: Final = 72
"""bcrypt ignores what comes after them."""

_CONTEXT: Final = CryptContext(schemes=["argon2", "bcrypt", "django_pbkdf2_sha256"], deprecated="auto", **ARGON2ID)


def _forms(password: str) -> list[str]:
    """The password as this platform hashes it; as it was typed; and decomposed (NFD), as some keyboards send it to
    systems that hash what they get. Different ones, so a password in ASCII is one."""
    return list(dict.fromkeys((composed(password), password, unicodedata.normalize("NFD", password))))


def _is_cut(password: str) -> bool:
    return len(password.encode()) > BCRYPT_MAX_BYTES


class Passwords:
    """Makes and verifies hashes in threads. Call `close()` at the end."""

    def __init__(self, threads: HashingThreads, dummy_hash: str) -> None:
        self._threads = threads
        self._dummy_hash = dummy_hash

    @classmethod
    async def start(cls, *, most_waiting: int = MAX_WAITING) -> Self:
        """Start the threads and make the dummy hash, which also loads the algorithms."""
        threads = HashingThreads(most_waiting=most_waiting, busy="Too many logins at the same time.")
        return cls(threads, await threads.run(_CONTEXT.hash, secrets.token_urlsafe(16)))

    def close(self) -> None:
        """Let the threads end. Passwords that still wait are not hashed any more."""
        self._threads.close()

    async def hash(self, password: str) -> str:
        """A new hash. Raises `Unavailable` when too many passwords wait already."""
        return await self._threads.run(_CONTEXT.hash, composed(password))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether `password` is right, and a new hash to store if the stored one is of an outdated kind.

        Every normal form in which another system may have hashed the password is tried, and of bcrypt, which knows the
        first 72 bytes alone, these: such a password fits once, and the new hash is of all of it.

        Where there is no hash (no such account, or an account without a password) or one that is not accepted, a dummy
        hash is verified, so that the answer takes as long. Raises `Unavailable` when too many passwords wait already.
        """
        return await self._threads.run(self._verify, password, stored)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        problem = None if stored is None else hash_problem(stored)
        if problem is not None:
            log.warning("a stored password hash can't be used", reason=problem)
        usable = stored if stored is not None and problem is None else None
        for form in _forms(password):
            # Where there is no hash, as many dummies are verified, since the time would tell whether there is one.
            fits, replacement = self._verify_form(form, usable or self._dummy_hash)
            if fits and usable is not None:
                is_whole = form == composed(password) and not (is_bcrypt(usable) and _is_cut(form))
                return True, replacement if is_whole else _CONTEXT.hash(composed(password))
        return False, None

    def _verify_form(self, password: str, stored: str) -> tuple[bool, str | None]:
        secret: str | bytes = password
        if is_bcrypt(stored) and _is_cut(password):
            secret = password.encode()[:BCRYPT_MAX_BYTES]
        try:
            fits, replacement = _CONTEXT.verify_and_update(secret, stored)
        except ValueError:  # the hash is malformed after all, or its kind does not allow such a password
            log.warning("a stored password hash can't be read")
            return False, None
        return bool(fits), replacement

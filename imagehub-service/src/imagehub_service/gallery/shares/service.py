"""Shared links: making them, and what they open.

A link has a secret, of which only the SHA-256 is stored. Who opens it gets a key, which is in the addresses of its
pictures. A key is signed, and belongs to the link and to the version of its password. Whether the link is still there
is looked up in the database; the answer is remembered for `REMEMBERED_SECONDS`, so that a revoked link is dead within
that time in all processes. Its expiry is compared with the clock each time.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cachetools import TTLCache

from imagehub_service.gallery.groups import repository as groups
from imagehub_service.gallery.groups.errors import unknown
from imagehub_service.gallery.shares import guesses_repository as guesses
from imagehub_service.gallery.shares import repository
from imagehub_service.gallery.shares.errors import NoSuchShare, PasswordNeeded
from imagehub_service.gallery.shares.models import Share
from imagehub_service.gallery.shares.passwords import EMPTY_AFTER, SharePasswords
from imagehub_service.gallery.shares.schemas import DEFAULT_DAYS, NewGalleryShare, ShareChanges
from lightbox_shared.audit import AuditTrail, Detail, record_afterwards
from lightbox_shared.auth.signed_links import SignedLinks
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.errors.sentences import TIME_IS_OVER

CREATED: Final = "gallery-share-created"
CHANGED: Final = "gallery-share-changed"
REVOKED: Final = "gallery-share-revoked"
KEY_PURPOSE: Final = "gallery share"
KEY_SECONDS: Final = 30 * 24 * 3600
"""A key works for at least so long, if its link does. For a quarter of that it stays the same, so that browsers keep
the pictures."""
REMEMBERED_SECONDS: Final = 2.0
_KEY: Final = re.compile(r"[A-Za-z0-9_.-]+")
MAX_REMEMBERED: Final = 4096
KEPT_EXPIRED: Final = timedelta(days=90)
"""After that links that have expired are not listed any more."""


@dataclass(frozen=True, slots=True)
class OpenShare:
    """What a link shows at the moment."""

    share: Share
    groups: frozenset[int]
    """The numbers of the groups that can be seen."""


class Shares:
    """The shared links. Used by many tasks of one event loop."""

    def __init__(
        self,
        database: Database,
        *,
        links: SignedLinks,
        passwords: SharePasswords,
        audit: AuditTrail,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._links = links
        self._passwords = passwords
        self._audit = audit
        self.clock = clock
        self._remembered: TTLCache[int, OpenShare | None] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS, timer=clock)

    async def create(self, wanted: NewGalleryShare, account_id: int, address: str) -> tuple[Share, str]:
        """Make a link; the link, and its secret.

        Raises `InvalidRequest` for a group that does not exist and a time that is over, and `Unavailable` if the audit
        trail does not answer or too many passwords are being hashed.
        """
        expires_at = self._expiry(wanted) or self._now() + timedelta(days=DEFAULT_DAYS)
        async with self._database.reading() as session:
            if await groups.find(session, wanted.group) is None:
                raise unknown("group", [wanted.group])
        password_hash = None if wanted.password is None else await self._passwords.hash(wanted.password)
        details: dict[str, Detail] = {
            "group": wanted.group,
            "with_subgroups": wanted.with_subgroups,
            "has_password": password_hash is not None,
            "expires_at": expires_at.isoformat(),
        }
        secret = secrets.token_urlsafe(32)
        values = {
            "group_id": wanted.group,
            "with_subgroups": wanted.with_subgroups,
            "secret_sha256": _digest(secret),
            "password_hash": password_hash,
            "expires_at": expires_at,
            "created_by": account_id,
        }
        async with self._database.writing() as session:
            share = await repository.add(session, values)
            if share is None:
                raise unknown("group", [wanted.group])
            await self._audit.record(CREATED, account_id, address, {"share": share.id, **details})
        return share, secret

    async def change(self, share_id: int, wanted: ShareChanges, account_id: int, address: str) -> Share:
        """Change the expiry or the password. Raises `NoSuchShare`, `InvalidRequest` for a time that is over, and
        `Unavailable` like `create`."""
        values: dict[str, Any] = {}
        new_password = "password" in wanted.model_fields_set
        expires_at = self._expiry(wanted)
        if expires_at is not None:
            values["expires_at"] = expires_at
        if new_password:
            password = wanted.password
            values["password_hash"] = None if password is None else await self._passwords.hash(password)
        async with self._database.reading() as session:
            share = await repository.find(session, share_id)
        if share is None:
            raise NoSuchShare
        if not values:
            return share
        details: dict[str, Detail] = {
            "share": share_id,
            "group": share.group_id,
            "password_changed": new_password,
            "expires_at": (expires_at or share.expires_at).isoformat(),
        }
        await self._audit.record(CHANGED, account_id, address, details)
        async with self._database.writing() as session:
            changed = await repository.change(session, share_id, values, new_key=new_password)
        self._remembered.pop(share_id, None)
        if changed is None:
            raise NoSuchShare
        return changed

    async def revoke(self, share_id: int, account_id: int, address: str) -> None:
        """End a link at once, also if the audit trail does not answer: then the entry is in the log alone. Raises
        `NoSuchShare`."""
        async with self._database.writing() as session:
            share = await repository.remove(session, share_id)
        self._remembered.pop(share_id, None)
        if share is None:
            raise NoSuchShare
        details: dict[str, Detail] = {"share": share_id, "group": share.group_id}
        await record_afterwards(self._audit, REVOKED, account_id, address, details)

    async def open(self, secret: str, address: str, *, password: str | None, key: str | None) -> OpenShare:
        """What the link with this secret shows. A password is needed where the link has one, or a key of the link.

        Raises `NoSuchShare`, `PasswordNeeded`, `WrongPassword`, `TooManyGuesses` and `Unavailable`.
        """
        async with self._database.reading() as session:
            share = await repository.with_secret(session, _digest(secret))
        if share is None or self._is_over(share):
            raise NoSuchShare
        if share.password_hash is not None and not self._is_key_of(key, share):
            if password is None:
                raise PasswordNeeded
            await self._passwords.check(share.id, address, password, share.password_hash)
        async with self._database.reading() as session:
            return await _opened(session, share)

    def key(self, share: Share) -> str:
        """The key that opens the pictures of a link."""
        return self._links.sign(f"{share.id}.{share.key_version}", lifetime_seconds=KEY_SECONDS)

    async def groups_of(self, key: str) -> frozenset[int] | None:
        """The numbers of the groups that can be seen with a key; None if it is not valid, or not any more."""
        with suppress(NotFound, ValueError):
            share_id, version = self._read(key)
            found = await self._find(share_id)
            if found is not None and found.share.key_version == version and not self._is_over(found.share):
                return found.groups
        return None

    async def tidy_up(self) -> None:
        """Delete links that expired long ago, and counts of wrong passwords that mean nothing any more."""
        now = self._now()
        async with self._database.writing() as session:
            await repository.remove_expired(session, now - KEPT_EXPIRED)
            await guesses.forget(session, now - timedelta(seconds=EMPTY_AFTER))

    async def _find(self, share_id: int) -> OpenShare | None:
        if share_id not in self._remembered:
            async with self._database.reading() as session:
                share = await repository.find(session, share_id)
                self._remembered[share_id] = None if share is None else await _opened(session, share)
        return self._remembered.get(share_id)

    def _read(self, key: str) -> tuple[int, int]:
        if not _KEY.fullmatch(key):  # decoding base64 ignores other characters, and keys are part of addresses
            raise NotFound
        share_id, _, version = str(self._links.read(key)).partition(".")
        return int(share_id), int(version)

    def _is_key_of(self, key: str | None, share: Share) -> bool:
        with suppress(NotFound, ValueError):
            return key is not None and self._read(key) == (share.id, share.key_version)
        return False

    def _is_over(self, share: Share) -> bool:
        return share.expires_at.timestamp() <= self.clock()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def _expiry(self, wanted: NewGalleryShare | ShareChanges) -> datetime | None:
        expires_at = wanted.expiry(self.clock())
        if expires_at is not None and expires_at <= self._now():
            raise InvalidRequest.of("expires_at", TIME_IS_OVER)
        return expires_at


async def _opened(session: ReadSession, share: Share) -> OpenShare:
    shown = set(await groups.subgroups(session, share.group_id)) if share.with_subgroups else {share.group_id}
    return OpenShare(share, frozenset(shown))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()

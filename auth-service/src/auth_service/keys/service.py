"""The signing keys in the memory of the running service, which are read again every `REFRESH_SECONDS`.

Signing a token and publishing the keys do not wait for the database, and work while it is down.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio.to_thread
from jose.backends.base import Key

from auth_service.keys import material, repository
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.errors import NoSigningKey
from auth_service.keys.models import SigningKey
from auth_service.keys.rotation import ensure_first_key, is_due, newest_made_at, rotate, rotate_if_older
from auth_service.request_source import RequestSource
from lightbox_shared.database import Database

REFRESH_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key that signs from `signs_from` on."""

    kid: str
    key: Key
    signs_from: datetime


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The JWK set (RFC 7517 section 5) as it is sent."""

    document: dict[str, Any]
    content: bytes
    etag: str
    """Unquoted."""

    @classmethod
    def of(cls, public_jwks: list[dict[str, Any]]) -> "PublishedKeys":
        """The set of these public keys, in this order."""
        document = {"keys": public_jwks}
        content = json.dumps(document, separators=(",", ":")).encode()
        return cls(document, content, hashlib.sha256(content).hexdigest()[:32])


class SigningKeys:
    """Knows which key signs, and which keys are published."""

    def __init__(
        self,
        database: Database,
        cipher: KeyCipher,
        *,
        rotate_after: timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`rotate_after` is the age at which the newest key gets a successor; with None that happens by command only.
        `clock` gives seconds since the epoch."""
        self._database = database
        self._cipher = cipher
        self._rotate_after = rotate_after
        self._clock = clock
        self._signers: list[Signer] = []
        self._newest_made_at: datetime | None = None
        self.published = PublishedKeys.of([])

    async def start(self) -> None:
        """Make the first key if there is none, and read the keys. Raises `WrongSecretKey`."""
        await ensure_first_key(self._database, self._cipher, self._now())
        await self.refresh()

    async def refresh(self) -> None:
        """Read the keys that are not retired. Only keys that were not known before are decrypted and parsed."""
        async with self._database.reading() as session:
            rows = await repository.published(session, self._now())
        known = {signer.kid: signer.key for signer in self._signers}
        self._signers = [Signer(row.kid, known.get(row.kid) or await self._open(row), row.signs_from) for row in rows]
        self.published = PublishedKeys.of([row.public_jwk for row in rows])
        self._newest_made_at = newest_made_at(rows)

    async def refresh_and_rotate(self) -> None:
        """Refresh, and publish a successor of the newest key if that is too old."""
        await self.refresh()
        if self._rotate_after is not None and is_due(self._newest_made_at, self._now(), self._rotate_after):
            await rotate_if_older(self._database, self._cipher, self._now(), self._rotate_after)
            await self.refresh()

    async def rotate(self, source: RequestSource) -> str:
        """Publish a successor of the newest key now, and return its id. Raises `WrongSecretKey`."""
        return await rotate(self._database, self._cipher, self._now(), source)

    def signer(self) -> Signer:
        """The newest key that may sign. Raises `NoSigningKey`."""
        now = self._now()
        signer = next((each for each in self._signers if each.signs_from <= now), None)
        if signer is None:
            raise NoSigningKey
        return signer

    async def fetch(self) -> dict[str, Any]:
        """The JWK set, for this service's own verification of tokens."""
        return self.published.document

    async def check(self) -> None:
        """For `/readyz`. Raises `NoSigningKey`."""
        self.signer()

    async def _open(self, row: SigningKey) -> Key:
        pem = self._cipher.decrypt(row.private_key)
        return await anyio.to_thread.run_sync(material.parse, pem)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

"""The keys as the running service knows them: in memory, ready to sign, read again every `REFRESH_SECONDS`.

Who signs or publishes never waits for the database, and a database that is down does not stop either.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio
import anyio.to_thread
import structlog
from jose.backends.base import Key

from auth_service.keys import material, repository
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.errors import NoSigningKey
from auth_service.keys.models import SigningKey
from auth_service.keys.rotation import ensure_first_key, is_due, newest_made_at, rotate_if_older
from lightbox_shared.database import Database

log = structlog.get_logger()

REFRESH_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs from a point in time on."""

    kid: str
    key: Key
    signs_from: datetime


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The JWK set as it is sent."""

    document: dict[str, Any]
    content: bytes
    etag: str
    """Unquoted."""

    @classmethod
    def of(cls, public_jwks: list[dict[str, Any]]) -> "PublishedKeys":
        """The set of some keys, in their order."""
        document = {"keys": public_jwks}
        content = json.dumps(document, separators=(",", ":")).encode()
        return cls(document, content, hashlib.sha256(content).hexdigest()[:32])


class SigningKeys:
    """Which key signs, and which are published."""

    def __init__(
        self,
        database: Database,
        cipher: KeyCipher,
        *,
        rotate_after: timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`rotate_after` is the age at which the newest key gets a successor; None for never by itself."""
        self._database = database
        self._cipher = cipher
        self._rotate_after = rotate_after
        self._clock = clock
        self._signers: list[Signer] = []
        self._newest_made_at: datetime | None = None
        self.published = PublishedKeys.of([])

    async def start(self) -> None:
        """Make the first key if there is none, and read all. Raises `WrongSecretKey`."""
        await ensure_first_key(self._database, self._cipher, self._now())
        await self.refresh()

    async def refresh(self) -> None:
        """Read the keys that are not retired; only those that are new are decrypted and parsed."""
        async with self._database.reading() as session:
            rows = await repository.published(session, self._now())
        known = {signer.kid: signer.key for signer in self._signers}
        self._signers = [Signer(row.kid, known.get(row.kid) or await self._open(row), row.signs_from) for row in rows]
        self.published = PublishedKeys.of([row.public_jwk for row in rows])
        self._newest_made_at = newest_made_at(rows)

    async def tend(self) -> None:
        """Refresh, and publish a successor of the newest key when that is too old."""
        await self.refresh()
        if self._rotate_after is not None and is_due(self._newest_made_at, self._now(), self._rotate_after):
            await rotate_if_older(self._database, self._cipher, self._now(), self._rotate_after)
            await self.refresh()

    async def keep_fresh(self) -> None:
        """Tend for ever; what goes wrong is logged, and the keys that are known stay."""
        while True:
            await anyio.sleep(REFRESH_SECONDS)
            try:
                await self.tend()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next time may go well
                log.warning("could not tend the signing keys", error=str(error) or type(error).__name__)

    def signer(self) -> Signer:
        """The newest key that signs already. Raises `NoSigningKey`."""
        now = self._now()
        signer = next((each for each in self._signers if each.signs_from <= now), None)
        if signer is None:
            raise NoSigningKey
        return signer

    async def fetch(self) -> dict[str, Any]:
        """The JWK set, for this service's own verifier."""
        return self.published.document

    async def check(self) -> None:
        """For `/readyz`. Raises `NoSigningKey`."""
        self.signer()

    async def _open(self, row: SigningKey) -> Key:
        pem = self._cipher.decrypt(row.private_key)
        return await anyio.to_thread.run_sync(material.parse, pem)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

"""Upload sessions: a file comes in chunks, each of them durable before it is confirmed.

The rules are those of Microsoft Graph's upload session (driveItem: createUploadSession), so that the same client code
works with both. Two things Graph leaves to the client, and are decided here:

- Where the folder has a file of that name, the new one gets a number behind its name, and nothing that is stored is
  lost; the same bytes under the same name are not stored twice.
- The last chunk is confirmed when the file is in its folder. If that fails, the session is as it was before the chunk.

With its first chunk a session reserves room for the whole file in the drive, until the file is there or the session has
ended; a first chunk that fails gives it back, since the next one may announce another file. So the files that open
sessions bring never exceed together what the drive may hold.

A chunk is stored in pieces of some megabytes, each in a transaction of its own, so that no connection to the database
waits for a client. The pieces count when the chunk is complete; those of a request that breaks off are forgotten.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from anyio import CapacityLimiter
from sqlalchemy.exc import SQLAlchemyError

from imagehub_service.drives.built_in import repository as items
from imagehub_service.drives.built_in.adding import add_file
from imagehub_service.drives.built_in.upload_sessions import repository
from imagehub_service.drives.built_in.upload_sessions.errors import (
    FileTooLarge,
    FragmentLengthMismatch,
    FragmentOutOfOrder,
    FragmentOverlap,
    QuotaLimitReached,
    UploadSessionFailed,
    UploadSessionNotFound,
)
from imagehub_service.drives.built_in.upload_sessions.ranges import Fragment, parse_fragment
from imagehub_service.drives.built_in.upload_sessions.repository import OpenSession
from imagehub_service.drives.errors import DriveFull
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.images import PictureError, sniff
from lightbox_shared.storage.blobs import Blobs, sha256

PIECE_BYTES: Final = 4 * 1024 * 1024
LOST_AFTER_SECONDS: Final = 24 * 3600
"""After so long a piece belongs to a request that ended without a word."""
_FINISHING: Final = 2
"""Files that are put together at the same time. Each is in memory twice for a moment."""
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that is complete."""

    id: str
    folder_id: str
    name: str
    size: int
    """Bytes."""
    sha256: bytes
    media_type: str
    """As its first bytes say it."""
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The limits of uploads, in bytes and seconds."""

    lifetime_seconds: int
    """How long a session stays open after its last chunk."""
    file_bytes: int
    drive_bytes: int


class Expected(NamedTuple):
    """A chunk that may be sent now."""

    upload: OpenSession
    fragment: Fragment


class UploadSessions:
    """The upload sessions of the built-in drive."""

    def __init__(self, database: Database, blobs: Blobs, limits: UploadLimits, threads: BoundedThreads) -> None:
        """In `threads` files are hashed."""
        self._database = database
        self._blobs = blobs
        self._limits = limits
        self._threads = threads
        self._finishing = CapacityLimiter(_FINISHING)

    async def open(self, folder_id: str, name: str) -> str | None:
        """Begin a session for a file of a valid name. Returns its token, or None if there is no such folder."""
        token = secrets.token_urlsafe(32)
        async with self._database.writing() as session:
            await items.lock(session)
            if not await items.is_folder(session, folder_id):
                return None
            await repository.add(
                session, _digest(token), folder_id, name, lifetime_seconds=self._limits.lifetime_seconds
            )
        return token

    async def find(self, token: str) -> OpenSession:
        """An open session. Raises `UploadSessionNotFound`."""
        async with self._database.reading() as session:
            found = await repository.find(session, _digest(token))
        if found is None:
            raise UploadSessionNotFound
        return found

    async def cancel(self, token: str) -> None:
        """End a session and forget what it has received. Raises `UploadSessionNotFound`."""
        async with self._database.writing() as session:
            if not await repository.delete_by_token(session, _digest(token)):
                raise UploadSessionNotFound

    async def expect(self, token: str, content_range: str | None, content_length: str | None) -> Expected:
        """The chunk that a request announces, if it is the next one of an open session. Nothing is stored or reserved
        yet. Raises the exceptions of `errors`."""
        upload = await self.find(token)
        fragment = parse_fragment(content_range, content_length)
        self._check(upload, fragment)
        return Expected(upload, fragment)

    async def receive(self, expected: Expected, body: AsyncIterator[bytes]) -> OpenSession | UploadedFile:
        """Store a chunk. Returns the session as it is then, or after the last chunk the file.

        Raises the exceptions of `errors`, and those of `body` when that breaks off; then nothing of it is kept.
        """
        upload, fragment = expected
        if upload.total is None:
            await self._reserve_room(upload, fragment)
        request_id = uuid4()
        try:
            pieces = await self._store(upload, fragment, request_id, body)
            if fragment.is_last:
                return await self._finish(upload, fragment, request_id)
            return await self._accept(upload, fragment, request_id, pieces)
        except Exception:
            with suppress(SQLAlchemyError, OSError):  # the periodic task finds them later
                await self._forget(upload, request_id)
            raise

    async def delete_expired(self) -> None:
        """Delete expired sessions, and pieces of requests that ended without a word, a limited number at a time."""
        while True:
            async with self._database.writing() as session:
                deleted = await repository.delete_expired(session, limit=_BATCH)
            if deleted < _BATCH:
                break
        while True:
            async with self._database.writing() as session:
                deleted = await repository.delete_lost_pieces(session, after_seconds=LOST_AFTER_SECONDS, limit=_BATCH)
            if deleted < _BATCH:
                break

    def _check(self, upload: OpenSession, fragment: Fragment) -> None:
        if fragment.total > self._limits.file_bytes:
            most = self._limits.file_bytes
            raise FileTooLarge(Sentence("file-too-large", f"Files have at most {most} bytes.", bytes=most))
        if upload.total is not None and fragment.total != upload.total:
            raise FragmentLengthMismatch(f"The file was announced with {upload.total} bytes before.")
        if fragment.start < upload.received:
            raise FragmentOverlap(f"Bytes up to {upload.received} have been received. Go on with the next one.")
        if fragment.start > upload.received:
            raise FragmentOutOfOrder(f"The chunk that begins at byte {upload.received} is the next one.")

    async def _reserve_room(self, upload: OpenSession, fragment: Fragment) -> None:
        """Count the whole file from now on, until it is in its folder or the session ends. Raises
        `QuotaLimitReached`."""
        async with self._database.writing() as session:
            await items.lock(session)  # so that of two sessions the second one sees what the first one reserves
            await self._lock(session, upload, fragment)
            await self._take_room(session, upload, fragment)

    async def _take_room(self, session: WriteSession, upload: OpenSession, fragment: Fragment) -> None:
        used = await items.used_bytes(session) + await repository.other_reserved_bytes(session, upload.id)
        if used + fragment.total > self._limits.drive_bytes:
            raise QuotaLimitReached
        await repository.reserve(session, upload.id, fragment.total)

    async def _store(
        self, upload: OpenSession, fragment: Fragment, request_id: UUID, body: AsyncIterator[bytes]
    ) -> int:
        """Store the body in pieces, and return how many they are."""
        pieces, at, buffer = 0, fragment.start, bytearray()
        async for part in body:
            buffer += part
            if at + len(buffer) > fragment.end:
                raise FragmentLengthMismatch("The body is longer than the Content-Range says.")
            if len(buffer) >= PIECE_BYTES:
                await self._add_piece(upload, request_id, at, bytes(buffer))
                pieces, at, buffer = pieces + 1, at + len(buffer), bytearray()
        if at + len(buffer) < fragment.end:
            raise FragmentLengthMismatch("The body is shorter than the Content-Range says.")
        if buffer:
            await self._add_piece(upload, request_id, at, bytes(buffer))
            pieces += 1
        return pieces

    async def _add_piece(self, upload: OpenSession, request_id: UUID, start: int, data: bytes) -> None:
        async with self._database.autocommit() as connection:
            if not await repository.add_piece(connection, upload.id, request_id, start, data):
                raise UploadSessionNotFound

    async def _accept(self, upload: OpenSession, fragment: Fragment, request_id: UUID, pieces: int) -> OpenSession:
        async with self._database.writing() as session:
            if upload.total is None:
                await items.lock(session)
            await self._lock(session, upload, fragment)
            if upload.total is None:
                await self._take_room(session, upload, fragment)  # another first chunk may have changed it
            if await repository.accept_pieces(session, request_id) != pieces:
                raise UploadSessionFailed
            return await repository.advance(
                session,
                upload.id,
                received=fragment.end,
                total=fragment.total,
                lifetime_seconds=self._limits.lifetime_seconds,
            )

    async def _finish(self, upload: OpenSession, fragment: Fragment, request_id: UUID) -> UploadedFile:
        async with self._finishing:
            data = await self._whole(upload, request_id)
            digest, media_type = await self._threads.run(partial(_examine, data))
            async with self._database.writing() as session:
                await self._blobs.put(session, data, digest)
                await items.lock(session)  # before the session, as the deletion of its folder does it
                await self._lock(session, upload, fragment)
                if len(data) != fragment.total:
                    raise UploadSessionFailed
                if upload.total is None:
                    await self._take_room(session, upload, fragment)
                try:
                    item = await add_file(
                        session,
                        upload.folder_id,
                        upload.name,
                        sha256=digest,
                        size=len(data),
                        drive_bytes=self._limits.drive_bytes,
                    )
                except DriveFull as error:
                    raise QuotaLimitReached from error
                await repository.delete_by_id(session, upload.id)
        return UploadedFile(
            item.id, upload.folder_id, item.name, item.size, digest, media_type, item.created_at, item.modified_at
        )

    async def _whole(self, upload: OpenSession, request_id: UUID) -> bytes:
        async with self._database.reading() as session:
            return b"".join(await repository.file_with(session, upload.id, request_id))

    async def _lock(self, session: WriteSession, upload: OpenSession, fragment: Fragment) -> None:
        """Lock a session, if the chunk is still the next one."""
        found = await repository.lock(session, upload.id)
        if found is None:
            raise UploadSessionNotFound
        self._check(found, fragment)

    async def _forget(self, upload: OpenSession, request_id: UUID) -> None:
        """Forget what came of a chunk that is not accepted, and the room for the file if it was the first one."""
        async with self._database.writing() as session:
            await repository.delete_pieces(session, request_id)
            await repository.release(session, upload.id)


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace"))


def _examine(data: bytes) -> tuple[bytes, str]:
    """The digest and the media type of a file."""
    try:
        media_type: str = sniff(data)
    except PictureError:
        media_type = "application/octet-stream"
    return sha256(data), media_type

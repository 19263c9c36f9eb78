"""`/download`: TheYelda's table of labels, as a stream.

The rows come from a cursor of the server, so that a download of any size is of one moment and has some hundred rows in
memory. Such a cursor holds a connection of the database, so few downloads run at once, and a client that stops reading
is given up. After a failure the stream ends without its last chunk (RFC 9112 section 7.1): a client can't take what it
has for the whole.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

import anyio
import anyio.to_thread

from annotation_service.accounts import repository as accounts_repository
from annotation_service.exports import results_repository
from annotation_service.exports.audit import EXPORT_CREATED
from annotation_service.exports.csv_cells import csv_lines
from annotation_service.exports.errors import NoSuchDoctor, TooManyDownloads
from lightbox_shared.audit import AuditTrail
from lightbox_shared.database import Database

SCHEME: Final = "ophthalmology"
"""The table has the fields of this scheme; labels of other schemes are in exports."""
LABEL_COLUMNS: Final = (
    *("quality", "dr", "stage", "dme", "hr", "age_dme", "rvo", "crao", "myopia", "od", "glaucoma", "others"),
    "comment",
)
DOWNLOADS: Final = 2
WAIT_SECONDS: Final = 5.0


class Downloads:
    """Streams tables of labels."""

    def __init__(self, database: Database, audit: AuditTrail, *, wait_seconds: float = WAIT_SECONDS) -> None:
        """A download waits for `wait_seconds` until others have ended."""
        self._database = database
        self._audit = audit
        self._wait = wait_seconds
        self._turns = asyncio.Semaphore(DOWNLOADS)
        self._encoding = anyio.CapacityLimiter(DOWNLOADS)

    async def start(self, caller: int, address: str | None, account_id: int | None) -> AsyncGenerator[bytes]:
        """The table of the labels of a doctor, or of the ground truths of all images, in pieces of CSV.

        It begins when an entry of the audit trail is written and the first rows are read. Raises `NoSuchDoctor`,
        `TooManyDownloads`, and `Unavailable` if the audit trail does not answer.
        """
        if account_id is not None:
            async with self._database.reading() as session:
                if await accounts_repository.find(session, account_id) is None:
                    raise NoSuchDoctor
        details = {"format": "download", "account_id": account_id}
        await self._audit.record(EXPORT_CREATED, caller, address, details)
        pieces = self._pieces(account_id)
        return _begun(await anext(pieces), pieces)

    async def _pieces(self, account_id: int | None) -> AsyncGenerator[bytes]:
        try:
            async with asyncio.timeout(self._wait):
                await self._turns.acquire()
        except TimeoutError as error:
            raise TooManyDownloads(retry_after=10) from error
        try:
            columns = ("image_name", *LABEL_COLUMNS)
            head = csv_lines([columns if account_id is None else ("doctor_name", *columns)])
            async with self._database.writing() as session:
                if account_id is None:
                    batches = results_repository.ground_truths(session, SCHEME)
                else:
                    batches = results_repository.labels_of_doctor(session, account_id, SCHEME)
                async with aclosing(batches):
                    async for batch in batches:
                        yield head + await anyio.to_thread.run_sync(_lines, batch, limiter=self._encoding)
                        head = b""
            if head:
                yield head
        finally:
            self._turns.release()


async def _begun(first: bytes, others: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        yield first
        async for piece in others:
            yield piece
    finally:
        await others.aclose()


def _lines(batch: Sequence[Any]) -> bytes:
    """The last value of each row is the label, as JSON."""
    rows = ((*names, json.loads(label)) for *names, label in batch)
    return csv_lines([*names, *(label.get(name) for name in LABEL_COLUMNS)] for *names, label in rows)

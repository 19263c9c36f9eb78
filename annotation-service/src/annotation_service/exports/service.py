"""Asking for exports, and reading their files. What takes results out is written down in the audit trail first: where
that can't be done, nothing is taken out."""

from collections.abc import AsyncGenerator, Callable
from typing import Final

from annotation_service.accounts import repository as accounts_repository
from annotation_service.exports import repository
from annotation_service.exports.audit import EXPORT_CREATED
from annotation_service.exports.errors import ExportNotDone, NoSuchExport
from annotation_service.exports.models import CHUNK_BYTES, Export, ExportState
from annotation_service.exports.schemas import NewExport
from lightbox_shared.audit import AuditTrail
from lightbox_shared.database import Database
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import Sentence

UNKNOWN_ACCOUNT: Final = Sentence("not-there", "There is no such account.")


class Exports:
    """The exports of the service."""

    def __init__(self, database: Database, audit: AuditTrail, wake: Callable[[], None]) -> None:
        """`wake` is called when an export waits for its worker."""
        self._database = database
        self._audit = audit
        self.wake = wake

    async def create(self, wanted: NewExport, account_id: int, address: str | None) -> Export:
        """Let an export be made. Raises `InvalidRequest` for an unknown doctor, and `Unavailable` if the audit trail
        does not answer."""
        async with self._database.reading() as session:
            if wanted.account_id is not None and await accounts_repository.find(session, wanted.account_id) is None:
                raise InvalidRequest.of("account_id", UNKNOWN_ACCOUNT)
            export_id = await repository.next_id(session)
        filters = wanted.stored()
        details = {"export_id": export_id, "format": str(wanted.format), **filters}
        await self._audit.record(EXPORT_CREATED, account_id, address, details)
        async with self._database.writing() as session:
            export = await repository.add(session, export_id, wanted.format, filters, account_id)
        self.wake()
        return export

    async def file(self, export_id: int) -> Export:
        """The export if its file is complete. Raises `NoSuchExport` and `ExportNotDone`."""
        async with self._database.reading() as session:
            export = await repository.find(session, export_id)
        if export is None:
            raise NoSuchExport
        if export.state != ExportState.DONE:
            raise ExportNotDone(f"This export is {export.state}, so it has no file.")
        return export

    async def part(self, export: Export, positions: range) -> AsyncGenerator[bytes]:
        """The bytes at these positions of the file, in pieces. No connection is held while a client reads one.

        Raises `NoSuchExport` if the export is deleted meanwhile.
        """
        for number in range(positions.start // CHUNK_BYTES, -(-positions.stop // CHUNK_BYTES)):
            async with self._database.reading() as session:
                data = await repository.chunk(session, export.id, number)
            if data is None:
                raise NoSuchExport
            begins = number * CHUNK_BYTES
            yield data[max(0, positions.start - begins) : positions.stop - begins]

"""Deletes blobs to which neither a file of the drive nor a picture of the gallery refers."""

from typing import Final

import structlog

from imagehub_service.drives.built_in.models import DriveItem
from imagehub_service.gallery.pictures.models import Picture
from lightbox_shared.blobs import Blobs
from lightbox_shared.database import Database

BATCH: Final = 100
_REFERENCES: Final = (
    DriveItem.__table__.c.sha256,
    Picture.__table__.c.sha256,
    Picture.__table__.c.preview_sha256,
)

log = structlog.get_logger()


class UnusedBlobs:
    """Finds and deletes what is not used."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def delete(self) -> int:
        """Delete all of them, `BATCH` in a transaction, and return their number."""
        count = 0
        while True:
            async with self._database.writing() as session:
                deleted = await self._blobs.delete_unused(session, _REFERENCES, limit=BATCH)
            count += deleted
            if deleted == 0:
                break
        if count:
            log.info("unused blobs were deleted", count=count)
        return count

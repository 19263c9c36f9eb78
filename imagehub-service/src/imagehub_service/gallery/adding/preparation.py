"""What happens to a file before it becomes a picture of the gallery: it is read from the drive, and decoded."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from imagehub_service.drives.drive import Drive
from imagehub_service.drives.errors import DriveError, DriveUnavailable, FileTooLarge
from imagehub_service.renditions.preparing import HIGH_SIZE, PreparedPicture, prepare_picture
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.errors import Unavailable
from lightbox_shared.errors.handlers import is_database_outage
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.images import PictureError
from lightbox_shared.requests.file_sizes import FileSizes
from lightbox_shared.storage.blobs import sha256
from lightbox_shared.storage.disk_space import DiskSpace

log = structlog.get_logger()

TRIES: Final = 3
"""How often a file is asked for while the drive does not answer."""
LONGEST_WAIT_SECONDS: Final = 30.0
EMPTY: Final = Sentence("empty-file", "The file is empty.")
UNEXPECTED: Final = Sentence("not-added", "The picture could not be added, because of an error in this service.")


@dataclass(frozen=True, slots=True)
class ReadyPicture:
    """A file that can become a picture of the gallery."""

    data: bytes
    """The file as it came."""
    prepared: PreparedPicture
    preview_sha256: bytes | None

    @property
    def blobs(self) -> dict[bytes, bytes]:
        """What has to be stored, by digest."""
        found = {self.prepared.sha256: self.data}
        if self.preview_sha256 is not None and self.prepared.preview is not None:
            found[self.preview_sha256] = self.prepared.preview.data
        return found


class NotAdded(Exception):
    """A file can't become a picture. The sentence says why and is sent to the client."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotNow(Exception):
    """A file can't be prepared at this moment, since too many pictures wait for memory."""


class Preparation:
    """Reads files of drives and decodes them, as many at a time as there are threads."""

    def __init__(self, threads: DecodingThreads, *, sizes: FileSizes, max_pixels: int, disk_space: DiskSpace) -> None:
        self._threads = threads
        self._disk_space = disk_space
        self._sizes = sizes
        self._max_pixels = max_pixels

    async def prepare(self, drive: Drive, file_id: str) -> ReadyPicture:
        """The picture of a file. Raises `NotAdded`, `NotNow`, `DiskFull`, and what the database raises while it is
        down."""
        try:
            self._disk_space.check_room()  # nothing is read again and again that can't be kept
            data = await self._download(drive, file_id)
            self._disk_space.check_room(len(data))
            if not data:
                raise NotAdded(EMPTY)
            limit = self._sizes.limit_of(data)
            if len(data) > limit:
                raise FileTooLarge.of(limit)
            work = partial(_ready, data, self._max_pixels)
            return await self._threads.decode(data, work, min_size=HIGH_SIZE)
        except (DriveError, PictureError) as error:
            raise NotAdded(error.sentence) from error
        except NotAdded:
            raise
        except Unavailable as error:
            raise NotNow from error
        except Exception as error:
            if is_database_outage(error):
                raise
            log.exception("a picture could not be prepared", file=file_id)
            raise NotAdded(UNEXPECTED) from error

    async def _download(self, drive: Drive, file_id: str) -> bytes:
        for _ in range(TRIES - 1):
            try:
                return await drive.download(file_id, max_bytes=self._sizes.largest)
            except DriveUnavailable as error:
                await asyncio.sleep(min(float(error.retry_after), LONGEST_WAIT_SECONDS))
        return await drive.download(file_id, max_bytes=self._sizes.largest)


def _ready(data: bytes, max_pixels: int) -> ReadyPicture:
    prepared = prepare_picture(data, max_pixels=max_pixels)
    preview = prepared.preview
    return ReadyPicture(data, prepared, None if preview is None else sha256(preview.data))

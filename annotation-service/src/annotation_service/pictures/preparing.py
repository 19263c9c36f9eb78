"""Checking a picture before it is stored. All of it takes a thread."""

import unicodedata
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from lightbox_shared.images import MediaType
from lightbox_shared.images.display import check_picture
from lightbox_shared.storage.blobs import sha256

LONGEST_FILENAME: Final = 255
IN_MEMORY_BYTES: Final = 1024 * 1024
"""Previews above this size wait on disk until they are stored."""
EXTENSIONS: Final = {
    MediaType.JPEG: ".jpg",
    MediaType.PNG: ".png",
    MediaType.WEBP: ".webp",
    MediaType.TIFF: ".tiff",
    MediaType.BMP: ".bmp",
    MediaType.DICOM: ".dcm",
}
_DROPPED_CATEGORIES: Final = frozenset({"Cc", "Cs"})
"""Control characters, and halves of surrogate pairs, which UTF-8 can't carry."""


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture that was decoded without an error, and is to be stored; `close` it afterwards."""

    filename: str
    source: str
    sha256: bytes
    media_type: MediaType
    width: int
    """In pixels, upright."""
    height: int
    size: int
    """Bytes of the original."""
    original: IO[bytes]
    preview: IO[bytes] | None
    preview_sha256: bytes | None

    def close(self) -> None:
        """Close the file of the preview. That of the original belongs to the caller."""
        if self.preview is not None:
            self.preview.close()


def prepare(data: bytes, file: IO[bytes], filename: str, source: str, *, max_pixels: int) -> PreparedPicture:
    """Check the picture `data`, which is in `file`, and make its preview if it needs one. Blocks; raises
    `PictureError`."""
    checked = check_picture(data, max_pixels=max_pixels)
    preview: IO[bytes] | None = None
    preview_sha256: bytes | None = None
    if checked.preview is not None:
        preview = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `PreparedPicture.close`
        preview.write(checked.preview.data)
        preview.seek(0)  # and nothing is left to be written when it is closed, which happens on the event loop
        preview_sha256 = sha256(checked.preview.data)
    return PreparedPicture(
        filename=clean_filename(filename) or f"picture{EXTENSIONS[checked.media_type]}",
        source=source,
        sha256=sha256(data),
        media_type=checked.media_type,
        width=checked.width,
        height=checked.height,
        size=len(data),
        original=file,
        preview=preview,
        preview_sha256=preview_sha256,
    )


def read_all(file: IO[bytes]) -> bytes:
    """All bytes of a file. Blocks if it is on disk."""
    file.seek(0)
    return file.read()


def clean_filename(name: str) -> str:
    """The last part of a path, with slashes or backslashes, without control characters; "" if nothing is left."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(each for each in last if unicodedata.category(each) not in _DROPPED_CATEGORIES)
    cleaned = printable.strip()[:LONGEST_FILENAME]
    return "" if cleaned.strip(".") == "" else cleaned

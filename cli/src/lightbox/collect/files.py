"""Pictures as files: their names, and never over another one."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from lightbox.collect.errors import CollectError

LONGEST_NAME: Final = 120
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MAGIC: Final = (
    (0, b"\x89PNG", ".png"),
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"GIF8", ".gif"),
    (8, b"WEBP", ".webp"),
    (0, b"BM", ".bmp"),
    (0, b"II*\0", ".tiff"),
    (0, b"MM\0*", ".tiff"),
    (128, b"DICM", ".dcm"),
)


def file_name(device_id: str, moment: str, data: bytes) -> str:
    """A name for a picture, of characters that no file system and no shell minds."""
    stem = _UNFIT.sub("_", f"{device_id}-{moment}").lstrip(".-")[:LONGEST_NAME]
    return stem + next((suffix for at, magic, suffix in _MAGIC if data[at : at + len(magic)] == magic), ".bin")


def check_digest(data: bytes, expected: bytes | None) -> None:
    """Raises `CollectError` if these are not the bytes whose SHA-256 begins so; None: the server did not say."""
    if expected is not None and not hashlib.sha256(data).digest().startswith(expected):
        raise CollectError("What came is not what the server says that it is: its SHA-256 is another one.")


def save(path: Path, data: bytes, *, force: bool = False) -> None:
    """All of it or nothing. Raises `FileExistsError` unless `force`, and `CollectError`."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".partial") as partial:
            partial.write(data)
            partial.flush()
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(partial.fileno(), 0o666 & ~umask)
            if force:
                path.unlink(missing_ok=True)
            _put(path, Path(partial.name), data)
    except FileExistsError:
        raise
    except OSError as error:
        raise CollectError(f"{path}: {error.strerror}.") from error


def _put(path: Path, partial: Path, data: bytes) -> None:
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with path.open("xb") as file:
            file.write(data)

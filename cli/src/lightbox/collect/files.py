"""Files of pictures: their names, their digests, and writing them without replacing other files."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from lightbox.collect.errors import CollectError

MAX_STEM_LENGTH: Final = 120
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_SIGNATURES: Final = (  # offset, first bytes, suffix
    (0, b"\x89PNG", ".png"),
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"GIF8", ".gif"),
    (8, b"WEBP", ".webp"),
    (0, b"BM", ".bmp"),
    (0, b"II*\0", ".tiff"),
    (0, b"MM\0*", ".tiff"),
    (128, b"DICM", ".dcm"),
)


def file_name(device_id: str, timestamp: str, data: bytes) -> str:
    """A name for the file of a picture, of characters that are safe in every file system and shell."""
    stem = _UNSAFE.sub("_", f"{device_id}-{timestamp}").lstrip(".-")[:MAX_STEM_LENGTH]
    return stem + (picture_suffix(data) or ".bin")


def picture_suffix(data: bytes) -> str | None:
    """The suffix for files that begin like this one, such as `.png`; None if it is no picture."""
    return next((suffix for at, start, suffix in _SIGNATURES if data.startswith(start, at)), None)


def check_digest(data: bytes, expected: bytes | None) -> None:
    """Raises `CollectError` unless the SHA-256 digest of `data` begins with `expected`; None is not checked."""
    if expected is not None and not hashlib.sha256(data).digest().startswith(expected):
        raise CollectError("What came is not what the server says that it is: its SHA-256 is another one.")


def save(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write a file completely or not at all. `force` replaces one that exists.

    Raises `FileExistsError` without `force`, and `CollectError` for other failures.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".partial") as partial:
            partial.write(data)
            partial.flush()
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(partial.fileno(), 0o666 & ~umask)
            if force:
                path.unlink(missing_ok=True)
            _link(path, Path(partial.name), data)
    except FileExistsError:
        raise
    except OSError as error:
        raise CollectError(f"{path}: {error.strerror}.") from error


def _link(path: Path, partial: Path, data: bytes) -> None:
    """Give the file `partial` the name `path`, which must not exist; copy it where there are no hard links."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:
        with path.open("xb") as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                path.unlink(missing_ok=True)
                raise

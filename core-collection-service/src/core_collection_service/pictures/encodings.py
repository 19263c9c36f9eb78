"""Stored smaller where that costs nothing: zstd (RFC 8878), lossless, and only where it saves enough.

PNG, JPEG and WebP are compressed already and stay as they are; BMP, TIFF and DICOM are often halved. A client that
accepts zstd gets the stored bytes as they lie there.
"""

import threading
from typing import Final, NamedTuple

import zstandard

ZSTD: Final = "zstd"
LEAST_SAVING: Final = 0.05
LEVEL: Final = 3
"""Its window is at most 2 MB: every decoder of the content coding has to read 8 MB (RFC 9659)."""


class _Compressors(threading.local):
    """One a thread: setting one up takes longer than finding out that a JPEG can't be made smaller."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)


_own = _Compressors()


class Encoded(NamedTuple):
    """Bytes as they are stored, and how to read them."""

    data: bytes
    encoding: str | None


def encode(data: bytes) -> Encoded:
    """The shorter of both, `data` itself unless zstd saves `LEAST_SAVING`. A frame carries size and checksum."""
    compressed = _own.zstd.compress(data)
    if len(compressed) > len(data) * (1 - LEAST_SAVING):
        return Encoded(data, None)
    return Encoded(compressed, ZSTD)


def decode(encoded: Encoded, size: int) -> bytes:
    """The bytes as they were sent, `size` of them."""
    if encoded.encoding is None:
        return encoded.data
    return zstandard.ZstdDecompressor().decompress(encoded.data, max_output_size=size)

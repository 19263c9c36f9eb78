"""Lossless compression of pictures by zstd (RFC 8878), used only where it saves enough.

PNG, JPEG and WebP are compressed already and are stored as they are; BMP, TIFF and DICOM often become half as large.
A client that accepts zstd gets the stored bytes without any work for the service.
"""

import threading
from typing import Final, NamedTuple

import zstandard

ZSTD: Final = "zstd"
LEAST_SAVING: Final = 0.05
"""The part of the bytes that compression has to save."""
LEVEL: Final = 3
"""Its window is at most 2 MB; decoders of the content coding have to support 8 MB (RFC 9659)."""


class _Compressors(threading.local):
    """A compressor for each thread: making one takes longer than finding out that a JPEG can't be made smaller."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)


_compressors = _Compressors()


class Encoded(NamedTuple):
    """Bytes as they are stored."""

    data: bytes
    encoding: str | None
    """`zstd`, or None for the original."""


def encode(data: bytes) -> Encoded:
    """`data` compressed, with its size and a checksum in the frame; or as it is, unless that saves `LEAST_SAVING`."""
    compressed = _compressors.zstd.compress(data)
    if len(compressed) > len(data) * (1 - LEAST_SAVING):
        return Encoded(data, None)
    return Encoded(compressed, ZSTD)


def decode(encoded: Encoded, size: int) -> bytes:
    """The original, which has `size` bytes. Raises `ZstdError` for damaged data."""
    if encoded.encoding is None:
        return encoded.data
    return zstandard.ZstdDecompressor().decompress(encoded.data, max_output_size=size)

"""Writers of raster files: PNG, TIFF and BMP of any kind that their standards allow. They share nothing with the
readers under test; compressed bytes of a TIFF come from libtiff, by Pillow."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from math import ceil
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from support.pictures import encoded, png_chunk

Values = npt.NDArray[Any]
PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type."""
ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""The first column and row of each pass, and the steps across and down (PNG section 8.1)."""
LIBTIFF: Final = {5: "tiff_lzw", 8: "tiff_adobe_deflate", 32946: "tiff_deflate", 32773: "packbits", 50000: "zstd"}
"""Compressions of bytes, as Pillow names them."""
CCITT: Final = {2: "tiff_ccitt", 3: "group3", 4: "group4"}


def exif(orientation: int, *, order: str = ">", broken_rational: bool = False) -> bytes:
    """EXIF (without its prefix) that says how a picture is turned, maybe behind a resolution of 72/0."""
    entries = [(0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0))]
    after = b""
    if broken_rational:
        at = 8 + 2 + 12 * 3 + 4
        entries += [(tag, 5, 1, struct.pack(f"{order}I", at)) for tag in (0x011A, 0x011B)]
        after = struct.pack(f"{order}II", 72, 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return head + b"".join(struct.pack(f"{order}HHI", *each[:3]) + each[3] for each in entries) + bytes(4) + after


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG with its length."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def with_exif(jpeg: bytes, written: bytes) -> bytes:
    """A JPEG with EXIF as its first segment."""
    return jpeg[:2] + jpeg_segment(0xE1, b"Exif\0\0" + written) + jpeg[2:]


def packed(values: Values, bits: int, order: str = ">") -> bytes:
    """Numbers of some bits, row by row; each row (the first axis) begins with a new byte."""
    rows = values.reshape(len(values), -1)
    if bits == 16:
        return rows.astype(f"{order}u2").tobytes()
    shifts = np.arange(bits - 1, -1, -1)
    single = ((rows[..., np.newaxis].astype(np.uint32) >> shifts) & 1).astype(np.uint8)
    return np.packbits(single.reshape(len(rows), -1), axis=1).tobytes()


def png(
    values: Values,
    depth: int,
    colour_type: int,
    *,
    before: Sequence[tuple[bytes, bytes]] = (),
    interlaced: bool = False,
    filters: int = 0,
) -> bytes:
    """A PNG of values of shape (height, width, channels); `before` are the chunks before the pixels."""
    height, width = values.shape[:2]
    passes = [values[y::down, x::across] for x, y, across, down in ADAM7] if interlaced else [values]
    raw = b"".join(_filtered(each, depth, filters) for each in passes if each.size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def _filtered(values: Values, depth: int, filter_type: int) -> bytes:
    """Rows, each behind the number of its filter: none, or Sub or Up (section 9.2)."""
    rows = np.frombuffer(packed(values, depth), np.uint8).reshape(len(values), -1)
    step = max(1, depth * values.shape[2] // 8)
    other = np.zeros_like(rows)
    if filter_type == 1:
        other[:, step:] = rows[:, :-step]
    elif filter_type == 2:
        other[1:] = rows[:-1]
    return b"".join(bytes((filter_type,)) + row.tobytes() for row in rows - other)


@dataclass(frozen=True, slots=True)
class TiffOptions:
    """How a TIFF is written."""

    bits: int = 8
    photometric: int = 1
    order: str = "<"
    is_big: bool = False
    compression: int = 1
    is_planar: bool = False
    tile: tuple[int, int] | None = None
    """Width and height, which are multiples of 16 in real files."""
    rows_per_strip: int = 2**32 - 1
    fill_order: int = 1
    predictor: int = 1
    pads_last_strip: bool = False
    is_behind_a_reduced_one: bool = False
    tags: Mapping[int, tuple[int, Sequence[int]]] = field(default_factory=dict)
    """More tags: types (3 SHORT, 4 LONG, 1 BYTE) and values."""


def tiff(values: Values, options: TiffOptions) -> bytes:
    """A TIFF of values of shape (height, width, samples of a pixel)."""
    height, width, samples = values.shape
    planes = [values[..., each : each + 1] for each in range(samples)] if options.is_planar else [values]
    segments = [_compressed(each, options) for plane in planes for each in _segments(plane, options)]
    tags: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [width]), 257: (3, [height]), 258: (3, [options.bits] * samples), 259: (3, [options.compression]),
        262: (3, [options.photometric]), 277: (3, [samples]), **options.tags,
    }  # fmt: skip
    if options.is_planar:
        tags[284] = (3, [2])
    if options.fill_order != 1:
        tags[266] = (3, [options.fill_order])
    if options.predictor != 1:
        tags[317] = (3, [options.predictor])
    if options.tile is None:
        tags[278] = (4, [min(options.rows_per_strip, 2**32 - 1)])
    else:
        tags |= {322: (3, [options.tile[0]]), 323: (3, [options.tile[1]])}
    return tiff_of(segments, tags, options)


def tiff_of(segments: Sequence[bytes], tags: Mapping[int, tuple[int, Sequence[int]]], options: TiffOptions) -> bytes:
    """A TIFF of compressed strips or tiles, and of tags."""
    order, offset, first = options.order, "Q" if options.is_big else "I", 16 if options.is_big else 8
    body, places = bytearray(first), []
    for each in segments:
        body += bytes(len(body) % 2)
        places.append(len(body))
        body += each
    kind = 16 if options.is_big else 4
    lengths = [len(each) for each in segments]
    strips, counts = (273, 279) if options.tile is None else (324, 325)
    whole = {**tags, strips: (kind, places), counts: (kind, lengths)}
    start = len(body) + len(body) % 2
    body += bytes(len(body) % 2)
    if options.is_behind_a_reduced_one:
        reduced = {**whole, 254: (4, [1]), 256: (4, [1]), 257: (4, [1]), 278: (4, [1])}
        start = len(body)
        _append_directory(body, reduced, options, follows=True)
    _append_directory(body, whole, options, follows=False)
    magic = b"II" if order == "<" else b"MM"
    if options.is_big:
        body[:16] = magic + struct.pack(f"{order}HHHQ", 43, 8, 0, start)
    else:
        body[:8] = magic + struct.pack(f"{order}H{offset}", 42, start)
    return bytes(body)


def _append_directory(
    body: bytearray, tags: Mapping[int, tuple[int, Sequence[int]]], options: TiffOptions, *, follows: bool
) -> None:
    order, count, offset, inline = options.order, *(("Q", "Q", 8) if options.is_big else ("H", "I", 4))
    at = len(body)
    size = struct.calcsize(count) + len(tags) * (4 + 2 * inline) + inline
    after = bytearray()
    entries = b""
    for number, (kind, values) in sorted(tags.items()):
        code = {1: "B", 3: "H", 4: "I", 7: "B", 9: "i", 16: "Q"}[kind]
        written = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(written) > inline:
            after += bytes(len(after) % 2)
            place = at + size + len(after)
            after += written
            written = struct.pack(f"{order}{offset}", place)
        entries += struct.pack(f"{order}HH{offset}", number, kind, len(values)) + written.ljust(inline, b"\0")
    after += bytes(len(after) % 2)
    following = at + size + len(after) if follows else 0
    body += struct.pack(f"{order}{count}", len(tags)) + entries + struct.pack(f"{order}{offset}", following) + after


def _segments(plane: Values, options: TiffOptions) -> list[Values]:
    height, width = plane.shape[:2]
    across, down = options.tile or (width, min(options.rows_per_strip, height))
    segments = [
        plane[top : top + down, left : left + across]
        for top in range(0, height, down)
        for left in range(0, width, across)
    ]
    if options.tile is not None or options.pads_last_strip:
        segments = [
            np.pad(each, ((0, down - each.shape[0]), (0, across - each.shape[1]), (0, 0)), "edge") for each in segments
        ]
    return segments


def _compressed(segment: Values, options: TiffOptions) -> bytes:
    if options.compression in CCITT:
        data = by_libtiff(Image.fromarray(segment[..., 0] != 0), CCITT[options.compression])
    else:
        if options.predictor == 2:
            before = np.concatenate((np.zeros_like(segment[:, :1]), segment[:, :-1]), axis=1)
            segment = (segment - before) & (2**options.bits - 1)
        data = packed(segment, options.bits, options.order)
        if options.compression in LIBTIFF:
            row = Image.fromarray(np.frombuffer(data, np.uint8)[np.newaxis])
            data = by_libtiff(row, LIBTIFF[options.compression])
    if options.fill_order == 2:
        data = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, 8)[:, ::-1]).tobytes()
    return data


def by_libtiff(image: Image.Image, compression: str) -> bytes:
    """The one strip of a picture that libtiff has compressed."""
    written = encoded(image, "TIFF", compression=compression, strip_size=2**30)
    with TiffImagePlugin.TiffImageFile(BytesIO(written)) as found:
        (offset,), (length,) = (found.tag_v2[each] for each in (273, 279))
    return written[offset : offset + length]


def ycbcr_units(values: Values, across: int, down: int) -> bytes:
    """Data units of YCbCr (TIFF 6.0 section 21): the luma of some pixels, and the first one's colour."""
    lines, columns = ceil(len(values) / down) * down, ceil(values.shape[1] / across) * across
    full = np.pad(values, ((0, lines - len(values)), (0, columns - values.shape[1]), (0, 0)), "edge").astype(np.uint8)
    blocks = full.reshape(lines // down, down, columns // across, across, 3).transpose(0, 2, 1, 3, 4)
    luma = blocks[..., 0].reshape(*blocks.shape[:2], -1)
    return np.concatenate((luma, blocks[:, :, 0, 0, 1:]), axis=-1).tobytes()


def bmp(pixels: Values, bits: int, *, masks: Sequence[int] = (), header: int = 40, top_down: bool = False) -> bytes:
    """A BMP of numbers of 16, 24 or 32 bits, with masks if there are any; a header of 40 bytes, or 108 or 124 (V4,
    V5)."""
    height, width = pixels.shape
    rows = pixels if top_down else pixels[::-1]
    row = np.zeros((height, (width * bits + 31) // 32 * 4), np.uint8)
    row[:, : width * bits // 8] = (
        rows.astype("<u4").view(np.uint8).reshape(height, width, 4)[..., : bits // 8].reshape(height, -1)
    )
    compression = 0 if not masks else 3 if header != 40 or len(masks) == 3 else 6
    info = struct.pack(
        "<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, row.size, 0, 0, 0, 0
    )
    written = struct.pack(f"<{len(masks)}I", *masks)
    info += written
    if header != 40:
        info = (info.ljust(56, b"\0") + struct.pack("<I", 0x73524742)).ljust(header, b"\0")  # sRGB
    return b"BM" + struct.pack("<IHHI", 14 + len(info) + row.size, 0, 0, 14 + len(info)) + info + row.tobytes()

"""Picture files without their metadata, and without decoding them: the pixels and how they are to be shown stay, byte
by byte; where, when, by whom and of whom a picture was taken are left out, and so is what follows its end.

- JPEG (ITU-T T.81 section B.1.1.2): JFIF, the colour profile (ICC.1:2022 annex B.4) and Adobe's segment stay. The
  orientation, by which browsers turn a JPEG, is written anew as the only tag of an EXIF segment (EXIF 4.7).
- PNG (W3C PNG, third edition, section 11): the chunks that change what is shown stay.
- WebP (RFC 9649): all chunks but EXIF, XMP and unknown ones stay.
- GIF (GIF89a): comments and applications stay out, but for the one that repeats an animation.

The result is a list of parts, so that a file that is not in memory can be sent without them. Other formats have no
metadata, or are not shown by browsers.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from lightbox_shared.images import MediaType

Part = range | bytes
"""A range of bytes of the file, or bytes that take the place of others."""

_JPEG_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""In a scan, where FF 00 is a byte of data, and D0 to D7 are intervals of it."""
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_ICC: Final = b"ICC_PROFILE\0"
_KEPT_CHUNKS: Final = frozenset(
    {
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI",
        b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
    }
)  # fmt: skip
_KEPT_WEBP: Final = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"})
_WEBP_METADATA_FLAGS: Final = 0x08 | 0x04
_GIF_LOOPS: Final = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})


def parts_without_metadata(data: bytes, media_type: MediaType, *, orientation: int = 1) -> tuple[Part, ...]:
    """The parts of a file that can be decoded, in their order. `orientation` is that of a JPEG.

    Takes some milliseconds for the largest files: call it in a thread.
    """
    parts: Iterator[Part]
    match media_type:
        case MediaType.JPEG:
            parts = _jpeg(data, orientation)
        case MediaType.PNG:
            parts = _png(data)
        case MediaType.WEBP:
            parts = _webp(data)
        case MediaType.GIF:
            parts = _gif(data)
        case _:
            parts = iter((range(len(data)),))
    return tuple(_joined(parts))


def without_metadata(data: bytes, media_type: MediaType, *, orientation: int = 1) -> bytes:
    """The bytes of `parts_without_metadata`."""
    return assembled(parts_without_metadata(data, media_type, orientation=orientation), data)


def assembled(parts: Sequence[Part], data: bytes, *, offset: int = 0) -> bytes:
    """The bytes of parts of a file, of which `data` are those from the position `offset` on."""
    return b"".join(
        data[part.start - offset : part.stop - offset] if isinstance(part, range) else part for part in parts
    )


def cut(parts: Sequence[Part], wanted: range) -> list[Part]:
    """The parts that make the positions `wanted` of the file that all parts make."""
    found: list[Part] = []
    at = 0
    for part in parts:
        start, stop = max(wanted.start - at, 0), min(wanted.stop - at, len(part))
        if start < stop:
            found.append(part[start:stop])
        at += len(part)
    return found


def size_of(parts: Sequence[Part]) -> int:
    """The number of bytes of the file that the parts make."""
    return sum(map(len, parts))


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    """With neighbours made one."""
    last: range | None = None
    for part in parts:
        if isinstance(part, range) and last is not None and part.start == last.stop:
            last = range(last.start, part.stop)
            continue
        if last is not None:
            yield last
        last = part if isinstance(part, range) else None
        if not isinstance(part, range):
            yield part
    if last is not None:
        yield last


def _jpeg(data: bytes, orientation: int) -> Iterator[Part]:
    yield range(2)
    at = 2
    if data[2:4] == b"\xff\xe0" and len(data) >= 6:  # JFIF comes first
        at += 2 + int.from_bytes(data[4:6], "big")
        if data[6:11] == b"JFIF\0":
            yield range(2, min(at, len(data)))
    if orientation != 1:
        yield _exif_segment(orientation)
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        marker, start = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            yield range(start - 2, start)
            return
        if marker == 0x01:  # the one other marker without a length
            at = start
            continue
        end = start + int.from_bytes(data[start : start + 2], "big")
        if end > len(data) or end < start + 2:
            return
        if _is_kept(marker, data[start + 2 : start + 2 + len(_ICC)]):
            yield range(start - 2, end)
        at = end
        if marker == _START_OF_SCAN:
            following = _JPEG_MARKER.search(data, end)
            at = len(data) if following is None else following.start()
            yield range(end, at)


def _is_kept(marker: int, beginning: bytes) -> bool:
    if marker == 0xE2:
        return beginning == _ICC
    if marker == 0xEE:
        return beginning.startswith(b"Adobe")
    return marker != 0xFE and not 0xE0 <= marker <= 0xEF


def _exif_segment(orientation: int) -> bytes:
    """A TIFF of one directory with one tag (EXIF 4.6.2)."""
    directory = struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + directory
    return b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body


def _png(data: bytes) -> Iterator[Part]:
    yield range(8)
    at = 8
    while at + 12 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        if kind in _KEPT_CHUNKS:
            yield range(at, end)
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> Iterator[Part]:
    kept: list[Part] = []
    at, stop = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= stop:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = min(at + 8 + size + size % 2, len(data))
        if kind == b"VP8X":
            kept += [range(at, at + 8), bytes((data[at + 8] & ~_WEBP_METADATA_FLAGS,)), range(at + 9, end)]
        elif kind in _KEPT_WEBP:
            kept.append(range(at, end))
        at = end
    yield b"RIFF" + struct.pack("<I", 4 + size_of(kept)) + b"WEBP"
    yield from kept


def _gif(data: bytes) -> Iterator[Part]:
    at = 13 + _colour_table(data[10])
    yield range(at)
    while at < len(data):
        start, kind = at, data[at]
        if kind == 0x2C and at + 10 < len(data):
            at = _behind_sub_blocks(data, at + 11 + _colour_table(data[at + 9]))
            yield range(start, at)
        elif kind == 0x21 and at + 2 < len(data):
            label = data[at + 1]
            at = _behind_sub_blocks(data, at + 2)
            if label in {0xF9, 0x01} or (label == 0xFF and data[start + 3 : start + 14] in _GIF_LOOPS):
                yield range(start, at)
        else:
            break
    yield b";"


def _colour_table(flags: int) -> int:
    """The number of its bytes, by the flags of a screen or an image."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind_sub_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return min(at + 1, len(data))

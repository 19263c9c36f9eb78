"""What the headers of PNG (W3C PNG, third edition), JPEG (ITU-T T.81, T.87), WebP (RFC 9649), GIF and BMP say, without
an image library.

A library that opens a file also unpacks its texts and colour profiles, whose size the sender chooses. Here nothing is
unpacked, each byte is read at most once, and the number of chunks or segments is limited. TIFF has a module of its own
(`lightbox_shared.images.tiff_directory`).
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lightbox_shared.images import BrokenPicture, UnsupportedPicture
from lightbox_shared.images.orientation import UPRIGHT, orientation_in_exif

MAX_PARTS: Final = 100_000
# A progressive JPEG is decoded once for each scan: a small file with thousands of scans would take minutes.
MAX_JPEG_SCANS: Final = 100
_PNG_BIT_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""The allowed bit depths for each colour type (PNG section 11.2.1)."""
_PNG_PIXELS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_START_OF_FRAME: Final = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xCC}
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_HIERARCHY: Final = 0xDE
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_EXIF: Final = b"Exif\0\0"
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""In a scan, where FF 00 is a byte of data, and D0 to D7 are intervals of it."""


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What is before the pixels of a PNG, and where the pixels are."""

    width: int
    height: int
    """Of the stored picture, not of the upright one."""
    depth: int
    """Bits of a sample, or of an index of the palette."""
    colour_type: int
    """0 grey, 2 colours, 3 palette, 4 grey and 6 colours with transparency (section 11.2.1)."""
    is_transparent: bool
    """Whether there is a chunk tRNS."""
    orientation: int
    is_animated: bool
    profile: bytes | None
    """The chunk iCCP as it is, with the name and compressed."""
    pixels: tuple[range, ...]
    """The chunks that the pixels need. Neighbours are one range."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the stored picture."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What is before the first scan of a JPEG."""

    width: int
    height: int
    """Of the stored picture, not of the upright one."""
    frame: int
    """The second byte of the marker of its frame (T.81 table B.1), 0xF7 for JPEG-LS; 0xDE if it has several."""
    precision: int
    """Bits of a sample."""
    sampling: tuple[tuple[int, int], ...]
    """Of each component, how many samples it has across and down, beside those of the others (section A.1.1)."""
    orientation: int
    has_several_scans: bool
    """Whether the samples come in more than one scan, and are kept until the last one."""
    pixels: tuple[range, ...]
    """The parts of the file that the pixels and their colours need, from its beginning to its last byte."""

    @property
    def components(self) -> int:
        """Samples of a pixel."""
        return len(self.sampling)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the stored picture."""
        return self.width, self.height


def png_header(data: bytes) -> PngHeader:
    """The header of a PNG.

    The checksums of all chunks are verified, and there must be the chunks IDAT and IEND. Raises `PictureError`.
    """
    width, height, depth, colour_type = _png_dimensions(data)
    orientation, profile, is_animated, is_transparent, has_pixels = UPRIGHT, None, False, False, False
    pixels = [range(8)]
    for kind, at, end in _png_chunks(data):
        if kind == b"eXIf" and not has_pixels:
            orientation = orientation_in_exif(data[at + 8 : end - 4])
        elif kind == b"iCCP" and not has_pixels:
            profile = data[at + 8 : end - 4]
        is_animated = is_animated or kind == b"acTL"
        is_transparent = is_transparent or kind == b"tRNS"
        has_pixels = has_pixels or kind == b"IDAT"
        if kind in _PNG_PIXELS:
            _append(pixels, range(at, end))
        elif kind[:1].isupper():  # a critical one (section 5.4)
            name = kind.decode("ascii", "replace")
            raise UnsupportedPicture(f"PNG with the chunk {name}, without which it can't be shown, is not read.")
    if not has_pixels:
        raise BrokenPicture("The PNG picture is damaged or incomplete.")
    return PngHeader(
        width, height, depth, colour_type, is_transparent, orientation, is_animated, profile, tuple(pixels)
    )


def _png_dimensions(data: bytes) -> tuple[int, int, int, int]:
    try:
        length, kind, width, height, depth, colour, packing, filters, interlace = struct.unpack_from(
            ">I4sIIBBBBB", data, 8
        )
    except struct.error:
        raise BrokenPicture("The PNG picture is damaged or incomplete.") from None
    if kind == b"CgBI":
        raise UnsupportedPicture("PNG in the form that is only for iPhones (CgBI) is not read.")
    known = depth in _PNG_BIT_DEPTHS.get(colour, ()) and (packing, filters) == (0, 0) and interlace in {0, 1}
    if (length, kind) != (13, b"IHDR") or not known:
        raise BrokenPicture("The PNG picture has no header that is known.")
    return width, height, depth, colour


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type, the beginning and the end of each chunk up to IEND. Raises `BrokenPicture` if it isn't reached."""
    view, at = memoryview(data), 8
    for _ in range(MAX_PARTS):
        try:
            length, kind = struct.unpack_from(">I4s", data, at)
            (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        except struct.error:
            break
        end = at + 12 + length
        if checksum != zlib.crc32(view[at + 4 : end - 4]):
            break
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end
    raise BrokenPicture("The PNG picture is damaged or incomplete.")


def jpeg_header(data: bytes) -> JpegHeader:
    """The header of a JPEG, behind which a scan must begin. Raises `BrokenPicture`."""
    frame: tuple[int, int] | None = None
    orientation, has_exif, is_hierarchical = UPRIGHT, False, False
    pixels = [range(2)]
    for marker, at, end in _jpeg_segments(data):
        if marker in _START_OF_FRAME and frame is None and end - at >= 10:
            frame = marker, at
        if marker == 0xE1 and not has_exif and data[at + 4 : at + 10] == _EXIF:
            orientation, has_exif = orientation_in_exif(data[at + 10 : end]), True
        is_hierarchical = is_hierarchical or marker == _HIERARCHY
        if marker == _START_OF_SCAN and frame is not None:
            _append(pixels, range(at, len(data)))
            kind, found_at = frame
            precision, height, width, components = struct.unpack_from(">BHHB", data, found_at + 4)
            factors = data[found_at + 11 : found_at + 10 + 3 * components : 3]
            sampling = tuple((each >> 4, each & 0x0F) for each in factors)
            kind = _HIERARCHY if is_hierarchical else kind
            has_several_scans = frame[0] in _PROGRESSIVE or (at + 4 < len(data) and data[at + 4] < components)
            return JpegHeader(width, height, kind, precision, sampling, orientation, has_several_scans, tuple(pixels))
        if _belongs_to_pixels(marker, data[at + 4 : at + 16]):
            _append(pixels, range(at, end))
    raise BrokenPicture("The JPEG picture is damaged or incomplete.")


def _belongs_to_pixels(marker: int, beginning: bytes) -> bool:
    """Tables, and the segments that say something about colours: JFIF, the ICC profile and Adobe's."""
    if marker == 0xE2:
        return beginning.startswith(b"ICC_PROFILE\0")
    return marker in {0xE0, 0xEE} or not (marker == 0xFE or 0xE0 <= marker <= 0xEF)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The second byte of the marker, the beginning and the end of each segment up to the first scan."""
    at = 2
    for _ in range(MAX_PARTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:  # any number of fill bytes (section B.1.1.2)
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
        if marker == _END_OF_IMAGE or end > len(data):
            return
        yield marker, at, end
        if marker == _START_OF_SCAN:
            return
        at = end


def check_jpeg_scans(data: bytes) -> None:
    """Raises `UnsupportedPicture` for a JPEG of more scans than any camera makes. Only those up to its end count: there
    are markers in thumbnails of its metadata and in what follows it, as well."""
    if data.count(b"\xff\xda") <= MAX_JPEG_SCANS:
        return
    at, scans = 2, 0
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None or found[1][0] == _END_OF_IMAGE:
            return
        scans += found[1][0] == _START_OF_SCAN
        if scans > MAX_JPEG_SCANS:
            break
        at = found.end()
        if found[1][0] != 0x01:  # the one other marker without a length
            at += int.from_bytes(data[at : at + 2], "big")
    raise UnsupportedPicture("The JPEG has more scans than any camera makes.")


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP, from its first chunk (RFC 9649). Raises `BrokenPicture`."""
    kind, body = data[12:16], data[20:30]
    if len(body) == 10:
        if kind == b"VP8X":
            return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        if kind == b"VP8L" and body[0] == 0x2F:
            bits = int.from_bytes(body[1:5], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", body[6:10])
            return width & 0x3FFF, height & 0x3FFF
    raise BrokenPicture("The WebP picture is damaged or incomplete.")


def gif_size(data: bytes) -> tuple[int, int]:
    """Width and height of the screen of a GIF (GIF89a section 18). Raises `BrokenPicture`."""
    if len(data) < 13:
        raise BrokenPicture("The GIF picture is damaged or incomplete.")
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def without_other_parts(data: bytes, parts: tuple[range, ...]) -> bytes:
    """The file of only these parts of it."""
    if len(parts) == 1 and len(parts[0]) == len(data):
        return data
    view = memoryview(data)
    return b"".join(view[each.start : each.stop] for each in parts)


def _append(parts: list[range], part: range) -> None:
    """With neighbours made one."""
    if parts and parts[-1].stop == part.start:
        part = range(parts.pop().start, part.stop)
    parts.append(part)

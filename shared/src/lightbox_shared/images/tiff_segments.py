"""The strips and tiles of a TIFF, decoded by imagecodecs one after the other, each with the size that it must have.

A decoder gets the number of bytes that a strip or tile has at most, or its header is checked before, so that none
allocates more than the picture needs. A strip that is shorter than its picture is damage, as is a missing one; more
bytes than the picture needs are left out, as libtiff does.
"""

import struct
import zlib
from math import ceil
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from lightbox_shared.images import BrokenPicture, UnsupportedPicture
from lightbox_shared.images.headers import check_jpeg_scans, jpeg_header, webp_size
from lightbox_shared.images.jpeg import check_supported
from lightbox_shared.images.tiff_directory import Tag
from lightbox_shared.images.tiff_layout import CCITT, WITH_PREDICTOR, Compression, Photometric, TiffLayout

_LSB_FIRST: Final = 2
_MOST_READ: Final = 4
"""How many times the bytes of a file may be read: equal tiles may be stored once."""
_LERC_KINDS: Final = {np.dtype(np.uint8): 1, np.dtype(np.uint16): 3}
"""How LERC names the samples that are read."""
_INCOMPLETE: Final = "The TIFF picture is damaged or incomplete."

Samples = npt.NDArray[Any]


def read_samples(data: bytes, layout: TiffLayout) -> Samples:
    """The stored samples: uint8 or uint16 of shape (height, width, samples of a pixel), not changed by their meaning
    but for YCbCr in JPEG, which comes as RGB. Raises `PictureError` and exceptions of the decoders."""
    if sum(layout.byte_counts) > _MOST_READ * len(data):
        raise BrokenPicture(_INCOMPLETE)
    if len(layout.offsets) == 1:  # which needs no second place
        whole = _Segment(layout, _bytes_of(data, layout, 0, layout.offsets[0]), layout.height, layout.width)
        return whole.decoded()[: layout.height, : layout.width]
    stored = np.empty((layout.height, layout.width, layout.samples), dtype=layout.dtype)
    across, down = ceil(layout.width / layout.tile_width), ceil(layout.height / layout.tile_height)
    for index, offset in enumerate(layout.offsets):
        plane, place = divmod(index, across * down)
        top, left = place // across * layout.tile_height, place % across * layout.tile_width
        rows, columns = min(layout.tile_height, layout.height - top), min(layout.tile_width, layout.width - left)
        segment = _Segment(layout, _bytes_of(data, layout, index, offset), rows, columns)
        planes = slice(plane, plane + 1) if layout.is_planar else slice(None)
        stored[top : top + rows, left : left + columns, planes] = segment.decoded()[:rows, :columns]
    return stored


def _bytes_of(data: bytes, layout: TiffLayout, index: int, offset: int) -> bytes:
    if layout.byte_counts:
        length = layout.byte_counts[index]
    elif layout.compression is Compression.NONE or len(layout.offsets) == 1:
        length = len(data) - offset
    else:
        raise BrokenPicture("The TIFF picture doesn't say how long its strips or tiles are.")
    if offset <= 0 or length <= 0 or offset >= len(data):
        raise BrokenPicture("The TIFF picture has a strip or tile of no bytes.")
    return data[offset : offset + length]


class _Segment:
    """One strip or tile."""

    def __init__(self, layout: TiffLayout, data: bytes, rows: int, columns: int) -> None:
        """`rows` and `columns` are those that the picture needs of it."""
        self._layout = layout
        self._data = data
        self._rows = rows
        self._columns = columns

    def decoded(self) -> Samples:
        """The samples: (at least the rows that are needed, at least the columns, samples of a pixel)."""
        match self._layout.compression:
            case Compression.JPEG:
                return self._jpeg()
            case Compression.WEBP:
                return self._webp()
            case Compression.LERC:
                return self._lerc()
            case compression if compression in CCITT:
                return self._ccitt(self._in_bit_order())
            case _:
                return self._unpacked(self._in_bit_order())

    def _in_bit_order(self) -> bytes:
        """With the highest bit first (section 8, FillOrder)."""
        import imagecodecs  # noqa: PLC0415 - services that don't decode pictures do without it

        if self._layout.directory.number(Tag.FILL_ORDER, 1) != _LSB_FIRST:
            return self._data
        return bytes(imagecodecs.bitorder_decode(self._data))

    def _unpacked(self, data: bytes) -> Samples:
        import imagecodecs  # noqa: PLC0415 - as above

        layout = self._layout
        if layout.subsampling != (1, 1):
            return self._subsampled(data)
        row = ceil(layout.tile_width * layout.samples_in_tile * layout.bits / 8)
        rows = layout.tile_height if layout.is_tiled else self._rows
        unpacked = decompressed(data, layout.compression, most=row * layout.tile_height)
        if len(unpacked) < row * rows:
            raise BrokenPicture(_INCOMPLETE)
        values = self._values(unpacked[: row * rows])
        values = values.reshape(rows, layout.tile_width, layout.samples_in_tile)
        if layout.predictor == 2 and layout.compression in WITH_PREDICTOR:
            values = imagecodecs.delta_decode(values, axis=1, out=values if values.flags.writeable else None)
        return values

    def _values(self, packed: memoryview) -> Samples:
        """Numbers of packed bits."""
        import imagecodecs  # noqa: PLC0415 - as above

        layout = self._layout
        if layout.bits == 8:
            return np.frombuffer(packed, np.uint8)
        if layout.bits == 16:
            return np.frombuffer(packed, layout.directory.order + "u2").astype(np.uint16, copy=False)
        run = layout.tile_width * layout.samples_in_tile
        values: Samples = imagecodecs.packints_decode(bytes(packed), layout.dtype, layout.bits, runlen=run)
        return values

    def _subsampled(self, data: bytes) -> Samples:
        """YCbCr in data units: the luma of some pixels, and the colour that they share (section 21)."""
        layout = self._layout
        across, down = layout.subsampling
        unit = across * down + 2
        units = ceil(layout.tile_width / across)
        lines = ceil((layout.tile_height if layout.is_tiled else self._rows) / down)
        most = unit * units * ceil(layout.tile_height / down)
        unpacked = decompressed(data, layout.compression, most=most)
        if len(unpacked) < unit * units * lines:
            raise BrokenPicture(_INCOMPLETE)
        read = np.frombuffer(unpacked, np.uint8, unit * units * lines).reshape(lines, units, unit)
        luma = (
            read[..., :-2].reshape(lines, units, down, across).swapaxes(1, 2).reshape(lines * down, units * across, 1)
        )
        chroma = read[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
        return np.concatenate((luma, chroma), axis=-1)

    def _ccitt(self, data: bytes) -> Samples:
        import imagecodecs  # noqa: PLC0415 - as above

        layout = self._layout
        rows = layout.tile_height if layout.is_tiled else self._rows
        values: Samples
        match layout.compression:
            case Compression.CCITT_RLE:
                values = imagecodecs.ccittrle_decode(data, rows, layout.tile_width)
            case Compression.CCITT_T4:
                options = layout.directory.number(Tag.T4_OPTIONS, 0)
                values = imagecodecs.ccittfax3_decode(data, rows, layout.tile_width, t4options=options)
            case _:
                values = imagecodecs.ccittfax4_decode(data, rows, layout.tile_width)
        return values.reshape(rows, layout.tile_width, 1)

    def _jpeg(self) -> Samples:
        """The tables may stand apart (technical note 2)."""
        import imagecodecs  # noqa: PLC0415 - as above

        layout = self._layout
        header = jpeg_header(self._data)
        check_supported(header)
        check_jpeg_scans(self._data)
        self._check_size(header.width, header.height)
        if header.components != layout.samples_in_tile or header.precision != layout.bits:
            raise BrokenPicture("The TIFF picture and the JPEG inside it disagree about its samples.")
        tables = bytes(layout.directory.tags.get(Tag.JPEG_TABLES, ())) or None
        stored = {1: "GRAYSCALE", 3: "RGB", 4: "CMYK"}[header.components]
        is_ycbcr = layout.photometric is Photometric.YCBCR and header.components == 3
        values: Samples = imagecodecs.jpeg8_decode(
            self._data, tables=tables, colorspace="YCBCR" if is_ycbcr else stored, outcolorspace=stored
        )
        return values.reshape(header.height, header.width, header.components)

    def _webp(self) -> Samples:
        import imagecodecs  # noqa: PLC0415 - as above

        self._check_size(*webp_size(self._data))
        samples = self._layout.samples_in_tile
        values: Samples = imagecodecs.webp_decode(self._data, hasalpha=samples == 4)
        return values

    def _lerc(self) -> Samples:
        import imagecodecs  # noqa: PLC0415 - as above

        layout = self._layout
        parameters = layout.directory.tags.get(Tag.LERC_PARAMETERS, (0, 0))
        most = 2 * layout.tile_width * layout.tile_height * layout.samples_in_tile * layout.bits // 8 + 1024
        packing = {0: Compression.NONE, 1: Compression.DEFLATE, 2: Compression.ZSTD}.get(int(parameters[-1]))
        if packing is None:
            raise UnsupportedPicture("TIFF with LERC inside of another compression than deflate and zstd is not read.")
        data = bytes(decompressed(self._data, packing, most=most))
        header = _lerc_header(data)
        self._check_size(header.width, header.height)
        if (header.samples, header.kind) != (layout.samples_in_tile, _LERC_KINDS.get(np.dtype(layout.dtype))):
            raise BrokenPicture("The TIFF picture and the LERC inside it disagree about its samples.")
        values: Samples = imagecodecs.lerc_decode(data[: header.length])  # more pictures may follow
        return values.reshape(*values.shape[:2], layout.samples_in_tile)

    def _check_size(self, width: int, height: int) -> None:
        """That of a picture inside of a strip or tile, for which its decoder allocates memory."""
        layout = self._layout
        if not layout.tile_width >= width >= self._columns or not layout.tile_height >= height >= self._rows:
            raise BrokenPicture("The TIFF picture and the one inside it disagree about its size.")


def decompressed(data: bytes, compression: Compression, *, most: int) -> memoryview:
    """The unpacked bytes, at most `most` of them."""
    import imagecodecs  # noqa: PLC0415 - as above

    if compression is Compression.NONE:
        return memoryview(data)
    out = bytearray(most)  # which is allocated once, and may be changed
    match compression:
        case Compression.LZW:
            return memoryview(imagecodecs.lzw_decode(data, out=out))
        case Compression.PACKBITS:
            return memoryview(imagecodecs.packbits_decode(data, out=out))
        case Compression.ZSTD:
            return memoryview(imagecodecs.zstd_decode(data, out=out))
    try:
        return memoryview(imagecodecs.deflate_decode(data, out=out))
    except imagecodecs.DeflateError:  # more bytes than the picture needs, which this one takes; or damage
        return memoryview(zlib.decompressobj().decompress(data, most))


class _LercHeader(NamedTuple):
    """What decides how much memory the decoder takes."""

    width: int
    height: int
    samples: int
    """Of a pixel."""
    length: int
    """Bytes of this picture. Its decoder would read all that follow it in the same strip."""
    kind: int
    """Of the samples."""


def _lerc_header(data: bytes) -> _LercHeader:
    """The header of LERC 2 (Esri's specification, "Header Info"). Raises `PictureError`."""
    if data[:6] != b"Lerc2 ":
        raise UnsupportedPicture("TIFF with LERC in its first version is not read.")
    version = int.from_bytes(data[6:10], "little")
    at, has_samples = 10 if version < 3 else 14, version >= 4
    try:
        numbers = struct.unpack_from("<7I" if has_samples else "<6I", data, at)
    except struct.error:
        raise BrokenPicture(_INCOMPLETE) from None
    samples = numbers[2] if has_samples else 1
    return _LercHeader(numbers[1], numbers[0], samples, length=numbers[-2], kind=numbers[-1])

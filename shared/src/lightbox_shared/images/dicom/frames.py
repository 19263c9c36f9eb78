"""The stored values of the frame of a DICOM file: native (PS3.5 section 8.2), RLE (annex G), or of a JPEG family."""

import math
import struct
from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.images import BrokenPicture, UnsupportedPicture
from lightbox_shared.images.dicom.codestreams import Process, checked_codestream
from lightbox_shared.images.dicom.image_pixel import YBR_FULL_422, ImagePixel
from lightbox_shared.images.dicom.reading import DicomFile

Words = npt.NDArray[np.unsignedinteger[Any]]

_NATIVE: Final = frozenset(
    {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
)
_PROGRESSIVE_JPEG: Final = frozenset({"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"})  # retired
_JPEG_FAMILY: Final = _PROGRESSIVE_JPEG | {
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
}
_RLE_HEADER_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """Words of memory, as many bits wide as are allocated, each of which has a stored value in some of its bits."""

    words: Words
    """Of shape (rows, columns), or (rows, columns, 3) of a picture with three samples a pixel."""
    lowest_bit: int
    """Where in a word the stored value begins."""
    is_rgb: bool = False
    """Whether the decoder has already made red, green and blue of luminance and chrominance."""


def read_frame(file: DicomFile, pixel: ImagePixel) -> Frame:
    """Unpack the one frame of a file. Raises `PictureError`, and what decoders raise for damaged files."""
    syntax = file.transfer_syntax
    lowest_bit = pixel.high_bit + 1 - pixel.bits_stored
    if syntax in _NATIVE:
        native = _subsampled if pixel.photometric_interpretation == YBR_FULL_422 else _native
        return Frame(native(file, pixel), lowest_bit)
    if syntax == RLELossless:
        return Frame(_rle(file.encapsulated_frame(), pixel), lowest_bit)
    if syntax in _JPEG_FAMILY:
        return _decompressed(file.encapsulated_frame(), pixel)
    name = f"{syntax.name} ({syntax})" if syntax.name != syntax else str(syntax)
    sentence = f"The DICOM file's transfer syntax, {name[:128]}, is not read."
    raise UnsupportedPicture(Sentence("unsupported-transfer-syntax", sentence, syntax=name[:128]))


def _native(file: DicomFile, pixel: ImagePixel) -> Words:
    shape: tuple[int, ...] = (pixel.rows, pixel.columns)
    if pixel.samples_per_pixel == 3:
        shape = (3, *shape) if pixel.planar_configuration else (*shape, 3)
    words = _words(file, math.prod(shape), pixel.bits_allocated // 8).reshape(shape)
    return np.moveaxis(words, 0, -1) if pixel.samples_per_pixel == 3 and pixel.planar_configuration else words


def _words(file: DicomFile, count: int, width: int) -> Words:
    """`count` words of `width` bytes. OW is of words of 16 bits, also where pixels have 8 or 32, and only the two bytes
    of each of those change places in big endian (PS3.5 sections 7.3 and 8.1.1)."""
    length = count * width
    if file.little_endian or (width == 1 and file.value_representation != "OW"):
        return np.frombuffer(file.native_pixels(length), f"<u{width}")
    swapped = np.frombuffer(file.native_pixels(length + length % 2), ">u2").astype("<u2")
    return swapped.view(np.uint8)[:length].view(f"<u{width}")


def _subsampled(file: DicomFile, pixel: ImagePixel) -> Words:
    """Two luminances and the chrominance of both: Y1 Y2 CB CR (PS3.3 C.7.6.3.1.2)."""
    if pixel.bits_allocated != 8 or pixel.columns % 2:
        raise BrokenPicture(
            "The DICOM file contradicts itself: YBR_FULL_422 has 8 bits, and an even number of columns."
        )
    pairs = _words(file, pixel.rows * pixel.columns * 2, 1).reshape(pixel.rows, pixel.columns // 2, 4)
    words = np.empty((pixel.rows, pixel.columns, 3), np.uint8)
    words[:, 0::2, 0], words[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
    words[:, 0::2, 1:] = words[:, 1::2, 1:] = pairs[..., 2:]
    return words


def _rle(frame: bytes, pixel: ImagePixel) -> Words:
    """A segment for each byte of each sample, the most significant one first."""
    width = pixel.bits_allocated // 8
    segments = pixel.samples_per_pixel * width
    count, *offsets = struct.unpack_from("<16I", frame)
    if count != segments:
        raise BrokenPicture("The DICOM file's compressed pixels have another number of samples than it says.")
    ends = [*offsets[1:segments], len(frame)]
    unpacked = np.empty((pixel.rows, pixel.columns, pixel.samples_per_pixel, width), np.uint8)
    for index, (begin, end) in enumerate(zip(offsets, ends, strict=False)):
        sample, byte = divmod(index, width)
        plane = _unpacked(frame[max(begin, _RLE_HEADER_BYTES) : end], pixel.rows * pixel.columns)
        unpacked[:, :, sample, width - 1 - byte] = plane.reshape(pixel.rows, pixel.columns)
    words = unpacked.view(f"<u{width}")[..., 0]
    return words if pixel.samples_per_pixel == 3 else words[..., 0]


def _unpacked(segment: bytes, count: int) -> npt.NDArray[np.uint8]:
    """`count` bytes of PackBits, in which some encoders write more than that. It has a zero at its end to be even."""
    try:
        unpacked = imagecodecs.packbits_decode(segment, out=2 * count)
    except imagecodecs.PackbitsError:
        unpacked = imagecodecs.packbits_decode(segment.removesuffix(b"\0"), out=2 * count)
    if len(unpacked) < count:
        raise BrokenPicture("The DICOM file's compressed pixels are fewer than its rows and columns say.")
    return np.frombuffer(unpacked, np.uint8, count)


def _decompressed(frame: bytes, pixel: ImagePixel) -> Frame:
    codestream = checked_codestream(frame, pixel)
    is_rgb = False
    if codestream.process is Process.JPEG_LS:
        values = imagecodecs.jpegls_decode(frame)
    elif codestream.process is Process.JPEG_2000:
        # High-throughput blocks too. The decoder has undone its own transformation of colours.
        values = imagecodecs.jpeg2k_decode(frame)
        is_rgb = pixel.photometric_interpretation in {"YBR_RCT", "YBR_ICT"}
    elif codestream.process is Process.JPEG_LOSSLESS or not pixel.photometric_interpretation.startswith("YBR"):
        # What stands in the file: the colour space that is named makes the decoder leave the samples alone.
        space = "RGB" if pixel.samples_per_pixel == 3 else "GRAYSCALE"
        values = imagecodecs.jpeg8_decode(frame, colorspace=space, outcolorspace=space)
    else:
        values = imagecodecs.jpeg8_decode(frame, outcolorspace="RGB")
        is_rgb = True
    shape = (pixel.rows, pixel.columns, 3)[: 2 + (pixel.samples_per_pixel == 3)]
    if values.shape != shape:
        raise BrokenPicture("The DICOM file and the picture inside it disagree about its size.")
    # A codestream of no more bits than are stored has only these, whatever the high bit.
    lowest_bit = 0 if codestream.precision <= pixel.bits_stored else pixel.high_bit + 1 - pixel.bits_stored
    if values.dtype.kind == "i":
        width = pixel.bits_allocated // 8
        values = values.astype(f"i{width}", copy=False).view(f"u{width}")
    return Frame(values, lowest_bit, is_rgb)

"""Raster files that are drawn at random, each with what is in it (`raster_expectations`)."""

import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

import imagecodecs
import numpy as np
import tifffile
from hypothesis import strategies as st
from PIL import Image

from support import raster_files
from support.pictures import encoded
from support.raster_expectations import ROUNDING, DrawnFile, Expectation, Values, expect, turned
from support.raster_files import TiffOptions

_NOISY: Final = 10 / 255
"""What JPEG may change of smooth pictures in its highest quality, and rounding of YCbCr."""


orientations: Final = st.sampled_from([1, 1, *range(1, 9)])
_sides: Final = st.integers(1, 40)


@st.composite
def noise(draw: st.DrawFn, channels: int, bits: int) -> Values:
    """Samples of any value, the smallest and the largest among them; shape (height, width, channels)."""
    shape = draw(_sides), draw(_sides), channels
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = generator.integers(0, 2**bits, shape).astype(np.uint16)
    extremes = generator.integers(0, 8, shape)
    values[extremes == 0], values[extremes == 1] = 0, 2**bits - 1
    return values


@st.composite
def smooth(draw: st.DrawFn, channels: int, bits: int = 8) -> Values:
    """Samples that rise or fall slowly, so that JPEG changes little of them, even if pixels share their colours."""
    height, width = draw(_sides), draw(_sides)
    slopes = [draw(st.floats(-1, 1)) for _ in range(2 * channels)]
    across, down = np.arange(width) / 40 - 0.5, np.arange(height)[:, np.newaxis] / 40 - 0.5
    planes = [0.5 + 0.4 * (a * across + b * down) for a, b in zip(slopes[::2], slopes[1::2], strict=True)]
    values: Values = np.rint(np.stack(planes, axis=-1) * (2**bits - 1)).astype(np.uint16)
    return values


@st.composite
def png_files(draw: st.DrawFn) -> DrawnFile:
    """PNG of every colour type and depth, with palettes, tRNS, eXIf, texts and interlacing."""
    colour_type = draw(st.sampled_from([0, 2, 3, 4, 6]))
    depths = {0: [1, 2, 4, 8, 16], 3: [1, 2, 4, 8]}.get(colour_type, [8, 16])
    depth = draw(st.sampled_from(depths))
    values = draw(noise(raster_files.PNG_CHANNELS[colour_type], depth))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    orientation, has_alpha, white = draw(orientations), colour_type in {4, 6}, 2**depth - 1
    before, shown = _png_transparency(draw(st.booleans()), values, depth, colour_type, generator)
    if shown is not None:
        values_shown, has_alpha, white = shown
    else:
        values_shown = values
    if orientation != 1:
        before.append((b"eXIf", raster_files.exif(orientation, order=draw(st.sampled_from("<>")))))
    if draw(st.integers(0, 9)) == 0:
        before.insert(0, (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**21), 9)))
    data = raster_files.png(
        values, depth, colour_type, before=before, interlaced=draw(st.booleans()), filters=draw(st.integers(0, 2))
    )
    tolerance = ROUNDING if depth == 16 else 0
    expected = expect(values_shown, white, alpha=has_alpha, orientation=orientation, tolerance=tolerance)
    return DrawnFile(data, "image/png", expected, f"PNG type {colour_type}, {depth} bits, turned {orientation}")


def _png_transparency(
    has_trns: bool, values: Values, depth: int, colour_type: int, generator: np.random.Generator
) -> tuple[list[tuple[bytes, bytes]], tuple[Values, bool, int] | None]:
    """The chunks PLTE and tRNS, and the samples that they make, whether the last one is alpha, and the largest."""
    if colour_type == 3:
        palette = generator.integers(0, 256, (2**depth, 4)).astype(np.uint16)
        opaque = int(generator.integers(0, 2**depth + 1)) if has_trns else 0
        palette[opaque:, 3] = 255
        chunks = [(b"PLTE", palette[:, :3].astype(np.uint8).tobytes())]
        if opaque:
            chunks.append((b"tRNS", palette[:opaque, 3].astype(np.uint8).tobytes()))
        return chunks, (palette[values[..., 0]], True, 255)
    if colour_type in {4, 6} or not has_trns:
        return [], None
    chosen = values[0, 0]
    white = 2**depth - 1
    alpha = np.where((values == chosen).all(axis=-1, keepdims=True), 0, white)
    chunk = (b"tRNS", chosen.astype(">u2").tobytes())
    return [chunk], (np.concatenate((values, alpha), axis=-1), True, white)


@st.composite
def tiff_files(draw: st.DrawFn) -> DrawnFile:
    """TIFF without a loss, of the writer of `raster_files`."""
    kind = draw(st.sampled_from(["white", "black", "black", "rgb", "palette", "cmyk"]))
    photometric, colours = {"white": (0, 1), "black": (1, 1), "rgb": (2, 3), "palette": (3, 1), "cmyk": (5, 4)}[kind]
    compression = draw(st.sampled_from([1, 5, 8, 32946, 32773, 50000, *([2, 3, 4] if colours == 1 else [])]))
    is_ccitt = compression in {2, 3, 4}
    bits = 1 if is_ccitt else draw(st.sampled_from([1, 2, 4, 8] if kind == "palette" else [8, 16, *range(1, 17)]))
    extra = 0 if is_ccitt or kind == "palette" else draw(st.sampled_from([0, 0, 1] if kind == "cmyk" else [0, 0, 1, 2]))
    extra_kind = draw(st.sampled_from([0, 1, 2]))
    values = draw(noise(colours + extra, bits))
    if extra and extra_kind == 1:
        values[..., :colours] = np.minimum(values[..., :colours], values[..., colours : colours + 1])
    white, orientation = 2**bits - 1, draw(orientations)
    tags: dict[int, Any] = {274: (3, [orientation])} if orientation != 1 else {}
    if extra:
        tags[338] = (3, [extra_kind] + [0] * (extra - 1))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    palette = generator.integers(0, 65536, (2**bits, 3)) if kind == "palette" else None
    if palette is not None:
        palette[0] = 65535  # else all might be below 256, which is read as 8 bits
        tags[320] = (3, palette.T.ravel().tolist())
    options = TiffOptions(
        bits=bits,
        photometric=photometric,
        order=draw(st.sampled_from("<>")),
        is_big=draw(st.booleans()),
        compression=compression,
        is_planar=colours + extra > 1 and draw(st.booleans()),
        tile=draw(st.sampled_from([None, None, (16, 16), (32, 16)])),
        rows_per_strip=draw(st.sampled_from([1, 3, 16, 2**32 - 1])),
        fill_order=draw(st.sampled_from([1, 1, 2])),
        predictor=2 if bits in {8, 16} and compression in {5, 8, 32946, 50000} and draw(st.booleans()) else 1,
        pads_last_strip=draw(st.integers(0, 4)) == 0,
        is_behind_a_reduced_one=draw(st.integers(0, 4)) == 0,
        tags=tags,
    )
    data = raster_files.tiff(values, options)
    expected = _expected_tiff(values, kind, colours, extra_kind if extra else 0, white, palette, orientation)
    return DrawnFile(data, "image/tiff", expected, f"TIFF {kind} + {extra} ({extra_kind}), {options}")


def _expected_tiff(
    values: Values, kind: str, colours: int, extra: int, white: int, palette: Values | None, orientation: int
) -> Expectation:
    upright = turned(values, orientation)
    shown = upright[..., :colours].astype(np.float64) / white
    alpha = upright[..., colours] / white if extra in {1, 2} else None
    if extra == 1:
        assert alpha is not None
        shown = np.minimum(shown / np.maximum(alpha, 1 / white)[..., np.newaxis], 1)
    if kind == "white":
        shown = 1 - shown
    elif kind == "palette":
        assert palette is not None
        shown = palette[upright[..., 0]] / 65535
    elif kind == "cmyk":
        shown = (1 - shown[..., :3]) * (1 - shown[..., 3:])
    # Colours that were multiplied with alpha are rounded when they are divided by it.
    return Expectation(shown, alpha, ROUNDING if extra != 1 else 2.0001 / min(white, 255))


@st.composite
def tifffile_files(draw: st.DrawFn) -> DrawnFile:
    """TIFF of the writer that scientists use."""
    bits = draw(st.sampled_from([8, 16]))
    photometric, channels = draw(st.sampled_from([("minisblack", 1), ("miniswhite", 1), ("rgb", 3), ("rgb", 4)]))
    values = draw(noise(channels, bits)).astype(np.uint8 if bits == 8 else np.uint16)
    is_planar = channels > 1 and draw(st.booleans())
    compression = draw(st.sampled_from([None, "lzw", "zlib", "packbits", "zstd", "lerc"]))
    orientation, buffer = draw(orientations), BytesIO()
    stored = values[..., 0] if channels == 1 else np.moveaxis(values, -1, 0) if is_planar else values
    tifffile.imwrite(
        buffer,
        np.ascontiguousarray(stored),
        photometric=photometric,
        planarconfig=None if channels == 1 else "separate" if is_planar else "contig",
        extrasamples=["unassalpha"] if channels == 4 else None,
        compression=compression,
        predictor=compression in {"lzw", "zlib", "zstd"} and draw(st.booleans()),
        tile=draw(st.sampled_from([None, (16, 16), (48, 32)])),
        rowsperstrip=None,
        bigtiff=draw(st.booleans()),
        byteorder="<" if compression == "lerc" else draw(st.sampled_from("<>")),  # it writes no other LERC
        extratags=[(274, 3, 1, orientation, False)],
        metadata=None,
    )
    white = 2**bits - 1
    shown = (
        np.concatenate((white - values[..., :1], values[..., 1:]), axis=-1) if photometric == "miniswhite" else values
    )
    expected = expect(shown, white, alpha=channels == 4, orientation=orientation, tolerance=ROUNDING)
    words = f"tifffile {photometric} {channels} x {bits}, {compression}, planar {is_planar}, turned {orientation}"
    return DrawnFile(buffer.getvalue(), "image/tiff", expected, words)


@st.composite
def tiff_with_jpeg_files(draw: st.DrawFn) -> DrawnFile:
    """TIFF with JPEG or WebP inside, and with subsampled YCbCr."""
    kind = draw(st.sampled_from(["grey", "ycbcr", "rgb", "webp", "raw ycbcr"]))
    values = draw(smooth(1 if kind == "grey" else 3)).astype(np.uint8)
    orientation, tile = draw(orientations), draw(st.sampled_from([None, (16, 16), (48, 32)]))
    tags: dict[int, Any] = {274: (3, [orientation])}
    if kind == "raw ycbcr":
        across, down = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2, 4]))
        values = np.repeat(np.repeat(values, across, axis=1), down, axis=0)
        ycbcr = np.asarray(Image.fromarray(values).convert("YCbCr"))
        tags |= _tiff_tags(values, 1, 6) | {530: (3, [across, down])}
        data = raster_files.tiff_of([raster_files.ycbcr_units(ycbcr, across, down)], tags, TiffOptions())
    else:
        photometric, compression = {"grey": (1, 7), "ycbcr": (6, 7), "rgb": (2, 7), "webp": (2, 50001)}[kind]
        segments = raster_files._segments(values, TiffOptions(tile=tile))
        subsampling = draw(st.sampled_from([0, 2])) if kind == "ycbcr" else 0
        files = [_jpeg_or_webp(each, kind, subsampling) for each in segments]
        tags |= _tiff_tags(values, compression, photometric)
        if tile is not None:
            tags |= {322: (3, [tile[0]]), 323: (3, [tile[1]])}
        if compression == 7 and draw(st.booleans()):  # the tables apart from the pictures (technical note 2)
            options = {"quality": 100, "subsampling": subsampling, "keep_rgb": kind == "rgb"}
            image = Image.fromarray(segments[0][..., 0] if kind == "grey" else segments[0])
            tags[347] = (7, list(encoded(image, "JPEG", streamtype=1, **options)))
            files = [_jpeg_or_webp(each, kind, subsampling, streamtype=2) for each in segments]
        data = raster_files.tiff_of(files, tags, TiffOptions(tile=tile))
    expected = expect(values, 255, alpha=False, orientation=orientation, tolerance=_NOISY)
    return DrawnFile(data, "image/tiff", expected, f"TIFF with {kind}, tiles {tile}, turned {orientation}")


def _tiff_tags(values: Values, compression: int, photometric: int) -> dict[int, Any]:
    height, width, samples = values.shape
    return {
        256: (4, [width]), 257: (4, [height]), 258: (3, [8] * samples), 259: (3, [compression]),
        262: (3, [photometric]), 277: (3, [samples]), 278: (4, [height]),
    }  # fmt: skip


def _jpeg_or_webp(values: Values, kind: str, subsampling: int, **options: Any) -> bytes:
    if kind == "webp":
        return encoded(Image.fromarray(values), "WEBP", lossless=True)
    image = Image.fromarray(values[..., 0] if kind == "grey" else values)
    return encoded(image, "JPEG", quality=100, subsampling=subsampling, keep_rgb=kind == "rgb", **options)


@st.composite
def jpeg_files(draw: st.DrawFn) -> DrawnFile:
    """JPEG of each process that is read, with EXIF of all sorts and with bytes behind the end."""
    mode = draw(st.sampled_from(["L", "RGB", "RGB", "CMYK"]))
    values = draw(smooth(len(mode) if mode != "L" else 1)).astype(np.uint8)
    image = Image.fromarray(values[..., 0]) if mode == "L" else Image.fromarray(values, mode)
    data = encoded(
        image, "JPEG", quality=100, subsampling=draw(st.sampled_from([0, 2])), progressive=draw(st.booleans())
    )
    orientation = draw(orientations)
    if orientation != 1 or draw(st.booleans()):
        written = raster_files.exif(orientation, order=draw(st.sampled_from("<>")), broken_rational=draw(st.booleans()))
        data = raster_files.with_exif(data, written)
    if draw(st.integers(0, 4)) == 0:
        data += b"\xff\xda\xff\xd8\xff\xe1" * 101  # as in the video of a motion photo
    shown = values.astype(np.float64)
    if mode == "CMYK":
        shown = (255 - shown[..., :3]) * (255 - shown[..., 3:]) / 255
    expected = expect(shown, 255, alpha=False, orientation=orientation, tolerance=_NOISY)
    return DrawnFile(data, "image/jpeg", expected, f"JPEG {mode}, turned {orientation}")


@st.composite
def deep_jpeg_files(draw: st.DrawFn) -> DrawnFile:
    """JPEG of 12 bits, and lossless JPEG."""
    kind = draw(st.sampled_from(["12 bits", "lossless"]))
    bits = 12 if kind == "12 bits" else draw(st.sampled_from([8, 10, 12, 16]))
    values = draw(smooth(draw(st.sampled_from([1, 3])) if kind != "lossless" else 1, bits))
    stored = np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values)
    stored = stored.astype(np.uint8) if bits == 8 else stored
    if kind == "12 bits":
        data = imagecodecs.jpeg8_encode(stored, level=100, bitspersample=12, subsampling="444")
    else:
        data = imagecodecs.ljpeg_encode(stored, bitspersample=bits)
    orientation = draw(orientations)
    data = raster_files.with_exif(bytes(data), raster_files.exif(orientation))
    tolerance = ROUNDING if kind != "12 bits" else _NOISY
    expected = expect(values, 2**bits - 1, alpha=False, orientation=orientation, tolerance=tolerance)
    return DrawnFile(data, "image/jpeg", expected, f"JPEG {kind}, {bits} bits, turned {orientation}")


_BMP_MASKS: Final[list[tuple[int, ...]]] = [
    (),
    (0x7C00, 0x3E0, 0x1F),
    (0xF800, 0x7E0, 0x1F),
    (0xFF, 0xFF00, 0xFF0000),
    (0x3FF00000, 0xFFC00, 0x3FF),
    (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    (0xF00, 0xF0, 0xF, 0xF000),
]
"""Red, green and blue, and in some alpha."""


@st.composite
def bmp_files(draw: st.DrawFn) -> DrawnFile:
    """BMP of 16, 24 and 32 bits, with masks, with alpha, and from the top down."""
    masks = draw(st.sampled_from(_BMP_MASKS))
    bits = draw(st.sampled_from([16, 24, 32])) if not masks else 16 if max(masks) < 0x10000 else 32
    header = draw(st.sampled_from([108, 124] if len(masks) == 4 else [40, 108, 124]))
    used = masks or ((0x7C00, 0x3E0, 0x1F) if bits == 16 else (0xFF0000, 0xFF00, 0xFF))
    shape = draw(st.integers(4, 40)), draw(_sides)  # Chromium shows no BMP with masks and fewer than 16 bytes of pixels
    pixels = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 2**bits, shape)
    if len(masks) == 4:
        pixels[0, 0] |= masks[3]
    channels = [(pixels & mask) / mask for mask in used]
    data = raster_files.bmp(pixels, bits, masks=masks, header=header, top_down=draw(st.booleans()))
    values = np.stack(channels, axis=-1)
    expected = expect(values, 1, alpha=len(used) == 4, tolerance=ROUNDING)
    return DrawnFile(
        data, "image/bmp", expected, f"BMP of {bits} bits, masks {[hex(each) for each in masks]}, {header}"
    )


@st.composite
def pillow_files(draw: st.DrawFn) -> DrawnFile:
    """Lossless WebP with EXIF that nobody obeys, and BMP with a palette, one bit, or run lengths."""
    kind = draw(st.sampled_from(["WEBP", "WEBP", "BMP", "BMP1", "BMPP"]))
    channels = draw(st.sampled_from([3, 4])) if kind == "WEBP" else 3 if kind == "BMP" else 1
    values = draw(noise(channels, 8)).astype(np.uint8)
    has_alpha = channels == 4
    if kind == "WEBP":
        options: dict[str, Any] = {"lossless": True, "exact": True}
        if draw(st.booleans()):
            options["exif"] = b"Exif\0\0" + raster_files.exif(draw(orientations))
        data = encoded(Image.fromarray(values), "WEBP", **options)
    elif kind == "BMP1":
        values = np.where(values < 128, 0, 255).astype(np.uint8)
        data = encoded(Image.fromarray(values[..., 0] > 0), "BMP")
    else:
        image = Image.fromarray(values[..., 0] if channels == 1 else values)
        if kind == "BMPP":
            palette = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 256, (256, 3)).astype(np.uint8)
            image = image.convert("P")
            image.putpalette(palette.tobytes())
            values = palette[values[..., 0]]
        data = encoded(image, "BMP")
    media_type = "image/webp" if kind == "WEBP" else "image/bmp"
    return DrawnFile(data, media_type, expect(values, 255, alpha=has_alpha), f"{kind} of {channels} channels")


browser_files: Final[Callable[[], st.SearchStrategy[DrawnFile]]] = lambda: st.one_of(  # noqa: E731
    png_files(), png_files(), jpeg_files(), bmp_files(), pillow_files()
)
all_files: Final[Callable[[], st.SearchStrategy[DrawnFile]]] = lambda: st.one_of(  # noqa: E731
    png_files(), tiff_files(), tiff_files(), tifffile_files(), tiff_with_jpeg_files(), jpeg_files(), deep_jpeg_files(),
    bmp_files(), pillow_files(),
)  # fmt: skip

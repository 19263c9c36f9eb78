"""The right values of files that are often read wrongly, and what files that are not read are said to be."""

import contextlib
import struct
import time
import tracemalloc
import zlib
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from support import pictures, raster_files
from support.pictures import encoded, png_chunk
from support.raster_files import TiffOptions
from support.thumbnails import thumbnail_of

from lightbox_shared.images import BrokenPicture, MediaType, PictureError, UnsupportedPicture, decode_grey, inspect
from lightbox_shared.images.display import check_picture, read_for_display

LIMIT = 50_000_000
RAMP = pictures.ramp(64, 48)
COLUMN = RAMP[..., np.newaxis]
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
JPEG = encoded(Image.fromarray(RAMP.astype(np.uint8)), "JPEG", quality=95)
PNG = pictures.png(64, 48)


def row_of(data: bytes) -> list[float]:
    """What a model reads of the first row, from 0 to 1, at four places."""
    image = decode_grey(data, max_pixels=LIMIT).image
    values = np.asarray(image, dtype=np.float64)[0] / (255 if image.mode == "L" else 1)
    return [float(values[each]) for each in (0, 21, 42, 63)]


THIRDS = [0, 1 / 3, 2 / 3, 1]


def deep(bits: int, **options: Any) -> bytes:
    """A grey TIFF of a ramp from 0 to the largest value."""
    return raster_files.tiff(pictures.ramp(64, 48, 2**bits - 1)[..., np.newaxis], TiffOptions(bits=bits, **options))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(deep(16, photometric=0), THIRDS[::-1], id="16-bit-white-is-zero"),
        pytest.param(deep(16, photometric=0, order=">"), THIRDS[::-1], id="16-bit-white-is-zero-big-endian"),
        pytest.param(deep(12), THIRDS, id="12-bit"),
        pytest.param(deep(12, photometric=0), THIRDS[::-1], id="12-bit-white-is-zero"),
        pytest.param(deep(10), THIRDS, id="10-bit"),
        pytest.param(deep(14, tile=(16, 16)), THIRDS, id="14-bit-tiles"),
        pytest.param(deep(2), THIRDS, id="2-bit"),
        pytest.param(deep(16, compression=5, predictor=2), THIRDS, id="16-bit-predictor"),
        pytest.param(deep(16, is_big=True), THIRDS, id="BigTIFF"),
        pytest.param(deep(8, fill_order=2), THIRDS, id="lowest-bit-first"),
        pytest.param(deep(16, is_behind_a_reduced_one=True), THIRDS, id="behind-a-reduced-picture"),
        pytest.param(
            raster_files.tiff(
                np.repeat(pictures.ramp(64, 48, 65535)[..., np.newaxis], 3, axis=2),
                TiffOptions(bits=16, photometric=2, is_planar=True),
            ),
            THIRDS,
            id="16-bit-rgb-in-planes",
        ),
        pytest.param(
            raster_files.png(np.repeat(pictures.ramp(64, 48, 65535)[..., np.newaxis], 3, axis=2), 16, 2),
            THIRDS,
            id="16-bit-rgb-png",
        ),
    ],
)
def test_deep_pictures(data: bytes, expected: list[float]) -> None:
    bits = 2 if read_for_display(data, max_pixels=LIMIT).bits == 8 else 16
    assert row_of(data) == pytest.approx(expected, abs=1e-4 if bits == 16 else 0.51 / 255)
    shown = np.asarray(read_for_display(data, max_pixels=LIMIT).image.convert("L"), float)[0, [0, 21, 42, 63]]
    assert shown == pytest.approx(np.array(expected) * 255, abs=0.51)


def test_sixteen_bits_of_colour_reach_the_model() -> None:
    """Differences of one in 65535 are seen."""
    values = np.full((1, 3, 3), 32768, np.uint16)
    values[0, 1], values[0, 2] = 32769, 32770
    for data in (
        raster_files.png(values, 16, 2),
        raster_files.tiff(values, TiffOptions(bits=16, photometric=2)),
    ):
        read = np.asarray(decode_grey(data, max_pixels=LIMIT).image)[0]
        np.testing.assert_allclose(np.diff(read), [1 / 65535] * 2, atol=2e-7)


def test_transparency_of_a_grey_value_counts_at_all_depths() -> None:
    for depth in (1, 2, 4, 8, 16):
        values = np.array([[[1], [0]]], np.uint16)
        data = raster_files.png(values, depth, 0, before=[(b"tRNS", b"\0\1")])
        shown = read_for_display(data, max_pixels=LIMIT).image
        assert shown.mode == "RGBA"
        assert np.asarray(shown.getchannel("A")).tolist() == [[0, 255]], depth


TURNED = {"JPEG": True, "PNG": True, "TIFF": True, "WEBP": False}


@pytest.mark.parametrize("format_name", TURNED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_views_are_turned_by_the_same_rule(format_name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(RAMP.astype(np.uint8)), format_name, exif=exif)
    size = (48, 64) if TURNED[format_name] and orientation > 4 else (64, 48)
    assert sizes(data) == {size}


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP", "PNG", "TIFF"])
def test_xmp_turns_nothing(format_name: str) -> None:
    options: dict[str, Any] = {"xmp": XMP}
    if format_name == "PNG":
        from PIL import PngImagePlugin  # noqa: PLC0415

        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": texts}
    elif format_name == "TIFF":
        options = {"tiffinfo": {700: XMP}}
    assert sizes(encoded(Image.fromarray(RAMP.astype(np.uint8)), format_name, **options)) == {(64, 48)}


def sizes(data: bytes) -> set[tuple[int, int]]:
    """Width and height of all views."""
    info, checked = inspect(data, max_pixels=LIMIT), check_picture(data, max_pixels=LIMIT)
    return {
        (info.width, info.height),
        (checked.width, checked.height),
        decode_grey(data, max_pixels=LIMIT).image.size,
        read_for_display(data, max_pixels=LIMIT).image.size,
        thumbnail_of(data, (100, 100), max_pixels=LIMIT).size,
    }


@pytest.mark.parametrize("order", "<>")
def test_the_orientation_beside_a_broken_rational_is_read(order: str) -> None:
    data = raster_files.with_exif(JPEG, raster_files.exif(6, order=order, broken_rational=True))
    assert sizes(data) == {(48, 64)}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(JPEG + b"\xff\xda" * 500, id="markers-behind-the-end"),
        pytest.param(JPEG + JPEG * 200, id="pictures-behind-the-end"),
        pytest.param(
            JPEG[:2] + raster_files.jpeg_segment(0xE1, b"Exif\0\0" + b"\xff\xda" * 500) + JPEG[2:], id="in-a-thumbnail"
        ),
        pytest.param(JPEG[:2] + raster_files.jpeg_segment(0xFE, b"\xff\xda" * 500) + JPEG[2:], id="in-a-comment"),
    ],
)
def test_only_real_scans_count(data: bytes) -> None:
    assert row_of(data) == pytest.approx(THIRDS, abs=0.02)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt", b"iCCP"])
def test_large_texts_and_profiles_are_skipped(kind: bytes) -> None:
    packed = pictures.deflated_zeros(200 * 2**20)
    body = {
        b"zTXt": b"Comment\0\0" + packed,
        b"iTXt": b"Comment\0\1\0\0\0" + packed,
        b"tEXt": b"Comment\0" + bytes(2**21),
        b"iCCP": b"Profile\0\0" + packed,
    }[kind]
    data = PNG[:33] + png_chunk(kind, body) + PNG[33:]
    tracemalloc.start()
    try:
        assert row_of(data) == pytest.approx(THIRDS)
        assert sizes(data) == {(64, 48)}
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_inks_of_adobes_jpeg() -> None:
    """Photoshop stores inks the other way round, and says so in a segment of its own; Pillow writes them so, too."""
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red
    data = encoded(inks, "JPEG", quality=100)
    assert b"Adobe" in data
    red, green, blue = np.asarray(read_for_display(data, max_pixels=LIMIT).image)[8, 8]
    assert (red > 250, green < 5, blue < 5) == (True, True, True)


def frame(
    marker: int, *, precision: int | None = None, height: int | None = None, sampling: int | None = None
) -> bytes:
    """A JPEG with another process, or other numbers, in the header of its frame."""
    at = JPEG.index(b"\xff\xc0")
    changed = bytearray(JPEG)
    changed[at + 1] = marker
    if precision is not None:
        changed[at + 4] = precision
    if height is not None:
        changed[at + 5 : at + 7] = height.to_bytes(2, "big")
    if sampling is not None:
        changed[at + 11] = sampling
    return bytes(changed)


def tiff_with(**tags: int) -> bytes:
    """A grey TIFF with other values of some tags, by their numbers."""
    numbers = {int(name.removeprefix("tag_")): (3, [value]) for name, value in tags.items()}
    return raster_files.tiff(COLUMN, TiffOptions(tags=numbers))


BMP = encoded(Image.fromarray(RAMP.astype(np.uint8)).convert("RGB"), "BMP")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (frame(0xC5), "Hierarchical"),
        (frame(0xCE), "Hierarchical"),
        (frame(0xCB), "Lossless JPEG with arithmetic coding"),
        (frame(0xC8), "FFC8"),
        (bytes(imagecodecs.jpegls_encode(RAMP.astype(np.uint8))), "JPEG-LS"),
        (frame(0xC1, precision=10), "10 bits"),
        (frame(0xC9, precision=12), "12 bits with arithmetic"),
        (frame(0xC0, height=0), "DNL"),
        (frame(0xC0, sampling=0x01), "fraction"),
        (PNG[:8] + png_chunk(b"CgBI", b"\x50\0\x20\2") + PNG[8:], "CgBI"),
        (PNG[:33] + png_chunk(b"XYZW", b"") + PNG[33:], "XYZW"),
        (BMP[:30] + struct.pack("<I", 4) + BMP[34:], "JPEG"),
        (BMP[:30] + struct.pack("<I", 5) + BMP[34:], "PNG"),
        (BMP[:30] + struct.pack("<I", 11) + BMP[34:], "CMYK"),
        (BMP[:14] + struct.pack("<I", 48) + BMP[18:], "48 bytes"),
        (BMP[:28] + struct.pack("<H", 64) + BMP[30:], "64 bits"),
        (tiff_with(tag_259=6), "JPEG in its old form"),
        (tiff_with(tag_259=34712), "JPEG 2000"),
        (tiff_with(tag_259=34661), "JBIG"),
        (tiff_with(tag_259=34925), "LZMA"),
        (tiff_with(tag_259=61000), "61000"),
        (tiff_with(tag_262=8), "CIELab"),
        (tiff_with(tag_262=32803), "colour filter array"),
        (tiff_with(tag_262=4), "transparency mask"),
        (tiff_with(tag_258=32, tag_339=3), "floating-point"),
        (tiff_with(tag_258=32), "32 bits"),
        (tiff_with(tag_339=2), "signed"),
        (tiff_with(tag_277=9), "9 samples"),
        (tiff_with(tag_259=5, tag_317=3), "predictor"),
        (tiff_with(tag_258=4, tag_259=5, tag_317=2), "predictor"),
        (raster_files.tiff(np.repeat(COLUMN, 4, axis=2), TiffOptions(photometric=5, tags={332: (3, [2])})), "inks"),
    ],
)
def test_what_is_not_read_is_named(data: bytes, named: str) -> None:
    for work in (decode_grey, check_picture):
        with pytest.raises(UnsupportedPicture, match=named):
            work(data, max_pixels=LIMIT)


def test_jpeg_of_twelve_bits_and_without_a_loss() -> None:
    twelve = pictures.ramp(64, 48, 4095)
    for data, tolerance in (
        (bytes(imagecodecs.jpeg8_encode(twelve, bitspersample=12, level=98)), 0.01),
        (bytes(imagecodecs.ljpeg_encode(twelve, bitspersample=12)), 1e-6),
    ):
        assert row_of(data) == pytest.approx(THIRDS, abs=tolerance + 1e-4)
        checked = check_picture(data, max_pixels=LIMIT)
        assert checked.preview is not None, "browsers show none of them"
        assert checked.preview.media_type is MediaType.JPEG
        assert Image.open(BytesIO(checked.preview.data)).size == (64, 48)


def directory(entries: list[tuple[int, int, int, int]], *, following: int = 0, body: bytes = b"") -> bytes:
    """A TIFF of one directory with entries of tag, type, count and value."""
    packed = b"".join(struct.pack("<HHII", *each) for each in entries)
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    return head + body + struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def one_strip(width: int, height: int, *, compression: int, strip: bytes, bits: int = 8, samples: int = 1) -> bytes:
    tags: dict[int, Any] = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples), 259: (3, [compression]),
        262: (3, [1 if samples == 1 else 2]), 277: (3, [samples]), 278: (4, [height]),
    }  # fmt: skip
    return raster_files.tiff_of([strip], tags, TiffOptions())


def many_strips() -> bytes:
    strip = zlib.compress(bytes(500))
    tags: dict[int, Any] = {
        256: (4, [500]), 257: (4, [20_000]), 258: (3, [8]), 259: (3, [8]), 262: (3, [1]), 277: (3, [1]), 278: (4, [1])
    }  # fmt: skip
    return raster_files.tiff_of([strip] * 20_000, tags, TiffOptions())


GREY_TAGS = [(256, 4, 1, 64), (257, 4, 1, 48), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
WEBP_BOMB = b"RIFF\xff\xff\0\0WEBPVP8X\n\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(directory([(254, 4, 1, 1)], following=8), id="a-directory-that-follows-itself"),
        pytest.param(directory([(254, 4, 1, 1)], following=2**31), id="a-directory-behind-the-end"),
        pytest.param(directory([(270, 2, 2**31, 8)] * 65535), id="65535-tags"),
        pytest.param(directory([*GREY_TAGS, (273, 4, 2**31, 8), (279, 4, 2**31, 8)]), id="2-billion-strips"),
        pytest.param(directory([*GREY_TAGS, (273, 4, 1, 8), (279, 4, 1, 2**31)]), id="a-strip-of-2-gigabytes"),
        pytest.param(
            directory([*GREY_TAGS, (322, 4, 1, 2**20), (323, 4, 1, 2**20), (324, 4, 1, 8), (325, 4, 1, 9)]),
            id="a-tile-of-1000-gigapixels",
        ),
        pytest.param(one_strip(60_000, 60_000, compression=1, strip=b"x"), id="claims-3600-megapixels"),
        pytest.param(
            one_strip(64, 48, compression=50001, strip=WEBP_BOMB, samples=3), id="webp-of-268-megapixels-inside"
        ),
        pytest.param(
            one_strip(64, 48, compression=7, strip=frame(0xC0, height=65_000)), id="jpeg-of-another-size-inside"
        ),
        pytest.param(
            one_strip(64, 48, compression=34887, strip=b"Lerc2 " + struct.pack("<7i", 4, 0, 9**9, 9**9, 1, 8, 99)),
            id="lerc-of-another-size-inside",
        ),
        pytest.param(one_strip(7000, 7000, compression=5, strip=b"\x80\0" * 9), id="lzw-of-nothing"),
        pytest.param(one_strip(7000, 7000, compression=4, strip=b"\0\x10\1" * 9), id="ccitt-of-nothing"),
        pytest.param(one_strip(64, 48, compression=8, strip=zlib.compress(bytes(3000))), id="a-strip-too-short"),
    ],
)
def test_hostile_tiffs_are_refused_quickly_and_cheaply(data: bytes) -> None:
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(PictureError, match=r"^[A-Z].*\.$"):
            decode_grey(data, max_pixels=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 150 * 2**20
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 5


def test_what_inflates_to_more_than_its_picture_is_cut() -> None:
    data = one_strip(64, 48, compression=8, strip=pictures.deflated_zeros(500 * 2**20))
    tracemalloc.start()
    try:
        assert not np.asarray(decode_grey(data, max_pixels=LIMIT).image).any()
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_very_many_strips_take_a_few_seconds() -> None:
    started = time.process_time()
    assert decode_grey(many_strips(), max_pixels=LIMIT).image.size == (500, 20_000)
    assert time.process_time() - started < 20


def test_a_missing_strip_is_damage_and_no_black() -> None:
    data = raster_files.tiff(COLUMN, TiffOptions(rows_per_strip=16))
    with pytest.raises(BrokenPicture):
        decode_grey(data.replace(struct.pack("<HHI", 273, 4, 3), struct.pack("<HHI", 273, 4, 2)), max_pixels=LIMIT)


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 339, 34675])
@pytest.mark.parametrize("kind", range(20))
def test_tags_of_odd_types_and_values_do_no_harm(tag: int, kind: int) -> None:
    given = {256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 48, 279: 3072}
    for count in (0, 1, 2, 500):
        for value in (0, 8, 0x7FC00000, 0xFFFFFFFF):  # also as NaN, as a negative number, and as a place
            entries = [(each, 4, 1, number) for each, number in given.items() if each != tag]
            data = directory(sorted([*entries, (tag, kind, count, value)]), body=bytes(3072))
            for work in (inspect, decode_grey):
                with contextlib.suppress(PictureError):
                    work(data, max_pixels=LIMIT)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 50000, 4])
def test_random_damage_is_always_a_picture_or_an_error(compression: int) -> None:
    generator = np.random.default_rng(3)
    bits, values = (1, COLUMN > 99) if compression == 4 else (8, COLUMN)
    original = raster_files.tiff(
        values.astype(np.uint16), TiffOptions(bits=bits, compression=compression, rows_per_strip=16)
    )
    for _ in range(300):
        damaged = bytearray(original)
        for at in generator.integers(4, len(damaged), size=4):
            damaged[at] = generator.integers(256)
        try:
            decode_grey(bytes(damaged), max_pixels=LIMIT)
        except PictureError:
            continue

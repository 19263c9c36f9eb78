"""Width and height from headers: right for what encoders write, and a fast error for everything else."""

import random
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image
from support import pictures

from lightbox_shared.images import BrokenPicture, MediaType, PictureTooLarge, inspect
from lightbox_shared.images.headers import jpeg_header, png_header

PNG = pictures.png(64, 48)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png(mode: str) -> None:
    data = pictures.encoded(Image.new(mode, (33, 7)), "PNG")
    assert png_header(data).size == (33, 7)
    assert png_header(data + b"bytes behind the end are ignored").size == (33, 7)


@pytest.mark.parametrize(("mode", "options"), [("L", {}), ("RGB", {"progressive": True}), ("CMYK", {"optimize": True})])
def test_every_kind_of_jpeg(mode: str, options: dict[str, bool]) -> None:
    data = pictures.encoded(Image.new(mode, (33, 7)), "JPEG", exif=b"Exif\0\0" + bytes(60_000), **options)
    assert jpeg_header(data).size == (33, 7)
    with_fill_bytes = data[:2] + b"\xff" * 9 + data[2:]
    assert jpeg_header(with_fill_bytes).size == (33, 7)


HEAD = PNG[:33]
DATA, END = chunk(b"IDAT", zlib.compress(bytes(65 * 48))), chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        PNG[:8],
        PNG[:20],
        PNG[:-1],
        PNG[:-20],
        HEAD + END,
        HEAD + DATA,
        HEAD + DATA[:-1] + b"x" + END,
        HEAD + struct.pack(">I", 2**32 - 1) + b"IDAT",
        PNG[:8] + chunk(b"IDAT", b"") + END,
        PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 3, 0, 0, 0, 0)) + DATA + END,
        PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 7, 0, 0, 0)) + DATA + END,
        PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 2)) + DATA + END,
        HEAD + chunk(b"tEXt", b"") * 100_001 + DATA + END,
    ],
)
def test_what_is_no_png(data: bytes) -> None:
    with pytest.raises(BrokenPicture):
        png_header(data)


JPEG = pictures.encoded(Image.new("L", (33, 7)), "JPEG")
SCAN = JPEG.find(b"\xff\xda")


@pytest.mark.parametrize(
    "data",
    [
        JPEG[:3],
        JPEG[:20],
        JPEG[:SCAN],
        b"\xff\xd8" + JPEG[SCAN:],
        b"\xff\xd8\xff" * 1000,
        JPEG[:2] + b"\xff\x00" + JPEG[2:],
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100_001 + JPEG[2:],
    ],
)
def test_what_is_no_jpeg(data: bytes) -> None:
    with pytest.raises(BrokenPicture):
        jpeg_header(data)


def test_texts_are_not_unpacked() -> None:
    """A decompression bomb in a text chunk is not unpacked."""
    assert inspect(pictures.png_with_text_bomb(80), max_pixels=10**6).media_type is MediaType.PNG


def test_the_number_of_pixels_counts() -> None:
    claiming = PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)) + DATA + END
    with pytest.raises(PictureTooLarge):
        inspect(claiming, max_pixels=10**6)
    with pytest.raises(BrokenPicture):
        inspect(PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 7, 8, 0, 0, 0, 0)) + DATA + END, max_pixels=10**6)


def test_damaged_files_are_refused_or_measured_as_pillow_does() -> None:
    chance = random.Random(5)  # noqa: S311 - damage, the same in every run
    for original in (PNG, JPEG):
        for _ in range(500):
            data = bytearray(original)
            data[chance.randrange(3, len(data))] = chance.randrange(256)
            del data[chance.randrange(len(data) // 2, len(data) + 1) :]
            try:
                found = inspect(bytes(data), max_pixels=10**9)
            except ValueError:
                continue
            try:
                with Image.open(BytesIO(data)) as image:
                    assert image.size == (found.width, found.height)
            except OSError:
                continue

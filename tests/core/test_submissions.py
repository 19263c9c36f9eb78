"""Documents that devices send, read without a running service: base64, device ids, timestamps and pictures."""

from base64 import b64encode, urlsafe_b64encode
from io import BytesIO
from typing import Any

import cbor2
import pytest
from PIL import Image
from support import pictures
from support.collection import TIMESTAMP, cbor_document

from core_collection_service.device_ids import check_device_id
from core_collection_service.errors import InvalidField
from core_collection_service.pictures.errors import PictureTooLarge
from core_collection_service.pictures.storage.encodings import LEAST_SAVING, ZSTD, decode, encode
from core_collection_service.pictures.submit.limits import PictureLimits
from core_collection_service.pictures.submit.preparation import PreparedPicture, prepare_picture
from core_collection_service.pictures.submit.schemas import read_submission
from core_collection_service.protocol.base64_text import decode_base64
from core_collection_service.protocol.documents import Format
from core_collection_service.protocol.timestamps import format_timestamp
from lightbox_shared.errors import BadRequest
from lightbox_shared.requests.file_sizes import FileSizes

LIMITS = PictureLimits(FileSizes(100_000, 100_000), max_pixels=1_000_000)


def prepared(body: bytes, form: Format) -> PreparedPicture:
    """The picture in a document, ready to be written."""
    sent = read_submission(body, form, LIMITS)
    return prepare_picture(sent.device_id, sent.timestamp, sent.image_data, LIMITS)


PNG = pictures.png()
BYTES = bytes(range(256))  # its base64 has every digit of both alphabets
BMP = pictures.encoded(pictures.GREY, "BMP")


@pytest.mark.parametrize(
    "text",
    [
        b64encode(BYTES).decode(),
        urlsafe_b64encode(BYTES).decode(),
        "\r\n".join(b64encode(BYTES).decode()[at : at + 76] for at in range(0, 344, 76)),
        " " + "\t".join(b64encode(BYTES).decode()) + "\n ",
    ],
)
def test_base64_in_its_forms(text: str) -> None:
    assert decode_base64(text) == BYTES


@pytest.mark.parametrize(
    "text", ["A", "AA", "AAA", "AA=", "AAAA=", "AA==AA==", "=AAA", "A%3D=", "AA*A", "ÄAAA", "AA=A"]
)
def test_invalid_base64(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_base64(text)


@pytest.mark.parametrize("device", ["1", "x" * 255, "ward/3/bed 4", "Kamera-Ä", "кamera", "😀", "a b", "..", "?&=#%"])
def test_valid_device_ids(device: str) -> None:
    assert check_device_id(device) == device


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("", "deviceId: It may not be empty."),
        ("x" * 256, "deviceId: Longer than 255 characters."),
        ("x" * 300, "deviceId: Longer than 255 characters."),
        ("a\0b", "deviceId: Control characters are not allowed."),
        ("a\nb", "deviceId: Control characters are not allowed."),
        ("a\x7fb", "deviceId: Control characters are not allowed."),
        ("ä\x85", "deviceId: Control characters are not allowed."),
        ("\ud800", "deviceId: Control characters are not allowed."),
        (12345, "deviceId: Not a text."),
        (True, "deviceId: Not a text."),
        (["12345"], "deviceId: Not a text."),
        (b"12345", "deviceId: Not a text."),
    ],
)
def test_invalid_device_ids(device: object, sentence: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_device_id(device)
    assert caught.value.detail == sentence


@pytest.mark.parametrize(
    ("timestamp", "kept"),
    [
        (TIMESTAMP, TIMESTAMP),
        (cbor2.CBORTag(0, "2024-08-18T04:04:07+02:00"), TIMESTAMP),
        (cbor2.CBORTag(1, 1723946647), TIMESTAMP),
        (cbor2.CBORTag(1, 1723946647.5), "2024-08-18T02:04:07.500000Z"),
        (cbor2.CBORTag(1, -1), "1969-12-31T23:59:59Z"),
    ],
)
def test_timestamps_in_cbor(timestamp: object, kept: str) -> None:
    body = cbor2.dumps({"deviceId": "1", "timestamp": timestamp, "imageData": PNG})
    assert format_timestamp(prepared(body, Format.CBOR).taken_at) == kept


NO_TIME = "timestamp: Not an ISO 8601 date and time, such as 2024-08-18T02:04:07Z: "
NO_TEXT = "timestamp: Not a text (in CBOR also: nor a date-time by tag 0 or 1)."


@pytest.mark.parametrize(
    ("timestamp", "sentence"),
    [
        ("soon", NO_TIME + "not an ISO 8601 date and time."),
        (cbor2.CBORTag(0, "soon"), NO_TIME + "not an ISO 8601 date and time."),
        (cbor2.CBORTag(1, float("nan")), NO_TIME + "not a number of seconds."),
        (cbor2.CBORTag(1, float("inf")), NO_TIME + "not a number of seconds."),
        (cbor2.CBORTag(1, 2**62), NO_TIME + "outside of the years 1 to 9999."),
        (float("nan"), NO_TEXT),
        (1723946647, NO_TEXT),
        ({}, NO_TEXT),
        (None, "timestamp: This field is required."),
    ],
)
def test_invalid_timestamps(timestamp: object, sentence: str) -> None:
    body = cbor2.dumps({"deviceId": "1", "timestamp": timestamp, "imageData": PNG})
    with pytest.raises(InvalidField) as caught:
        prepared(body, Format.CBOR)
    assert caught.value.detail == sentence


def test_the_picture_is_a_byte_string_or_base64_in_cbor() -> None:
    for image in (PNG, b64encode(PNG).decode()):
        body = cbor2.dumps({"deviceId": "1", "timestamp": TIMESTAMP, "imageData": image})
        picture = prepared(body, Format.CBOR)
        assert picture.sha256.hex() == pictures.sha256_hex(PNG)
        assert (picture.header.width, picture.header.height, picture.size) == (64, 48, len(PNG))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"I am a text file", "This is not a picture in"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "This is not a picture in"),
        (b"<!doctype html><script>alert(1)</script>", "This is not a picture in"),
        (b"%PDF-1.7", "This is not a picture in"),
        (pictures.gif(3), "This is not a picture in"),
        (pictures.png()[:-20], "damaged or incomplete"),
        (pictures.png()[:30], "damaged or incomplete"),
        (pictures.png_claiming(60_000, 60_000), "at most 1,000,000 are accepted"),
        (pictures.dicom_without_pixels()[:300], "damaged or incomplete"),
    ],
)
def test_files_that_are_no_pictures(data: bytes, words: str) -> None:
    with pytest.raises(InvalidField) as caught:
        prepared(cbor_document(data), Format.CBOR)
    assert caught.value.detail.startswith("imageData: Not a picture that is read here. ")
    assert words in caught.value.detail


@pytest.mark.parametrize("data", [bytes(100_001), b"\xff\xd8\xff" + bytes(200_000)])
@pytest.mark.parametrize("form", list(Format))
def test_too_many_bytes(data: bytes, form: Format) -> None:
    image: Any = data if form is Format.CBOR else b64encode(data).decode()
    fields = {"deviceId": "1", "timestamp": TIMESTAMP, "imageData": image}
    body = cbor2.dumps(fields) if form is Format.CBOR else str(fields).replace("'", '"').encode()
    with pytest.raises(PictureTooLarge) as caught:
        prepared(body, form)
    assert caught.value.detail == "imageData: The picture is larger than 100,000 bytes."


def test_blanks_are_not_counted() -> None:
    text = b64encode(PNG).decode() + " " * 500_000
    body = cbor2.dumps({"deviceId": "1", "timestamp": TIMESTAMP, "imageData": text})
    assert prepared(body, Format.CBOR).size == len(PNG)
    blank = cbor2.dumps({"deviceId": "1", "timestamp": TIMESTAMP, "imageData": " " * 500_000})
    with pytest.raises(BadRequest, match=r"^imageData: The picture is empty\.$"):
        prepared(blank, Format.CBOR)


def noise() -> bytes:
    """A picture that can't be compressed."""
    buffer = BytesIO()
    Image.effect_noise((100, 100), 100).save(buffer, "PNG")
    return buffer.getvalue()


def test_zstd_only_where_it_saves_enough() -> None:
    stored = encode(BMP)
    assert stored.encoding == ZSTD
    assert len(stored.data) <= len(BMP) * (1 - LEAST_SAVING)
    assert decode(stored, len(BMP)) == BMP
    data = noise()
    assert encode(data) == (data, None)

"""Each invalid request over HTTP has its documented answer, in JSON or CBOR as the client prefers, and changes
nothing."""

import json
from base64 import b64encode
from typing import Any, Final

import cbor2
import httpx
import pytest
from sqlalchemy import text
from support import pictures
from support.collection import AT, DEVICE, IMAGES, TIMESTAMP, cbor_document, document, send

from lightbox_shared.database import Database

PNG: Final = pictures.png()
JSON, CBOR = "application/json", "application/cbor"
NO_TYPE: Final = "The body has to be application/json or application/cbor."
NO_PICTURE: Final = (
    "imageData: Not a picture that is read here. This is not a picture in JPEG, PNG, WebP, TIFF, BMP or DICOM format."
)
NO_TIME: Final = "timestamp: Not an ISO 8601 date and time, such as 2024-08-18T02:04:07Z: "
NO_DATE_TIME: Final = NO_TIME + "not an ISO 8601 date and time."
TOO_BIG: Final = "imageData: The picture is larger than 20,971,520 bytes."
TOO_MANY_PIXELS: Final = (
    "imageData: Not a picture that is read here. The picture has 60000 x 60000 pixels; at most 50,000,000 are accepted."
)
ANOTHER: Final = "There is another picture of this device and timestamp already. Nothing is ever overwritten."
REQUIRED: Final = "This field is required."
UNREAD_TAG = (
    "The CBOR item has a tag that is not read here; the date-times (0, 1), those of bytes (21 to 23, 64, 68) and of"
    " base64 (33, 34) are."
)
OR_A_LIST: Final = "This field is required; or from, to or cursor for a list."


def with_field(**changes: object) -> bytes:
    """A valid document with other values; a member with None is left out."""
    return json.dumps({name: each for name, each in {**document(), **changes}.items() if each is not None}).encode()


def in_cbor(**changes: object) -> bytes:
    return cbor2.dumps({"deviceId": DEVICE, "timestamp": TIMESTAMP, "imageData": PNG, **changes})


def sent_as(data: bytes) -> bytes:
    return with_field(imageData=b64encode(data).decode())


BODIES: Final[list[tuple[str, bytes, int, str]]] = [
    ("text/plain", with_field(), 415, NO_TYPE),
    ("", with_field(), 415, NO_TYPE),
    ("application/x-www-form-urlencoded", with_field(), 415, NO_TYPE),
    ("application/json-patch+json", with_field(), 415, NO_TYPE),
    ("image/png", PNG, 415, NO_TYPE),
    (JSON, b"", 400, "The body is empty."),
    (CBOR, b"", 400, "The body is empty."),
    (JSON, b"not json", 400, "The body is not valid JSON."),
    (JSON, cbor_document(), 400, "The body is not UTF-8."),
    (CBOR, with_field(), 400, "The CBOR item is incomplete."),
    (JSON, b"[]", 400, "The body has to be a JSON object."),
    (CBOR, b"\x80", 400, "The body has to be a CBOR map."),
    (JSON, b"{}", 400, f"deviceId: {REQUIRED}"),
    (CBOR, b"\xa0", 400, f"deviceId: {REQUIRED}"),
    (JSON, with_field()[:-1] + b', "deviceId": "2"}', 400, "A key stands twice in a JSON object."),
    (CBOR, b"\xa2\x61a\x01\x61a\x01", 400, "A key stands twice in a CBOR map."),
    (CBOR, cbor_document() + b"\x00", 400, "There are bytes behind the CBOR item."),
    (JSON, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "There are more than 4096 values in the body."),
    (JSON, b'{"a":' * 2_000 + b"1" + b"}" * 2_000, 400, "The body is not valid JSON."),
    (CBOR, b"\x81" * 10_000 + b"\x01", 400, "There are more than 4096 values in the body."),
    (CBOR, b"\x81" * 100 + b"\x01", 400, "The CBOR item is nested deeper than 8."),
    (CBOR, b"\xa1\x61a\x5b\x80" + bytes(7), 400, "The CBOR item is incomplete."),
    (CBOR, b"\xbb\x80" + bytes(7), 400, "The CBOR item is incomplete."),
    *[
        (CBOR, body, 400, UNREAD_TAG)
        for body in (b"\xd8\x1c\x81\xd8\x1d\x00", b"\xa1\x61a\xd8\x1c\x80", b"\xa1\x61a\xc2\x49\x01" + bytes(8))
    ],
    (CBOR, cbor_document().hex().encode()[:-1], 400, "The body is neither a CBOR map nor one in hexadecimal digits."),
    (JSON, with_field(deviceId=None), 400, f"deviceId: {REQUIRED}"),
    (JSON, with_field(deviceId=""), 400, "deviceId: It may not be empty."),
    (JSON, with_field(deviceId=12345), 400, "deviceId: Not a text."),
    (JSON, with_field(deviceId="x" * 300), 400, "deviceId: Longer than 255 characters."),
    (JSON, with_field(deviceId="a\0b"), 400, "deviceId: Control characters are not allowed."),
    (JSON, with_field(deviceId="\ud800"), 400, "deviceId: Control characters are not allowed."),
    (JSON, with_field(timestamp=None), 400, f"timestamp: {REQUIRED}"),
    (JSON, with_field(timestamp="yesterday"), 400, NO_DATE_TIME),
    (JSON, with_field(timestamp="2024-08-18"), 400, NO_DATE_TIME),
    (JSON, with_field(timestamp="2024-08-18T02:04:60Z"), 400, NO_TIME + "no leap second."),
    (JSON, with_field(timestamp="0001-01-01T00:00:00+01:00"), 400, NO_TIME + "outside of the years 1 to 9999 in UTC."),
    (JSON, with_field(timestamp="9999-12-31T23:59:60Z"), 400, NO_TIME + "outside of the years 1 to 9999."),
    (JSON, b'{"timestamp": NaN}', 400, "NaN is not a JSON value."),
    (CBOR, in_cbor(timestamp=cbor2.CBORTag(1, float("nan"))), 400, NO_TIME + "not a number of seconds."),
    (CBOR, in_cbor(timestamp=1.5), 400, "timestamp: Not a text (in CBOR also: nor a date-time by tag 0 or 1)."),
    (JSON, with_field(imageData=None), 400, f"imageData: {REQUIRED}"),
    (JSON, with_field(imageData=""), 400, "imageData: The picture is empty."),
    (CBOR, in_cbor(imageData=b""), 400, "imageData: The picture is empty."),
    (JSON, with_field(imageData=[1]), 400, "imageData: Neither base64 in a text nor, in CBOR, a byte string."),
    (JSON, with_field(imageData="AAAAA"), 400, "imageData: Not base64 (RFC 4648)."),
    (JSON, with_field(imageData="AAA"), 400, "imageData: Not base64 (RFC 4648)."),
    (JSON, with_field(imageData="data:image/png;base64,AAAA"), 400, "imageData: Not base64 (RFC 4648)."),
    *[
        (JSON, sent_as(data), 400, NO_PICTURE)
        for data in (b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html></html>", pictures.gif(2))
    ],
    (
        JSON,
        sent_as(PNG[:-20]),
        400,
        "imageData: Not a picture that is read here. The PNG picture is damaged or incomplete.",
    ),
    (
        JSON,
        sent_as(pictures.png_claiming(60_000, 60_000)),
        400,
        TOO_MANY_PIXELS,
    ),
    (JSON, sent_as(pictures.png(10, 10)), 409, ANOTHER),
]  # fmt: skip


async def everything(database: Database) -> list[Any]:
    """The pictures and devices in the database."""
    async with database.reading() as session:
        pictures_rows = (await session.execute(text("SELECT *, xmin::text FROM pictures ORDER BY id"))).all()
        return [*pictures_rows, *(await session.execute(text("SELECT * FROM devices"))).all()]


async def test_bodies(client: httpx.AsyncClient, database: Database) -> None:
    await send(client)
    before = await everything(database)
    for content_type, body, status, sentence in BODIES:
        headers = {"Content-Type": content_type} if content_type else {}
        answer = await client.post(IMAGES, content=body, headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (status, sentence), body[:100]
        assert answer.headers["content-type"] == "application/problem+json"
        concise = await client.post(IMAGES, content=body, headers={**headers, "Accept": CBOR})
        assert concise.status_code == status
        assert concise.headers["content-type"] == "application/concise-problem-details+cbor"
        assert cbor2.loads(concise.content) == {-1: answer.json()["title"], -2: sentence}
    assert await everything(database) == before


async def test_the_fields_are_named_in_the_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post(IMAGES, json={**document(), "timestamp": "soon"})
    assert answer.json() == {
        "type": "/problems/invalid-field",
        "title": "Bad Request",
        "status": 400,
        "detail": NO_DATE_TIME,
        "errors": [{"field": "timestamp", "detail": NO_DATE_TIME.removeprefix("timestamp: ")}],
    }
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("form", [JSON, CBOR])
async def test_too_large(client: httpx.AsyncClient, database: Database, form: str) -> None:
    whole = 25 * 1024 * 1024
    body = with_field(imageData="A" * (whole // 3 * 4)) if form == JSON else in_cbor(imageData=bytes(whole))
    blanks = with_field(imageData=" " * 40_000_000) if form == JSON else in_cbor(imageData=" " * 60_000_000)

    async def without_a_length() -> Any:
        for at in range(0, len(body), 1024 * 1024):
            yield body[at : at + 1024 * 1024]

    for content in (body, blanks, without_a_length()):
        answer = await client.post(IMAGES, content=content, headers={"Content-Type": form})
        assert (answer.status_code, answer.json()["detail"]) == (413, TOO_BIG)
    assert await everything(database) == []


async def test_the_largest_picture_fits_in_every_form(client: httpx.AsyncClient) -> None:
    limit = 20 * 1024 * 1024
    picture = PNG + bytes(limit - len(PNG))
    whole = b64encode(picture).decode()
    in_lines = "\n".join(whole[at : at + 76] for at in range(0, len(whole), 76))
    for number, (content_type, body) in enumerate((
        (JSON, json.dumps({**document(), "imageData": in_lines}).replace("/", "\\/").encode()),
        (CBOR, in_cbor(imageData=picture)),
        (CBOR, cbor2.dumps(document(picture)).hex().encode()),
    )):  # fmt: skip
        answer = await client.post(IMAGES, content=body, headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["size"]) == (201 if number == 0 else 200, limit)


QUERIES: Final[dict[str, str]] = {
    "": f"deviceId: {OR_A_LIST}",
    f"deviceId={DEVICE}": f"timestamp: {OR_A_LIST}",
    f"timestamp={TIMESTAMP}": f"deviceId: {OR_A_LIST}",
    f"deviceId=&timestamp={TIMESTAMP}": "deviceId: It may not be empty.",
    f"deviceId={'x' * 300}&timestamp={TIMESTAMP}": "deviceId: Longer than 255 characters.",
    f"deviceId=a%00b&timestamp={TIMESTAMP}": "deviceId: Control characters are not allowed.",
    f"deviceId={DEVICE}&timestamp=": NO_DATE_TIME,
    f"deviceId={DEVICE}&timestamp=1723946647": NO_DATE_TIME,
    f"deviceId={DEVICE}&timestamp={'9' * 100}": NO_TIME + "longer than any ISO 8601 date and time.",
    f"deviceId={DEVICE}&timestamp=2024-08-18T02:04:60Z": NO_TIME + "no leap second.",
    f"deviceId=1&deviceId=2&timestamp={TIMESTAMP}": "deviceId: It stands more than once.",
    f"deviceId={DEVICE}&timestamp={TIMESTAMP}&timestamp={TIMESTAMP}": "timestamp: It stands more than once.",
}


async def test_queries(client: httpx.AsyncClient) -> None:
    await send(client)
    for query, sentence in QUERIES.items():
        answer = await client.get(f"{IMAGES}?{query}")
        assert (answer.status_code, answer.json()["detail"]) == (400, sentence), query
        assert (await client.head(f"{IMAGES}?{query}")).status_code == 400
        concise = await client.get(f"{IMAGES}?{query}", headers={"Accept": CBOR})
        assert cbor2.loads(concise.content) == {-1: "Bad Request", -2: sentence}
    without = await client.get(f"{IMAGES}/latest")
    assert (without.status_code, without.json()["detail"]) == (400, f"deviceId: {REQUIRED}")
    assert (await client.get(f"{IMAGES}?deviceId=%FF&timestamp={TIMESTAMP}")).status_code == 404


async def test_wrong_methods_and_paths(client: httpx.AsyncClient) -> None:
    for method, path, status in (
        ("PUT", IMAGES, 405),
        ("PATCH", f"{IMAGES}/1", 405),
        ("POST", f"{IMAGES}/1", 405),
        ("POST", "/collections", 405),
        ("POST", "/collections/other", 404),
        ("GET", f"{IMAGES}/1/2", 404),
    ):
        answer = await client.request(method, path, json=document(), headers={"Accept": CBOR})
        assert (answer.status_code, answer.headers["content-type"]) == (
            status, "application/concise-problem-details+cbor",
        ), path  # fmt: skip


ACCEPTS: Final = [
    ("application/cbor", True),
    ("application/concise-problem-details+cbor", True),
    ("application/cbor, */*;q=0.8", True),
    ("application/cbor, */*", True),
    ("application/senml+cbor", True),
    ("application/json, application/cbor", False),
    ("application/cbor;q=0.5, application/json", False),
    ("application/cbor;q=0", False),
    ("image/png", False),
    ("*/*", False),
    ("nonsense", False),
    ("application/cbor;q=2", False),
]


async def test_problems_are_negotiated(client: httpx.AsyncClient) -> None:
    for accept, in_cbor_ in ACCEPTS:
        answer = await client.get("/collections/other/1", headers={"Accept": accept})
        kind = "concise-problem-details+cbor" if in_cbor_ else "problem+json"
        assert (answer.status_code, answer.headers["content-type"]) == (404, f"application/{kind}"), accept


async def test_unusual_but_valid_input(client: httpx.AsyncClient) -> None:
    for device in ("ward/3", "..", "a b", "кamera", "kamera", "%2F", "12345/../67890", "?&=#+"):
        await send(client, device=device)
        query = {**AT, "deviceId": device}
        assert (await client.get(IMAGES, params=query)).content == PNG
        body = (await client.post(IMAGES, json=document(device=device))).json()
        assert body["deviceId"] == device
    for timestamp in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2016-12-31T23:59:60Z"):
        body = await send(client, timestamp=timestamp)
        address = (await client.post(IMAGES, json=document(timestamp=timestamp))).headers["location"]
        assert (await client.get(address)).content == PNG
        assert (await client.get(IMAGES, params={**AT, "timestamp": timestamp})).content == PNG
        assert (await client.get(body["href"])).content == PNG

"""Reading pictures: exact bytes, validators, ranges, and both representations of a compressed picture."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
import zstandard
from sqlalchemy import event
from support import pictures
from support.collection import AT, DEVICE, IMAGES, TIMESTAMP, send

from lightbox_shared.database import Database
from lightbox_shared.responses.hal import http_date

PNG = pictures.png()
BMP = pictures.encoded(pictures.GREY, "BMP")
ZSTD = {"Accept-Encoding": "gzip, zstd"}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
async def sent(client: httpx.AsyncClient) -> str:
    """The path of a PNG by its id."""
    href: str = (await send(client))["href"]
    return href


@pytest.fixture
async def compressed(client: httpx.AsyncClient) -> str:
    """The path of a BMP, which is stored compressed."""
    href: str = (await send(client, BMP, timestamp="2024-08-19T00:00:00Z"))["href"]
    return href


async def test_the_exact_bytes(client: httpx.AsyncClient, sent: str) -> None:
    answer = await client.get(IMAGES, params=AT)
    assert (answer.status_code, answer.content) == (200, PNG)
    headers = dict(answer.headers)
    modified = parsedate_to_datetime(headers.pop("last-modified"))
    assert timedelta() <= datetime.now(UTC) - modified < timedelta(minutes=5)
    assert len(headers.pop("x-request-id")) == 24
    assert headers == {
        "content-type": "image/png",
        "content-length": str(len(PNG)),
        "etag": f'"{pictures.sha256_hex(PNG)}"',
        "vary": "Accept-Encoding",
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    for other in (sent, f"{IMAGES}/latest?deviceId={DEVICE}"):
        assert (await client.get(other)).content == PNG


NOTATIONS = [
    "timestamp=2024-08-18T02%3A04%3A07Z",
    "timestamp=2024-08-18T04:04:07%2B02:00",
    "timestamp=2024-08-18T04:04:07+02:00",  # with a plus that was not encoded
    "timestamp=2024-08-18%2004:04:07+02:00",
    "timestamp=20240818T020407.0000001Z",
    "timestamp=2024-08-18T02:04:07Z&unknown=1",
]


async def test_one_instant_in_many_notations(client: httpx.AsyncClient, sent: str) -> None:
    for query in NOTATIONS:
        assert sent
        assert (await client.get(f"{IMAGES}?deviceId={DEVICE}&{query}")).content == PNG


@pytest.mark.parametrize("data", [pictures.dicom(), BMP, pictures.encoded(pictures.GREY, "TIFF")])
async def test_formats_that_browsers_do_not_show_are_served_as_sent(client: httpx.AsyncClient, data: bytes) -> None:
    body = await send(client, data)
    answer = await client.get(body["href"], headers=PLAIN)
    assert (answer.content, answer.headers["content-type"]) == (data, body["mediaType"])


async def test_the_latest_is_the_one_taken_last(client: httpx.AsyncClient) -> None:
    for number, timestamp in enumerate(("2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z", "2024-01-01T00:00:00Z")):
        await send(client, pictures.png(64, 10 + number), timestamp=timestamp)
    await send(client, PNG, device="other", timestamp="2025-01-01T00:00:00Z")
    answer = await client.get(f"{IMAGES}/latest", params={"deviceId": DEVICE})
    assert answer.content == pictures.png(64, 11)


@pytest.mark.parametrize("path", [IMAGES, "{id}", f"{IMAGES}/latest"])
async def test_head(client: httpx.AsyncClient, compressed: str, path: str) -> None:
    address = path.format(id=compressed)
    query = {} if path == "{id}" else {**AT, "timestamp": "2024-08-19T00:00:00Z"}
    for headers in (PLAIN, ZSTD, {**PLAIN, "Range": "bytes=0-9"}):
        head = await client.head(address, params=query, headers=headers)
        whole = {name: value for name, value in headers.items() if name != "Range"}
        get = await client.send(client.build_request("GET", address, params=query, headers=whole), stream=True)
        await get.aclose()
        assert (head.status_code, head.content) == (200, b"")
        same = ("content-length", "content-type", "etag", "last-modified", "content-encoding", "vary")
        assert [head.headers.get(name) for name in same] == [get.headers.get(name) for name in same]


async def raw(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """The answer, and its body without decoding of its content coding."""
    async with client.stream("GET", address, headers=headers) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


async def test_stored_bytes_for_clients_that_accept_zstd(client: httpx.AsyncClient, compressed: str) -> None:
    answer, data = await raw(client, compressed, ZSTD)
    assert answer.headers["content-encoding"] == "zstd"
    assert answer.headers["content-type"] == "image/bmp"
    assert answer.headers["etag"] == f'"{pictures.sha256_hex(BMP)}-zstd"'
    assert answer.headers["content-length"] == str(len(data))
    assert zstandard.ZstdDecompressor().decompress(data) == BMP
    for other in ("", "gzip, br", "*", "zstd;q=0", "zstd;q=0.5, identity", "identity"):
        answer, data = await raw(client, compressed, {"Accept-Encoding": other})
        assert "content-encoding" not in answer.headers
        assert (data, answer.headers["vary"]) == (BMP, "Accept-Encoding")


async def test_a_picture_that_is_not_compressed_has_one_representation(client: httpx.AsyncClient, sent: str) -> None:
    answer, data = await raw(client, sent, ZSTD)
    assert "content-encoding" not in answer.headers
    assert data == PNG


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=10-19", 10, 20),
    ("bytes=100-", 100, len(PNG)),
    ("bytes=-20", len(PNG) - 20, len(PNG)),
    (f"bytes=0-{'9' * 20}", 0, len(PNG)),
    (f"bytes=-{'9' * 20}", 0, len(PNG)),
    ("BYTES= 3-4 ", 3, 5),
]


async def test_ranges(client: httpx.AsyncClient, sent: str) -> None:
    for asked, start, end in RANGES:
        for headers in ({}, ZSTD, {"If-Range": f'"{pictures.sha256_hex(PNG)}"'}):
            answer = await client.get(sent, headers={"Range": asked, **headers})
            assert (answer.status_code, answer.content) == (206, PNG[start:end])
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(PNG)}"
            assert answer.headers["content-length"] == str(end - start)
            assert answer.headers["etag"] == f'"{pictures.sha256_hex(PNG)}"'


NO_RANGES = [
    {"Range": "bytes=0-1,5-6"},
    {"Range": "bytes=5-2"},
    {"Range": "bytes=-"},
    {"Range": "bytes=a-b"},
    {"Range": "bytes"},
    {"Range": "items=0-1"},
    {"Range": "bytes=0-" + "9" * 50},
    {"Range": "bytes=0-1", "If-Range": '"other"'},
    {"Range": "bytes=0-1", "If-Range": f'W/"{pictures.sha256_hex(PNG)}"'},
    {"Range": "bytes=0-1", "If-Range": "Sat, 01 Jan 2050 00:00:00 GMT"},
]


async def test_the_whole_picture_unless_there_is_one_valid_range(client: httpx.AsyncClient, sent: str) -> None:
    for headers in NO_RANGES:
        answer = await client.get(sent, headers=headers)
        assert (answer.status_code, answer.content) == (200, PNG)


BEHIND = [f"bytes={len(PNG)}-", "bytes=-0", f"bytes={'9' * 20}-"]


async def test_ranges_that_are_not_satisfiable(client: httpx.AsyncClient, sent: str) -> None:
    for asked in BEHIND:
        answer = await client.get(sent, headers={"Range": asked})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(PNG)}"
        assert answer.json()["detail"] == "Range: It begins behind the end."


async def test_ranges_are_of_the_bytes_as_sent(client: httpx.AsyncClient, compressed: str) -> None:
    answer, data = await raw(client, compressed, {**ZSTD, "Range": "bytes=100-199"})
    assert (answer.status_code, data) == (206, BMP[100:200])
    assert "content-encoding" not in answer.headers
    resumed = {**ZSTD, "Range": "bytes=100-199", "If-Range": f'"{pictures.sha256_hex(BMP)}-zstd"'}
    answer, data = await raw(client, compressed, resumed)
    assert (answer.status_code, data) == (200, BMP)


ETAG = f'"{pictures.sha256_hex(PNG)}"'
LATER, EARLIER = (datetime.now(UTC) + timedelta(days=days) for days in (1, -1))


CONDITIONS = [
    ({"If-None-Match": ETAG}, 304),
    ({"If-None-Match": f'"x", W/{ETAG}'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-None-Match": f'{ETAG[:-1]}-zstd"'}, 200),
    ({"If-None-Match": '"x"', "If-Modified-Since": http_date(LATER)}, 200),
    ({"If-None-Match": ETAG, "Range": "bytes=0-1"}, 304),
    ({"If-Modified-Since": http_date(LATER)}, 304),
    ({"If-Modified-Since": http_date(EARLIER)}, 200),
    ({"If-Modified-Since": "yesterday"}, 200),
    ({"If-Modified-Since": "Sat, 01 Jan 99999999999999999999 00:00:00 GMT"}, 200),
    ({"If-Match": ETAG}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": f"W/{ETAG}"}, 412),
    ({"If-Unmodified-Since": http_date(EARLIER)}, 412),
    ({"If-Unmodified-Since": http_date(LATER)}, 200),
    ({"If-Match": ETAG, "If-Unmodified-Since": http_date(EARLIER), "If-None-Match": ETAG}, 304),
]


async def test_conditional_requests(client: httpx.AsyncClient, sent: str) -> None:
    for headers, status in CONDITIONS:
        for method in ("GET", "HEAD"):
            answer = await client.request(method, sent, headers=headers)
            assert answer.status_code == status
            if status == 304:
                assert answer.content == b""
                assert answer.headers["etag"] == ETAG
                assert answer.headers["vary"] == "Accept-Encoding"
                assert answer.headers["cache-control"] == "private, no-cache"


async def test_the_date_of_an_answer_is_a_condition_for_the_next(client: httpx.AsyncClient, sent: str) -> None:
    modified = (await client.get(sent)).headers["last-modified"]
    assert (await client.get(sent, headers={"If-Modified-Since": modified})).status_code == 304
    assert (await client.get(sent, headers={"If-Unmodified-Since": modified})).status_code == 200


async def test_each_representation_has_its_own_entity_tag(client: httpx.AsyncClient, compressed: str) -> None:
    plain, packed = f'"{pictures.sha256_hex(BMP)}"', f'"{pictures.sha256_hex(BMP)}-zstd"'
    for headers, tag, status in (
        (ZSTD, packed, 304), (ZSTD, plain, 200), (PLAIN, plain, 304), (PLAIN, packed, 200),
    ):  # fmt: skip
        answer, _ = await raw(client, compressed, {**headers, "If-None-Match": tag})
        assert answer.status_code == status


async def test_no_bytes_are_read_for_an_answer_without_a_body(
    client: httpx.AsyncClient, database: Database, sent: str
) -> None:
    statements: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert (await client.get(IMAGES, params=AT, headers={"If-None-Match": ETAG})).status_code == 304
    assert (await client.head(sent)).status_code == 200
    assert len(statements) == 2
    assert not [each for each in statements if "data, object_key" in each]
    assert (await client.get(sent)).content == PNG
    assert [each for each in statements if "data, object_key" in each]


NOT_THERE = [
    f"{IMAGES}?deviceId=12346&timestamp={TIMESTAMP}",
    f"{IMAGES}?deviceId={DEVICE}&timestamp=2024-08-18T02:04:08Z",
    f"{IMAGES}/latest?deviceId=unknown",
    f"{IMAGES}/0",
    f"{IMAGES}/2",
    f"{IMAGES}/{2**63}",
    f"{IMAGES}/{'9' * 5000}",
    f"{IMAGES}/-1",
    f"{IMAGES}/1.0",
    f"{IMAGES}/١",
    f"{IMAGES}/newest",
    "/collections/other?deviceId=1&timestamp=2024-08-18T02:04:07Z",
    "/collections/other/1",
]


async def test_pictures_that_do_not_exist(client: httpx.AsyncClient, sent: str) -> None:
    for path in NOT_THERE:
        assert sent.endswith("/1")
        assert (await client.get(path)).status_code == 404

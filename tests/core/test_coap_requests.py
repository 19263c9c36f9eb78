"""Requests over CoAP beside those of pictures: discovery, lists, devices; and the errors of bad requests (RFC 9290)."""

import json
import socket
import struct
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import cbor2
import httpx
import pytest
from aiocoap.numbers.codes import Code
from anyio import to_thread
from prometheus_client import CollectorRegistry
from support import pictures as drawn
from support.asgi import WithState
from support.coap import CBOR, HOST, JSON, OCTETS, PNG, RAW, Device, coap_of, device, noise, problem
from support.collection import AT, IMAGES, TIMESTAMP, cbor_document, document, send

LINKS, SENML_JSON, SENML_CBOR = 40, 110, 112
DISCOVERY = "/.well-known/core"


@pytest.fixture
async def port(core: WithState) -> AsyncIterator[int]:
    async with coap_of(core.state["services"]) as port:
        yield port


@pytest.fixture
async def camera(port: int) -> AsyncIterator[Device]:
    async with device(port) as camera:
        yield camera


async def test_discovery_tells_what_a_device_wants_to_know(camera: Device) -> None:
    for path in (DISCOVERY, "/collections"):
        answer = await camera.get(path)
        assert (answer.code, int(answer.opt.content_format)) == (Code.CONTENT, LINKS)
        links = answer.payload.decode()
        assert links.startswith('</collections/images>;rt="simple.act";if="core.b";ct="40 50 60 110 112";obs')
        assert "</collections/images/latest>" in links
    for query in ("rt=simple.act", "rt=simple*", "if=core.b", "href=/collections/images", "obs=*"):
        assert (await camera.get(DISCOVERY, query)).payload.startswith(b"</collections/images>"), query
    nothing = await camera.get(DISCOVERY, "rt=other")
    assert (nothing.code, nothing.payload) == (Code.CONTENT, b"")
    assert (await camera.get(DISCOVERY, accept=JSON)).code is Code.NOT_ACCEPTABLE


async def test_lists_and_the_batch(camera: Device) -> None:
    for second in range(30):
        await camera.post(noise(16), PNG, f"deviceId={second % 2}", f"timestamp=2024-08-18T02:04:{second:02}Z")
    listed = cbor2.loads((await camera.get(IMAGES, "from=2024-01-01T00:00:00Z")).payload)
    assert len(listed["pictures"]) == 30
    page = json.loads(
        (await camera.get(IMAGES, "deviceId=1", "to=2025-01-01T00:00:00Z", "limit=2", accept=JSON)).payload
    )
    assert [each["timestamp"][-3:] for each in page["pictures"]] == ["29Z", "27Z"]
    rest = cbor2.loads((await camera.get(IMAGES, "deviceId=1", f"cursor={page['next_cursor']}", "limit=2")).payload)
    assert [each["timestamp"][-3:] for each in rest["pictures"]] == ["25Z", "23Z"]
    links = (await camera.get(IMAGES, "from=2024-01-01T00:00:00Z", accept=LINKS)).payload.decode()
    assert links.count("</collections/images/") == 30
    for accept, read in ((SENML_JSON, json.loads), (SENML_CBOR, cbor2.loads)):
        answer = await camera.get(IMAGES, accept=accept)
        assert int(answer.opt.content_format) == accept
        assert len([each for each in read(answer.payload) if "28Z" in str(each) or "29Z" in str(each)]) == 2
    devices = json.loads((await camera.get("/collections/devices", accept=JSON)).payload)["devices"]
    assert [(each["deviceId"], each["pictures"]) for each in devices] == [("0", 15), ("1", 15)]
    assert problem(await camera.get(IMAGES, "from=yesterday"))[-2].startswith("from:")


def _documents() -> dict[str, tuple[Any, int, Code]]:
    good = cbor2.loads(cbor_document())
    refused = Code.BAD_REQUEST
    return {
        "not CBOR": (b"\xff\xff", CBOR, refused),
        "not JSON": (b"{", JSON, refused),
        "empty": (b"", CBOR, refused),
        "a list": (cbor2.dumps([good]), CBOR, refused),
        "a key twice": (b"\xa2" + (cbor2.dumps("deviceId") + cbor2.dumps("1")) * 2, CBOR, refused),
        "trailing bytes": (cbor_document() + b"\x00", CBOR, refused),
        "nested": (b"\x81" * 10_000, CBOR, refused),
        "a length of 2^63": (b"\xbb\x80" + bytes(7), CBOR, refused),
        "cyclic": (bytes.fromhex("a1616180d81c81d81d00"), CBOR, refused),
        "a bignum": (cbor2.dumps({**good, "deviceId": 1 << 80}), CBOR, refused),
        "NaN": (cbor2.dumps({**good, "timestamp": float("nan")}), CBOR, refused),
        "no device": (cbor2.dumps({"timestamp": TIMESTAMP, "imageData": b"x"}), CBOR, refused),
        "an empty device": (cbor2.dumps({**good, "deviceId": ""}), CBOR, refused),
        "a long device": (cbor2.dumps({**good, "deviceId": "x" * 300}), CBOR, refused),
        "NUL": (cbor2.dumps({**good, "deviceId": "a\0"}), CBOR, refused),
        "no time": (cbor2.dumps({**good, "timestamp": "tomorrow"}), CBOR, refused),
        "an empty picture": (cbor2.dumps({**good, "imageData": b""}), CBOR, refused),
        "no picture": (cbor2.dumps({**good, "imageData": b"<svg/>"}), CBOR, refused),
        "no base64": (json.dumps({**document(), "imageData": "=" * 5}).encode(), JSON, refused),
        "another type": (b"deviceId=1", 0, Code.UNSUPPORTED_CONTENT_FORMAT),
        "slashes": (cbor2.dumps({**good, "deviceId": "a/b"}), CBOR, Code.CREATED),
        "base64 with line ends": (
            json.dumps({**document(), "imageData": b64encode(drawn.png()).decode() + "\r\n"}).encode(),
            JSON,
            Code.CREATED,
        ),
    }


async def test_bad_documents_are_refused_with_their_reason(camera: Device) -> None:
    for case, (body, content_format, code) in _documents().items():
        answer = await camera.post(body, content_format)
        assert answer.code is code, case
        if not code.is_successful():
            assert problem(answer)[-2], case


BAD_REQUESTS: tuple[tuple[Code, str, tuple[str, ...], dict[str, Any], Code], ...] = (
    (Code.GET, "/", (), {}, Code.NOT_FOUND),
    (Code.GET, "/collections/other", (), {}, Code.NOT_FOUND),
    (Code.GET, f"{IMAGES}/1", (), {}, Code.NOT_FOUND),
    (Code.GET, f"{IMAGES}/one", (), {}, Code.NOT_FOUND),
    (Code.GET, f"{IMAGES}/99999999999999999999", (), {}, Code.NOT_FOUND),
    (Code.GET, f"{IMAGES}/1/2", (), {}, Code.NOT_FOUND),
    (Code.GET, f"{IMAGES}/latest", (), {}, Code.BAD_REQUEST),
    (Code.GET, f"{IMAGES}/latest", ("deviceId=unknown",), {}, Code.NOT_FOUND),
    (Code.GET, IMAGES, (RAW[0],), {}, Code.BAD_REQUEST),
    (Code.GET, IMAGES, (*RAW, *RAW), {}, Code.BAD_REQUEST),
    (Code.GET, IMAGES, RAW, {}, Code.NOT_FOUND),
    (Code.GET, IMAGES, RAW, {"if_match": (b"x",)}, Code.BAD_OPTION),
    (Code.GET, IMAGES, RAW, {"proxy_scheme": "http"}, Code.PROXYING_NOT_SUPPORTED),
    (Code.DELETE, IMAGES, RAW, {}, Code.METHOD_NOT_ALLOWED),
    (Code.PUT, IMAGES, RAW, {}, Code.METHOD_NOT_ALLOWED),
    (Code.POST, "/collections", (), {}, Code.METHOD_NOT_ALLOWED),
)


async def test_bad_requests_have_their_codes(camera: Device) -> None:
    for method, path, query, options, code in BAD_REQUESTS:
        answer = await camera.context.request(camera.message(method, path, query=query, **options)).response
        assert answer.code is code, (method, path, query, options)
        assert problem(answer)[-1]


TIMESTAMPS = (
    ("2024-08-18T02:04:07+02:00", Code.CREATED),
    ("2024-08-18T02:04:07 02:00", Code.CREATED),  # with a plus that was not encoded
    ("2016-12-31T23:59:60Z", Code.CREATED),
    ("0001-01-01T00:00:01Z", Code.CREATED),
    ("2024-08-18T02:04:07.123456789Z", Code.CREATED),
    ("9999-12-31T23:59:59-01:00", Code.BAD_REQUEST),
    ("", Code.BAD_REQUEST),
)


async def test_timestamps_in_the_query(camera: Device) -> None:
    for number, (timestamp, code) in enumerate(TIMESTAMPS):
        query = (f"deviceId={number}", f"timestamp={timestamp}")
        assert (await camera.post(noise(16), OCTETS, *query)).code is code, timestamp
        if code.is_successful():
            assert (await camera.get(IMAGES, *query)).payload == noise(16)


def _exchange(port: int, datagram: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.settimeout(10)
        plain.sendto(datagram, (HOST, port))
        return plain.recv(2000)


async def test_an_option_that_is_not_utf_8_is_rejected(port: int, camera: Device) -> None:
    datagram = struct.pack("!BBH", 0x40, 1, 0x1234) + b"\xb1\xff"  # Uri-Path: one byte that is not UTF-8
    assert await to_thread.run_sync(_exchange, port, datagram) == struct.pack("!BBH", 0x70, 0, 0x1234)
    assert (await camera.get(DISCOVERY)).code is Code.CONTENT


async def test_requests_are_logged_once_and_counted_by_route(
    core: WithState, client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = CollectorRegistry()
    await send(client, noise(), device="patient-7")
    async with coap_of(core.state["services"], registry=registry) as port, device(port) as camera:
        capsys.readouterr()
        await camera.post(noise(seed=2), PNG, *RAW)
        await camera.get(IMAGES, "deviceId=patient-7", f"timestamp={AT['timestamp']}")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [{name: line[name] for name in ("method", "path", "code")} for line in lines if line["event"] == "request"]
    assert told == [
        {"method": "POST", "path": IMAGES, "code": "2.01"},
        {"method": "GET", "path": IMAGES, "code": "2.05"},
    ]
    assert "patient-7" not in str(lines)
    labels = {"method": "POST", "route": "/collections/{collection}", "code": "2.01"}
    assert registry.get_sample_value("lightbox_coap_requests_total", labels) == 1

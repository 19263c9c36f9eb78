"""The CoRE image collection over HTTP as its clients know it, black box through the gateway."""

import itertools
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest
import zstandard
from support import pictures
from support.collection import IMAGES, cbor_document, document
from support.core_example import CBOR_IN_DIGITS, JSON_TEXT, PICTURE
from support.yelda_client import Headers

from lightbox.run.platform import Platform

AT = {"deviceId": "12345", "timestamp": "2024-08-18T02:04:07Z"}
LINK = '</collections/images>;rt="simple.act";if="core.b"'
PNG = pictures.png()
BMP = pictures.encoded(pictures.GREY, "BMP")
CBOR = {"Content-Type": "application/cbor"}
ORIGIN = {"Origin": "https://viewer.example"}

_devices = (f"http-{number}" for number in itertools.count())


@pytest.fixture
def at() -> dict[str, str]:
    """The query of a picture that does not exist."""
    return {"deviceId": next(_devices), "timestamp": "2024-08-18T02:04:07Z"}


@pytest.fixture
def nothing_there(http: httpx.Client, admin: Headers) -> Callable[[], None]:
    """A function that deletes the picture of the documented example."""

    def delete() -> None:
        assert http.delete(IMAGES, params=AT, headers=admin).status_code in {204, 404}

    return delete


def sent(http: httpx.Client, at: dict[str, str], data: bytes = PNG) -> dict[str, Any]:
    answer = http.post(IMAGES, json=document(data, *at.values()))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("body", "content_type"), [(JSON_TEXT, "application/json"), (CBOR_IN_DIGITS, "application/cbor")]
)
def test_the_documented_examples(
    http: httpx.Client, nothing_there: Callable[[], None], body: str, content_type: str
) -> None:
    nothing_there()
    for status in (201, 200):
        answer = http.post(IMAGES, content=body, headers={"Content-Type": content_type})
        assert answer.status_code == status
        assert answer.json() | AT == answer.json()
        assert (answer.json()["width"], answer.json()["height"]) == (20, 20)
    read = http.get(f"{IMAGES}?deviceId=12345&timestamp=2024-08-18T02%3A04%3A07Z")
    assert (read.status_code, read.content, read.headers["content-type"]) == (200, PICTURE, "image/png")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(
    ("body", "content_type"), [(JSON_TEXT, "application/json"), (CBOR_IN_DIGITS, "application/cbor")]
)
def test_the_documented_commands(
    platform: Platform, nothing_there: Callable[[], None], tmp_path: Path, body: str, content_type: str
) -> None:
    def curl(*arguments: str) -> bytes:
        command = ["curl", "--silent", "--show-error", *arguments]
        return subprocess.run(command, check=True, capture_output=True, cwd=tmp_path).stdout

    nothing_there()
    assert curl(f"{platform.url}/.well-known/core").decode() == LINK
    assert curl(f"{platform.url}/collections").decode() == LINK
    url = platform.url + IMAGES
    sent = curl("-d", body, "-H", f"Content-Type: {content_type}", "-X", "POST", url, "-w", "\n%{http_code}")
    metadata, _, status = sent.rpartition(b"\n")
    assert (status, json.loads(metadata)["sha256"]) == (b"201", pictures.sha256_hex(PICTURE))
    curl(f"{url}?deviceId=12345&timestamp=2024-08-18T02%3A04%3A07Z", "-o", "image.png")
    assert (tmp_path / "image.png").read_bytes() == PICTURE


def test_conflict(http: httpx.Client, at: dict[str, str]) -> None:
    body = sent(http, at)
    other = http.post(IMAGES, json=document(BMP, *at.values()))
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    assert http.get(IMAGES, params=at).content == PNG
    assert http.post(IMAGES, json=document(PNG, *at.values())).json() == body


def test_cbor_in_and_out(http: httpx.Client, at: dict[str, str]) -> None:
    headers = {**CBOR, "Accept": "application/cbor"}
    answer = http.post(IMAGES, content=cbor_document(PNG, *at.values()), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/cbor")
    assert cbor2.loads(answer.content)["size"] == len(PNG)
    refused = http.post(IMAGES, content=b"\x80", headers=headers)
    assert refused.headers["content-type"] == "application/concise-problem-details+cbor"
    assert (refused.status_code, cbor2.loads(refused.content)) == (
        400, {-1: "Bad Request", -2: "The body has to be a CBOR map."},
    )  # fmt: skip


def test_a_slash_at_the_end(http: httpx.Client, at: dict[str, str]) -> None:
    assert http.post(f"{IMAGES}/", json=document(PNG, *at.values())).status_code == 201
    assert http.get(f"{IMAGES}/", params=at).content == PNG


def test_a_body_in_pieces(http: httpx.Client, at: dict[str, str]) -> None:
    whole = cbor_document(PNG, *at.values())
    chunks = (whole[start : start + 50] for start in range(0, len(whole), 50))
    assert http.post(IMAGES, content=chunks, headers=CBOR).status_code == 201


def test_ranges_and_conditions(http: httpx.Client, at: dict[str, str]) -> None:
    sent(http, at)
    whole = http.get(IMAGES, params=at)
    etag, modified = whole.headers["etag"], whole.headers["last-modified"]
    assert whole.headers["accept-ranges"] == "bytes"
    for headers in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
        same = http.get(IMAGES, params=at, headers=headers)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    part = http.get(IMAGES, params=at, headers={"Range": "bytes=10-19", "If-Range": etag})
    assert (part.status_code, part.content) == (206, PNG[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(PNG)}"
    assert http.get(IMAGES, params=at, headers={"Range": "bytes=90000-"}).status_code == 416
    head = http.head(IMAGES, params=at)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(PNG)), b"")


def test_the_stored_bytes(http: httpx.Client, at: dict[str, str]) -> None:
    body = sent(http, at, BMP)
    with http.stream("GET", body["href"], headers={"Accept-Encoding": "zstd"}) as answer:
        stored = b"".join(answer.iter_raw())
    assert (answer.headers["content-encoding"], len(stored)) == ("zstd", body["storedSize"])
    assert zstandard.ZstdDecompressor().decompress(stored) == BMP
    assert http.get(body["href"], headers={"Accept-Encoding": "identity"}).content == BMP


def test_thumbnail(http: httpx.Client, at: dict[str, str]) -> None:
    body = sent(http, at, BMP)
    thumbnail = http.get(f"{body['href']}?w=32&h=32")
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/png")
    assert int.from_bytes(thumbnail.content[16:20], "big") == 32


@pytest.mark.parametrize("query", ["", "?deviceId=1", "?timestamp=2024-08-18T02:04:07Z", "?deviceId=1&timestamp=soon"])
def test_bad_queries(http: httpx.Client, query: str) -> None:
    for accept, kind in (("*/*", "problem+json"), ("application/cbor", "concise-problem-details+cbor")):
        answer = http.get(IMAGES + query, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (400, f"application/{kind}")


def test_what_is_not_there(http: httpx.Client, at: dict[str, str]) -> None:
    assert http.get(IMAGES, params=at).status_code == 404
    assert http.get("/collections/other", params=at).status_code == 404


def test_what_is_not_accepted(http: httpx.Client, at: dict[str, str]) -> None:
    assert http.post(IMAGES, content=JSON_TEXT, headers={"Content-Type": "text/plain"}).status_code == 415
    too_large = cbor_document(b"\x89PNG\r\n\x1a\n" + bytes(25 * 1024 * 1024), *at.values())
    assert http.post(IMAGES, content=too_large, headers=CBOR).status_code == 413
    assert http.get(IMAGES, params=at).status_code == 404


def test_deleting(http: httpx.Client, at: dict[str, str], admin: Headers) -> None:
    sent(http, at)
    assert http.delete(IMAGES, params=at).status_code == 401
    assert http.delete(IMAGES, params=at, headers=admin).status_code == 204
    assert http.get(IMAGES, params=at).status_code == 404


def test_pages_of_other_origins_see_what_they_need(http: httpx.Client, at: dict[str, str]) -> None:
    answer = http.post(IMAGES, json=document(PNG, *at.values()), headers=ORIGIN)
    assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    exposed = {each.strip() for each in answer.headers["access-control-expose-headers"].split(",")}
    assert {"ETag", "Location", "Content-Range", "Accept-Ranges", "Link"} <= exposed
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = http.options(IMAGES, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "content-type"

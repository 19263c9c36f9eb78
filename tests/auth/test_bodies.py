"""Malformed bodies of requests are answered with a clear 4xx."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

PATHS = ("/api/chexray/signup/", "/api/chexray/login/")
BOUNDARY = "cut-here"


def _part(name: str, value: str, more: str = "") -> str:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


_PARTS = _part("username", "ada") + _part("password", "x")
_MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
_FORM = "application/x-www-form-urlencoded"

REFUSED: dict[str, tuple[str, bytes, int]] = {
    "list": ("application/json", b"[]", 400),
    "number": ("application/json", b"7", 400),
    "text": ("application/json", b'"ada"', 400),
    "nothing": ("application/json", b"null", 400),
    "cut": ("application/json", b'{"username": "ad', 400),
    "no number": ("application/json", b'{"username": NaN, "password": Infinity}', 400),
    "long number": ("application/json", b'{"username": ' + b"9" * 5000 + b"}", 400),
    "deep list": ("application/json", b"[" * 10_000 + b"]" * 10_000, 400),
    "deep object": ("application/json", b'{"username":' * 5_000 + b"1" + b"}" * 5_000, 400),
    "not UTF-8": ("application/json", b'{"username": "\xff\xfe", "password": "x"}', 400),
    "UTF-16": ("application/json", '{"username": "ada", "password": "x"}'.encode("utf-16"), 400),
    "other charset": ("application/json; charset=latin-1", b'{"username": "ada", "password": "x"}', 415),
    "null character": ("application/json", b'{"username": "a\\u0000", "password": "x"}', 400),
    "raw null character": ("application/json", b'{"username": "a\0", "password": "x"}', 400),
    "null character in a name": ("application/json", b'{"\\u0000": 1}', 400),
    "lone surrogate": ("application/json", b'{"username": "\\ud800", "password": "\\udfff"}', 400),
    "lone surrogate in a name": ("application/json", b'{"\\ud800": "x"}', 400),
    "null character inside": ("application/json", b'{"username": {"x": [["\\u0000"]]}}', 400),
    "100 kB": ("application/json", json.dumps({"username": "a" * 100_000, "password": "x"}).encode(), 413),
    "form, not UTF-8": (_FORM, b"username=%ff&password=x", 400),
    "form, raw bytes": (_FORM, b"username=\xff&password=x", 400),
    "form, null character": (_FORM, b"username=a%00&password=x", 400),
    "form, many fields": (_FORM, b"&".join(b"a%d=1" % number for number in range(1000)), 400),
    "form, 100 kB": (_FORM, b"username=" + b"a" * 100_000, 413),
    "multipart, cut in a value": (_MULTIPART, (_PARTS + _part("password2", "y"))[:-8].encode(), 400),
    "multipart, cut after a part": (_MULTIPART, _PARTS.encode(), 400),
    "multipart, no boundary": ("multipart/form-data", f"{_PARTS}--{BOUNDARY}--\r\n".encode(), 400),
    "multipart, long boundary": (f"multipart/form-data; boundary={'b' * 5000}", b"--b", 400),
    "multipart, other boundary": ("multipart/form-data; boundary=other", f"{_PARTS}--{BOUNDARY}--\r\n".encode(), 400),
    "multipart, no name": (_MULTIPART, f"--{BOUNDARY}\r\nA: b\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(), 400),
    "multipart, not UTF-8": (_MULTIPART, _part("username", "ada").encode() + b"\xff", 400),
    "XML": ("application/xml", b"<username/>", 415),
    "text type": ("text/plain", b"username=ada", 415),
    "broken type": (";;;=", b"username=ada", 415),
    "no type": ("", b"username=ada", 415),
}


@pytest.mark.parametrize("path", PATHS)
async def test_refused(client: httpx.AsyncClient, path: str) -> None:
    for name, (media_type, body, status) in REFUSED.items():
        headers = {"Content-Type": media_type} if media_type else {}
        answer = await client.post(path, content=body, headers=headers)
        assert (name, answer.status_code) == (name, status)
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(answer.json(), dict)


async def test_a_control_character_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        PATHS[0], content=b'{"username": "a\r\nda"}', headers={"Content-Type": "application/json"}
    )
    assert answer.json() == {"detail": "The body is not valid JSON: a string has a control character in it, U+000D."}


@pytest.mark.parametrize("path", PATHS)
async def test_a_long_body_in_chunks_is_refused_too(client: httpx.AsyncClient, path: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    answer = await client.post(path, content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("Application/JSON; charset=UTF-8", '\ufeff{"username": "x", "username": "ada", "password": "🔑"}'),
        (_FORM, "username=x&username=ada&password=%F0%9F%94%91"),
        (_FORM, "username=ada&password=🔑"),
        (_MULTIPART, _part("username", "x") + _part("username", "ada") + _part("password", "🔑") + f"--{BOUNDARY}--"),
        (
            _MULTIPART,
            "preamble\r\n"
            + _part("username", "x")
            + _part("username", "ada", '; filename="name.txt"')
            + _part("password", "🔑", "; filename*=utf-8''p%C3%A4ss")
            + f"--{BOUNDARY}--\r\n",
        ),
        (
            f'multipart/form-data; boundary="{BOUNDARY}"',
            _part("username", "ada") + _part("password", "🔑") + f"--{BOUNDARY}--\r\n",
        ),
    ],
)
async def test_accepted(client: httpx.AsyncClient, media_type: str, body: str) -> None:
    answer = await client.post(PATHS[0], content=body.encode(), headers={"Content-Type": media_type})
    assert answer.json()["username"] == "ada"
    answer = await client.post(PATHS[1], json={"username": "ada", "password": "🔑"})
    assert answer.status_code == 200


async def test_the_document_names_the_fields(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    content = document["paths"]["/api/chexray/signup"]["post"]["requestBody"]["content"]
    assert content.keys() == {"application/json", _FORM, "multipart/form-data"}
    name = content[_FORM]["schema"]["$ref"].rpartition("/")[2]
    assert document["components"]["schemas"][name]["required"] == ["username", "password"]

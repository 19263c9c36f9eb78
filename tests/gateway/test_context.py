"""Request ids, traces, client addresses, and the access log."""

import json

import pytest
from support.gateway import Platform, Start, raw, until

PATH = "/api/models"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_ids_are_continued_or_made(platform: Platform) -> None:
    response = platform.http.get(PATH, headers={"X-Request-ID": "abc-1", "traceparent": TRACE, "tracestate": "a=1"})
    arrived = platform.service.last.headers
    assert response.headers["x-request-id"] == arrived["x-request-id"] == "abc-1"
    assert arrived["traceparent"].split("-")[1] == TRACE.split("-")[1]
    assert arrived["traceparent"] != TRACE
    assert arrived["tracestate"] == "a=1"
    response = platform.http.get(PATH, headers={"X-Request-ID": 'a"b', "traceparent": "junk", "tracestate": "a=1"})
    arrived = platform.service.last.headers
    assert response.headers["x-request-id"] == arrived["x-request-id"] != 'a"b'
    assert "tracestate" not in arrived
    assert platform.http.get("/nothing").headers["x-request-id"]


def test_headers_that_claim_an_identity_are_removed(platform: Platform) -> None:
    claims = [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Prefix",
        "X-Real-IP",
        "X-Account-Id",
        "X_Account_Id",
        "X-User-Name",
        "X-Internal-Call",
        "Remote-User",
        "Remote_User",
        "X-Remote-User",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
    ]
    platform.http.get(PATH, headers={**dict.fromkeys(claims, "evil"), "X-Mine": "1", "x_mine": "2"})
    arrived = platform.service.last.headers
    assert "evil" not in arrived.values()
    assert (arrived["x-mine"], arrived["x_mine"]) == ("1", "2")
    assert arrived["x-forwarded-for"] == "127.0.0.1"
    assert arrived["x-forwarded-proto"] == "http"
    assert arrived["x-forwarded-host"] == arrived["host"] == f"127.0.0.1:{platform.port}"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("203.0.113.7:80", "203.0.113.7"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("evil", "127.0.0.1"),
        ("evil, 10.0.0.2", "10.0.0.2"),
    ],
)
def test_behind_our_own_proxies(start: Start, forwarded: str, address: str) -> None:
    platform = start(trusted_proxies="127.0.0.0/8, 10.0.0.0/8")
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "lab.example"}
    platform.http.get(PATH, headers=headers)
    arrived = platform.service.last.headers
    assert arrived["x-forwarded-for"] == address
    assert (arrived["x-forwarded-proto"], arrived["x-forwarded-host"]) == ("https", "lab.example")


async def test_one_host(platform: Platform) -> None:
    for hosts, status in (
        (b"", b"400"),
        (b"Host: a\r\nHost: b\r\n", b"400"),
        (b"Host: a/b\r\n", b"400"),
        (b"Host: a b\r\n", b"400"),
        (b"Host: lab.example:8000\r\n", b"200"),
        (b"Host: [::1]:8000\r\n", b"200"),
    ):
        received = await raw(platform.port, b"GET /alive HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n")
        assert received[9:12] == status, hosts
    # HTTP/1.0 has no Host. Health checks of load balancers use it.
    received = await raw(platform.port, b"GET /alive HTTP/1.0\r\n\r\n")
    assert received[9:12] == b"200"


async def test_smuggling(platform: Platform) -> None:
    for framing in (
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Content-Length: +3\r\n\r\nabc",
        b"X-A: b\x00c\r\n\r\n",
        b"X A: b\r\n\r\n",
    ):
        received = await raw(platform.port, b"POST /api/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + framing)
        assert received[9:12] == b"400", framing
    assert platform.service.seen == []


async def test_one_access_line_without_secrets(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    async with platform.client() as http:
        await http.get("/login?username=ada&password=hunter2", headers={"X-Request-ID": "line-1"})
        await http.get("/api/chexray/media/7?key=signed-link", headers={"X-Request-ID": "line-2"})
        await http.get('/nothing/"x"', headers={"X-Request-ID": "line-3"})
        await http.get("/image/shared/the-whole-link", headers={"X-Request-ID": "line-4"})
        await http.get("/iiif/3/7~the-key/info.json", headers={"X-Request-ID": "line-5"})
    lines: dict[str, dict[str, object]] = {}
    text = ""

    def collected() -> bool:
        nonlocal text
        text += capsys.readouterr().out
        for line in text.splitlines():
            if '"event": "request"' in line:
                found = json.loads(line)
                lines[found["request_id"]] = found
        return len(lines) == 5

    await until(collected)
    assert "hunter2" not in text
    assert "signed-link" not in text
    assert "the-whole-link" not in text
    assert "the-key" not in text
    line = lines["line-1"]
    expected = {"method": "GET", "path": "/login", "status": 200, "upstream": "auth-service", "service": "gateway"}
    assert expected.items() <= line.items()
    assert line.keys() == {*expected, "ms", "event", "request_id", "trace_id", "level", "timestamp"}
    assert lines["line-2"]["path"] == "/api/chexray/media/7"
    assert (lines["line-3"]["path"], lines["line-3"]["status"]) == ('/nothing/"x"', 404)
    assert lines["line-4"]["path"] == "/image/shared/[redacted]"
    assert lines["line-5"]["path"] == "/iiif/3/7~[redacted]/info.json"

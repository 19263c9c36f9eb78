"""The public URL of the platform, which clients can't change by headers."""

import re

import pytest
from starlette.requests import Request

from lightbox_shared.responses.urls import public_base


def asked(headers: dict[str, str], *, scheme: str = "http") -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "path": "/x/y",
            "query_string": b"q=1",
            "root_path": "",
            "headers": raw,
            "server": ("127.0.0.1", 8002),
        }
    )


def forwarded(host: str, proto: str = "https") -> dict[str, str]:
    return {"Host": "inside:8002", "X-Forwarded-Host": host, "X-Forwarded-Proto": proto}


@pytest.mark.parametrize(
    "host", ["lab.example", "lab.example:8443", "192.0.2.1:80", "[2001:db8::1]:8000", "[::1]", "a_b-c"]
)
def test_what_the_gateway_was_asked_for(host: str) -> None:
    assert public_base(asked(forwarded(host)), None) == f"https://{host}"


def test_the_setting_wins() -> None:
    request = asked(forwarded("evil.example"))
    assert public_base(request, "https://lab.example/lightbox/") == "https://lab.example/lightbox"


def test_without_a_gateway() -> None:
    assert public_base(asked({"Host": "127.0.0.1:8002"}), None) == "http://127.0.0.1:8002"
    assert public_base(asked({"Host": "lab.example"}, scheme="https"), "") == "https://lab.example"
    assert public_base(asked({}), None) == "http://127.0.0.1:8002"


NO_HOSTS = (
    "", " ", "evil.example/path", "evil.example?x", "evil.example#x", "user@evil.example", "a:b@evil.example",
    "evil.example, good.example", "evil.example:x", "evil.example:123456", "evil.example:80:90", "[::1", "[evil]",
    'x"><script>', "x\\y", "x y", "x\ty", "x\nSet-Cookie: a=b", "é.example", "%65vil", "a" * 254, "javascript:alert(1)",
)  # fmt: skip


@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_host_that_is_none_falls_back(host: str) -> None:
    assert public_base(asked(forwarded(host)), None) == "http://inside:8002"


@pytest.mark.parametrize("proto", ["javascript", "file", "", "HTTPS", "https, http", "http://evil.example/"])
def test_a_scheme_that_is_none_falls_back(proto: str) -> None:
    assert public_base(asked(forwarded("lab.example", proto)), None) == "http://inside:8002"


@pytest.mark.parametrize("host", NO_HOSTS)
def test_our_own_host_header_brings_nothing_in_either(host: str) -> None:
    for headers in ({"Host": host}, {"Host": host, "X-Forwarded-Host": host}):
        base = public_base(asked(headers), None)
        assert base == "http://127.0.0.1:8002" or re.fullmatch(r"http://[\w.%-]+", base, re.ASCII)

"""What the log says where browsers come by another address than `LIGHTBOX_PUBLIC_URL`."""

import json

import pytest
from support.gateway import Start

from gateway.headers import RequestHeaders
from gateway.public_address import PublicAddress
from gateway.trusted_proxies import Client

PUBLIC = "https://lab.example"
SIGN_IN = "/api/authorization"


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """The origins and the settings that the log names."""
    lines = [
        line for line in capsys.readouterr().out.splitlines() if "another address than LIGHTBOX_PUBLIC_URL" in line
    ]
    return [(each["origin"], each["public_url"]) for each in map(json.loads, lines)]


@pytest.mark.parametrize(
    ("public_url", "own", "origin", "site", "is_told"),
    [
        (PUBLIC, "https://lab.example", PUBLIC, "same-origin", False),
        (f"{PUBLIC}:443/x-ray/", "https://lab.example", PUBLIC, None, False),
        (PUBLIC, "http://10.0.0.7:8000", PUBLIC, "same-origin", False),  # a proxy that changes the host
        (PUBLIC, "https://other.example", "https://other.example", "same-origin", True),
        (PUBLIC, "http://lab.example", "http://lab.example", None, True),  # without TLS browsers say no more
        (PUBLIC, "http://10.0.0.7:8000", "https://other.example", "same-origin", True),
        (PUBLIC, "https://lab.example", "https://app.example", "cross-site", False),  # a page that may call
        (PUBLIC, "https://other.example", "https://other.example", "cross-site", False),
        (PUBLIC, "https://lab.example", "https://app.example", None, False),
        (PUBLIC, "https://other.example", None, None, False),  # a program
        (None, "https://other.example", "https://other.example", "same-origin", False),
    ],
)
def test_which_requests_show_another_address(
    capsys: pytest.CaptureFixture[str],
    public_url: str | None,
    own: str,
    origin: str | None,
    site: str | None,
    *,
    is_told: bool,
) -> None:
    scheme, host = own.split("://")
    sent = {"origin": origin, "sec-fetch-site": site}
    headers = RequestHeaders([(name.encode(), value.encode()) for name, value in sent.items() if value is not None])
    PublicAddress(public_url).compare(headers, Client("192.0.2.1", scheme, host))
    assert (PUBLIC.removeprefix("https://") in capsys.readouterr().out) == is_told


def test_signing_in_by_another_address_is_told_once(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    platform = start(public_url=PUBLIC)
    headers = {"Origin": str(platform.http.base_url).rstrip("/")}
    for _ in range(3):
        assert platform.http.post(SIGN_IN, headers=headers).status_code == 200
    assert told(capsys) == [(headers["Origin"], PUBLIC)]


def test_signing_in_by_the_public_address_is_not_told(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    platform = start(public_url=PUBLIC)
    assert platform.http.post(SIGN_IN, headers={"Origin": PUBLIC}).status_code == 200
    assert told(capsys) == []

"""Requests that pages of other sites cause (CSRF)."""

import pytest
from support.gateway import Platform, Start

from lightbox_shared.auth.api_keys import make

PATH = "/api/predictions"
PAGE = "https://app.example"
EVIL = "https://evil.example"
LOCAL = "http://localhost:3000"
OWN = "own"  # stands for the origin that the request itself has

# Sec-Fetch-Site, Origin, passes with named origins (`PAGE`), passes where any origin may call (`*`)
MATRIX: list[tuple[str | None, str | None, bool, bool]] = [
    (None, None, True, True),  # no browser
    ("same-origin", OWN, True, True),
    ("same-origin", None, True, True),
    (
        "same-origin",
        EVIL,
        True,
        True,
    ),  # pages can't set Sec-Fetch-Site; Origin differs behind a proxy that changes the host
    ("Same-Origin", OWN, True, True),
    ("none", None, True, True),
    ("cross-site", None, False, False),
    ("cross-site", EVIL, False, False),
    ("cross-site", OWN, False, False),
    ("cross-site", "null", False, False),
    ("cross-site", PAGE, True, False),
    ("cross-site", LOCAL, False, True),
    ("same-site", None, False, False),
    ("same-site", PAGE, True, False),
    ("same-site", LOCAL, False, True),
    ("same-site", EVIL, False, False),
    ("", None, False, False),
    ("same-origin, cross-site", None, False, False),
    ("unheard-of", None, False, False),
    ("unheard-of", PAGE, True, False),
    (None, OWN, True, True),
    (None, PAGE, True, False),
    (None, LOCAL, False, True),
    (None, EVIL, False, False),
    (None, "null", False, False),
    (None, "", False, False),
    (None, "http://localhost", False, True),
    (None, "https://localhost:8443", False, True),
    (None, "http://127.0.0.1:5173", False, True),
    (None, "http://[::1]:5173", False, True),
    (None, "http://localhost.evil.example", False, False),
    (None, "http://localhost:3000.evil.example", False, False),
    (None, "http://127.0.0.1.evil.example", False, False),
    (None, "http://evil.example/http://localhost", False, False),
    (None, "http://localhost:3000@evil.example", False, False),
    (None, "ftp://localhost", False, False),
    (None, PAGE + ".evil.example", False, False),
    (None, PAGE.replace("https", "http"), False, False),
]


@pytest.fixture(scope="module", params=["named", "any"])
def allowed(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def platform(start: Start, allowed: str) -> Platform:
    return start(allowed_origins=f"{PAGE}/, null" if allowed == "named" else "*")


def browser(platform: Platform, site: str | None, origin: str | None) -> dict[str, str]:
    """The headers that a browser adds to a request."""
    headers = {"Cookie": f"lightbox_session={platform.key.token()}"}
    if site is not None:
        headers["Sec-Fetch-Site"] = site
    if origin is not None:
        headers["Origin"] = platform.gateway.url if origin == OWN else origin
    return headers


def test_the_matrix(platform: Platform, allowed: str) -> None:
    wrong = []
    for site, origin, named, anything in MATRIX:
        if allowed == "any" and origin == OWN and site == "cross-site":
            continue  # here the request's own origin is one of localhost
        expected = 200 if (named if allowed == "named" else anything) else 403
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            status = platform.http.request(method, PATH, headers=browser(platform, site, origin)).status_code
            if status != expected:
                wrong.append((method, site, origin, status))
        for method in ("GET", "HEAD"):
            assert platform.http.request(method, PATH, headers=browser(platform, site, origin)).status_code == 200
    assert wrong == []


SIGN_IN_MATRIX = [
    (None, None, True),
    ("same-origin", OWN, True),
    (None, OWN, True),
    ("cross-site", PAGE, True),
    ("cross-site", EVIL, False),
    ("same-site", None, False),
    (None, EVIL, False),
    (None, "null", False),
]


@pytest.mark.parametrize(("site", "origin", "named"), SIGN_IN_MATRIX)
def test_a_foreign_page_can_not_sign_in(
    platform: Platform, allowed: str, site: str | None, origin: str | None, *, named: bool
) -> None:
    """The answer would set the session cookie, so the credentials of the request make no difference."""
    headers = {name: value for name, value in browser(platform, site, origin).items() if name != "Cookie"}
    for more in ({}, {"Authorization": "Basic dTpw"}):
        answer = platform.http.post("/authorization", headers={**headers, **more})
        assert answer.status_code == (200 if named or allowed == "any" else 403)


def test_how_it_is_refused(start: Start) -> None:
    platform = start()
    refused = platform.http.post(PATH, headers=browser(platform, "cross-site", EVIL))
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/cross-site-request"
    assert "www-authenticate" not in refused.headers
    optional = platform.http.post("/accounts", headers=browser(platform, "cross-site", EVIL))
    assert (optional.status_code, optional.json()) == (403, {"message": "用户没有权限"})
    assert platform.service.seen == []


def test_two_answers_are_none(start: Start) -> None:
    platform = start()
    twice = [*browser(platform, "same-origin", EVIL).items(), ("Sec-Fetch-Site", "cross-site")]
    assert platform.http.post(PATH, headers=twice).status_code == 403
    assert platform.http.post(PATH, headers=[*twice[:1], *reversed(twice[1:])]).status_code == 403


def test_tokens_and_keys_in_headers_are_accepted_from_any_page(start: Start) -> None:
    platform = start()
    key = make(bytes(32))
    platform.auth.api_keys[key] = {}
    for headers in ({"Authorization": f"Bearer {platform.key.token()}"}, {"X-API-Key": key}):
        foreign = {**browser(platform, "cross-site", EVIL), **headers}
        assert platform.http.post(PATH, headers=foreign).status_code == 200


def test_basic_credentials_do_not_show_intent(start: Start) -> None:
    """Browsers store passwords of Basic, and add them to requests that pages of other sites cause."""
    platform = start()
    foreign = {**browser(platform, "cross-site", EVIL), "Authorization": "Basic dTpw"}
    assert platform.http.post(PATH, headers=foreign).status_code == 403


def test_where_the_cookie_is_not_used_it_does_not_matter(start: Start) -> None:
    platform = start()
    assert platform.http.post("/predict", headers=browser(platform, "cross-site", EVIL)).status_code == 200
    without = {"Sec-Fetch-Site": "cross-site", "Origin": EVIL}
    assert platform.http.post("/accounts", headers=without).status_code == 200
    assert platform.http.post(PATH, headers=without).status_code == 401


@pytest.mark.parametrize(
    ("settings", "host", "origin", "passes"),
    [
        ({}, {"Host": "lab.example"}, "http://lab.example", True),
        ({}, {"Host": "LAB.example:80"}, "http://lab.example", True),
        ({}, {"Host": "lab.example"}, "https://lab.example", False),
        ({}, {"Host": "lab.example:8000"}, "http://lab.example", False),
        ({}, {"Host": "lab.example", "X-Forwarded-Host": "evil.example"}, "http://evil.example", False),
        ({"public_url": "https://lab.example/"}, {"Host": "10.0.0.7:8000"}, "https://lab.example", True),
        ({"public_url": "https://lab.example:443"}, {"Host": "10.0.0.7:8000"}, "https://lab.example", True),
        ({"public_url": "https://lab.example"}, {"Host": "10.0.0.7:8000"}, "https://lab.example.evil", False),
        (
            {"trusted_proxies": "127.0.0.0/8"},
            {"X-Forwarded-Host": "lab.example", "X-Forwarded-Proto": "https"},
            "https://lab.example",
            True,
        ),
        (
            {"trusted_proxies": "127.0.0.0/8"},
            {"X-Forwarded-Host": "lab.example", "X-Forwarded-Proto": "https"},
            "http://lab.example",
            False,
        ),
    ],
)
def test_what_the_own_origin_is(
    start: Start, settings: dict[str, str], host: dict[str, str], origin: str, *, passes: bool
) -> None:
    platform = start(allowed_origins="", **settings)
    headers = {**browser(platform, None, origin), **host}
    assert platform.http.post(PATH, headers=headers).status_code == (200 if passes else 403)

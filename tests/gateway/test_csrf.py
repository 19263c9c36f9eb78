"""Requests that pages of other sites cause (CSRF)."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.gateway import Platform, Start

from gateway.csrf import CrossSiteRequest, CsrfProtection
from gateway.headers import RequestHeaders
from gateway.trusted_proxies import Client
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
    origins = f"{PAGE}/, null" if allowed == "named" else "*"
    return start(allowed_origins=origins, services=("auth-service", "inference-service", "imagehub-service"))


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


def test_a_get_that_changes_something_says_that_a_trusted_page_makes_it(platform: Platform, allowed: str) -> None:
    """A link of another page, or one in a mail, makes a GET as well, about which a browser says nothing or `none`."""
    administrator = {"Cookie": f"lightbox_session={platform.key.token(authority=101)}"}
    wrong = []
    for site, origin, named, anything in MATRIX:
        if allowed == "any" and origin == OWN and site == "cross-site":
            continue
        known = site not in {None, "none"} or origin is not None
        expected = 200 if known and (named if allowed == "named" else anything) else 403
        headers = {**browser(platform, site, origin), **administrator}
        status = platform.http.get("/admin/onedrive/delete-folder?folder_id=x", headers=headers).status_code
        if status != expected:
            wrong.append((site, origin, status))
        assert platform.http.get("/admin/onedrive/folders", headers=headers).status_code == 200
    assert wrong == []
    bearer = {"Authorization": f"Bearer {platform.key.token(authority=101)}"}
    assert platform.http.get("/admin/onedrive/delete-folder?folder_id=x", headers=bearer).status_code == 200
    assert platform.http.head("/admin/onedrive/delete-folder?folder_id=x", headers=bearer).status_code == 405


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
        # A proxy that forwards Host without its port, and a foreign port where Host has one.
        ({}, {"Host": "lab.local"}, "http://lab.local:8080", True),
        ({}, {"Host": "lab.local:8080"}, "http://lab.local:8081", False),
        ({}, {"Host": "lab.local:80"}, "http://lab.local:8080", False),
        ({}, {"Host": "lab.local"}, "https://lab.local:8443", False),
        ({}, {"Host": "lab.local"}, "http://lab.local:8080.evil.example", False),
        ({}, {"Host": "lab.local"}, "http://lab.local:8080@evil.example", False),
        ({"public_url": "http://lab.local:8080"}, {"Host": "lab.local"}, "http://lab.local:8080", True),
        ({"public_url": "http://lab.local:8080"}, {"Host": "lab.local"}, "http://lab.local:8081", False),
        ({"public_url": "http://lab.local"}, {"Host": "lab.local"}, "http://lab.local:8080", False),
        ({"public_url": "https://lab.example"}, {"Host": "lab.local"}, "http://lab.local:8080", True),
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


HOSTS = st.sampled_from(
    ["lab.local", "lab.example", "a.lab.local", "localhost.example", "192.0.2.7", "[2001:db8::7]", "x", "a-b_c.example"]
)
PORTS = st.none() | st.sampled_from([80, 443, 8000, 8080]) | st.integers(1, 65535)
SCHEMES = st.sampled_from(["http", "https"])
DEFAULT_PORTS = {"http": 80, "https": 443}
protections = {
    public: CsrfProtection(frozenset(), public_url=public)
    for public in (None, "http://lab.local:8080", "https://lab.example")
}


def accepts(protection: CsrfProtection, client: Client, origin: str | None, site: str | None = None) -> bool:
    sent = {"origin": origin, "sec-fetch-site": site}
    headers = RequestHeaders([(name.encode(), value.encode()) for name, value in sent.items() if value is not None])
    try:
        protection.check(headers, client)
    except CrossSiteRequest:
        return False
    return True


def written(scheme: str, host: str, port: int | None) -> str:
    """An origin as browsers write it: without the port that is the scheme's own."""
    return f"{scheme}://{host}" if port in {None, DEFAULT_PORTS[scheme]} else f"{scheme}://{host}:{port}"


@given(HOSTS, PORTS, SCHEMES)
def test_a_host_without_a_port_is_itself_with_every_port(host: str, port: int | None, scheme: str) -> None:
    for spelled in (host, host.upper()):
        client = Client("192.0.2.1", scheme, spelled)
        assert accepts(protections[None], client, written(scheme, host, port))


@given(HOSTS, PORTS, st.integers(1, 65535), SCHEMES)
def test_a_host_with_a_port_is_itself_with_that_port(host: str, port: int | None, own: int, scheme: str) -> None:
    client = Client("192.0.2.1", scheme, f"{host}:{own}")
    same = (port or DEFAULT_PORTS[scheme]) == own
    assert accepts(protections[None], client, written(scheme, host, port)) is same


@given(HOSTS, PORTS, PORTS, SCHEMES, SCHEMES, st.sampled_from(list(protections)))
def test_another_scheme_or_host_is_foreign(
    host: str, own_port: int | None, port: int | None, scheme: str, other_scheme: str, public: str | None
) -> None:
    client = Client("192.0.2.1", scheme, host if own_port is None else f"{host}:{own_port}")
    for foreign in ("evil.example", f"{host}.evil.example", f"evil{host}", f"evil.{host}", f"{host}-evil", "null"):
        assert not accepts(protections[public], client, written(scheme, foreign, port))
    for trick in (
        f"{scheme}://{host}@evil.example",
        f"{scheme}://{host}:8080@evil.example",
        f"{scheme}://{host}/",
        "null",
    ):
        assert not accepts(protections[public], client, trick)
    assume(scheme != other_scheme)
    assert accepts(protections[None], client, written(other_scheme, host, port)) is False


@given(PORTS, HOSTS)
def test_where_the_settings_name_the_host_they_name_its_port(port: int | None, other: str) -> None:
    protection = protections["http://lab.local:8080"]
    for client in (Client("", "http", "lab.local"), Client("", "http", "10.0.0.7:8000")):
        assert accepts(protection, client, "http://lab.local:8080")
        expected = port == 8080 or (port in {None, 80} and client.host == "lab.local")
        assert accepts(protection, client, written("http", "lab.local", port)) is expected
    assume(other != "lab.local")
    assert accepts(protection, Client("", "http", other), written("http", other, port))


@given(HOSTS, PORTS, SCHEMES, st.text(max_size=40) | st.from_regex(r"https?://[\w.:@/\[\]-]{0,30}", fullmatch=True))
def test_any_text_may_be_an_origin(host: str, port: int | None, scheme: str, origin: str) -> None:
    """Accepted is nothing but an origin of this scheme and host."""
    try:
        origin.encode()
    except UnicodeEncodeError:
        return
    client = Client("192.0.2.1", scheme, host if port is None else f"{host}:{port}")
    if accepts(protections[None], client, origin):
        rest = origin.removeprefix(f"{scheme}://{host}")
        assert rest != origin
        assert rest == "" or (rest[0] == ":" and rest[1:].isdigit())


@given(HOSTS, PORTS, SCHEMES, st.sampled_from(["same-origin", "none", "same-site", "cross-site", "", "x"]))
def test_what_the_browser_says_counts_first(host: str, port: int | None, scheme: str, site: str) -> None:
    """A page on another port is of the same site, and not of the same origin."""
    client = Client("192.0.2.1", scheme, host)
    for origin in (None, written(scheme, host, port), "https://evil.example"):
        assert accepts(protections[None], client, origin, site) is (site in {"same-origin", "none"})

"""Pages that people open in a browser (`Route.page`), and the origins of OAuth clients."""

from typing import Any

import pytest
from support.gateway import Platform, Start
from support.processes import until

from gateway.routes import AUTH, INFERENCE, TABLE, Access, Route, Routes

PAGE = "/oauth/authorize"
FORM = "/oauth/sign-in"
OWN = {"Sec-Fetch-Site": "same-origin"}
APP = "https://app.example"


@pytest.fixture
def platform(start: Start) -> Platform:
    """The rows of the pages, of which the recording service answers."""
    rows = [row for row in TABLE if row.prefix.startswith("/oauth/")]
    own = [Route(row.prefix, INFERENCE, row.access, methods=row.methods, page=row.page) for row in rows]
    assert {row.service for row in rows} == {AUTH}
    return start(Routes(own))


def test_a_cookie_becomes_a_token(platform: Platform) -> None:
    token = platform.key.token()
    answer = platform.http.get(PAGE, headers={"Cookie": f"a=1; lightbox_session={token}"})
    assert answer.status_code == 200
    assert platform.service.last.headers["authorization"] == f"Bearer {token}"
    assert platform.service.last.headers["cookie"] == "a=1"


def test_no_other_credential_is_read_or_forwarded(platform: Platform) -> None:
    token = platform.key.token()
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": "Basic dTpw"},
        {"X-API-Key": "lbx_x"},
        {"Authorization": "Bearer lbx_x"},
        {"Cookie": "lightbox_session=nonsense"},
        {"Cookie": "lightbox_session=\u00ff"},
        {"Cookie": f"lightbox_session={platform.key.token(exp=1)}"},
        {},
    ):
        raw: Any = {name: value.encode("latin-1") for name, value in headers.items()}
        assert platform.http.get(PAGE, headers=raw).status_code == 200
        assert not {"authorization", "x-api-key", "cookie"} & platform.service.last.headers.keys()


def test_a_session_that_has_ended_counts_as_none(platform: Platform) -> None:
    headers = {"Cookie": f"lightbox_session={platform.key.token()}"}
    assert platform.http.get(PAGE, headers=headers).status_code == 200
    assert "authorization" in platform.service.last.headers
    platform.auth.revoke(5)

    def forgotten() -> bool:
        assert platform.http.get(PAGE, headers=headers).status_code == 200
        return "authorization" not in platform.service.last.headers

    assert until(forgotten)


def test_forms_come_from_our_own_pages(platform: Platform) -> None:
    """Also without a cookie, and where every origin may call: nobody is signed in to somebody else's account."""
    for headers, status in (
        (OWN, 200),
        ({}, 200),  # no browser
        ({"Origin": platform.gateway.url}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ):
        for path in (FORM, "/oauth/consent", "/oauth/sign-out"):
            assert platform.http.post(path, headers=headers).status_code == status, (path, headers)


def test_a_page_is_opened_from_everywhere(platform: Platform) -> None:
    assert platform.http.get(PAGE, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_what_is_a_page() -> None:
    pages = {(row.prefix, "GET" in row.methods) for row in TABLE if row.page}
    assert pages == {
        ("/oauth/authorize", True),
        ("/oauth/sign-in", False),
        ("/oauth/consent", False),
        ("/oauth/logout", True),
        ("/oauth/sign-out", False),
    }
    assert all(row.access is Access.OPTIONAL for row in TABLE if row.page)


ASKING = {"Origin": APP, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def test_pages_of_registered_origins_may_call_without_cookies(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.POLL_SECONDS", 0.05)
    platform = start(environment="production")
    assert platform.http.options("/oauth/userinfo", headers=ASKING).status_code == 403
    platform.auth.origins.append(APP)
    assert until(lambda: platform.http.options("/oauth/userinfo", headers=ASKING).status_code == 204)
    preflight = platform.http.options("/oauth/userinfo", headers=ASKING)
    assert preflight.headers["access-control-allow-headers"] == "authorization"
    for answer in (preflight, platform.http.get("/api/models", headers={"Origin": APP})):
        assert answer.headers["access-control-allow-origin"] == APP
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]
    other = platform.http.get("/api/models", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    platform.auth.down = True
    assert platform.http.options("/oauth/userinfo", headers=ASKING).status_code == 204  # the list stays in use
    platform.auth.down = False
    platform.auth.origins.clear()
    assert until(lambda: platform.http.options("/oauth/userinfo", headers=ASKING).status_code == 403)


def test_an_origin_of_the_settings_keeps_its_cookies(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.POLL_SECONDS", 0.05)
    platform = start(environment="production", allowed_origins=APP)
    platform.auth.origins.append(APP)
    answer = platform.http.get("/api/models", headers={"Origin": APP})
    assert answer.headers["access-control-allow-credentials"] == "true"

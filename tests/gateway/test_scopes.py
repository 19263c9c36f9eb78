"""The routes that tokens with scopes may use."""

import re

import pytest
from conftest import ROOT
from support.gateway import Platform, Start

from gateway.routes import TABLE, Access, Routes
from lightbox_shared.auth.api_keys import make
from lightbox_shared.auth.principal import Authority, Scope

P, C, A, H, R = Scope.PREDICT, Scope.COLLECT, Scope.ANNOTATE, Scope.HUB, Scope.READ
ANYTHING = frozenset(Scope)
WHOLE: frozenset[Scope] = frozenset()

AT_BOTH_PREFIXES = [
    ("GET", "/jobs", {A}),
    ("PUT", "/images/7", {A}),
    ("POST", "/labels", {A}),
    ("GET", "/label/7", {A}),
    ("POST", "/uploads/medical-images", {A}),
    ("GET", "/download", {A}),
    ("GET", "/accounts/performance/7", {A}),
    ("GET", "/self", ANYTHING),
    ("GET", "/Self", ANYTHING),
    ("POST", "/accounts", WHOLE),
    ("GET", "/accounts", WHOLE),
    ("PUT", "/accounts/7", WHOLE),
    ("DELETE", "/authorization", WHOLE),
    ("PATCH", "/authorization", WHOLE),
]
ROWS = [
    *AT_BOTH_PREFIXES,
    *((method, f"/api{path}", scopes) for method, path, scopes in AT_BOTH_PREFIXES),
    ("POST", "/api/assignments", {A}),
    ("GET", "/api/agreement", {A}),
    ("POST", "/api/exports", {A}),
    ("GET", "/api/schemes", {A}),
    ("GET", "/metrics", {R}),
    ("GET", "/api/models/queue", {R}),
    ("GET", "/api/chexray/user", {P}),
    ("POST", "/api/chexray/xray", {P}),
    ("POST", "/api/chexray/upload", {P}),
    ("POST", "/api/predictions", {P}),
    ("GET", "/api/predictions/7", {P}),
    ("DELETE", "/api/predictions/7", {P}),
    ("POST", "/admin/add/image", {H}),
    ("GET", "/admin/groups", {H}),
    ("GET", "/admin/onedrive/add-folder", {H}),
    ("GET", "/admin/onedrive/rename", {H}),
    ("GET", "/admin/onedrive/delete-folder", {H}),
    ("GET", "/admin/onedrive/upload-session", {H}),
    ("GET", "/image/page", {H}),
    ("GET", "/iiif/3/1/info.json", {H}),
    ("POST", "/api/gallery/groups", {H}),
    ("POST", "/collections/images", {C}),
    ("GET", "/collections/images", {C}),
    ("DELETE", "/collections/images/7", WHOLE),
    ("GET", "/api/devices/retention", {C}),
    ("PUT", "/api/devices/retention", WHOLE),
    ("GET", "/auth", ANYTHING),
    ("GET", "/api/sessions", WHOLE),
    ("POST", "/api/keys", WHOLE),
    ("GET", "/api/audit", WHOLE),
    ("POST", "/api/passkeys", WHOLE),
    ("GET", "/api/oauth/consents", WHOLE),
    ("POST", "/api/oauth/clients", WHOLE),
    ("GET", "/oauth/authorize", WHOLE),
    ("POST", "/oauth/sign-in", WHOLE),
    ("POST", "/oauth/consent", WHOLE),
    ("GET", "/oauth/logout", WHOLE),
    ("POST", "/oauth/sign-out", WHOLE),
    ("GET", "/oauth/userinfo", WHOLE),
]


def test_the_page_on_front_ends() -> None:
    """Its table has the paths of each scope, and none is missing."""
    page = (ROOT / "docs" / "front-ends.md").read_text().partition("## Scopes")[2]
    opened = {"/oauth/userinfo", "/self", "/Self", "/auth"}
    for scope in Scope:
        (row,) = re.findall(rf"^\| `{scope}` \| (.*) \|$", page, re.MULTILINE)
        paths = re.findall(r"`(?:GET )?(/(?!api`)[^`]*)`", row)
        opened.update(paths)
        for path in paths:
            route = Routes().find(path, "GET")
            assert route is not None
            assert route.scopes == {scope}, path
    rows = (route.prefix.removeprefix("/api") for route in TABLE if route.scopes)
    assert {f"{each}/".split("/")[1] for each in rows} <= {each.removeprefix("/api").split("/")[1] for each in opened}


@pytest.mark.parametrize(("method", "path", "scopes"), ROWS)
def test_the_table(method: str, path: str, scopes: frozenset[Scope]) -> None:
    route = Routes().find(path, method)
    assert route is not None
    assert route.scopes == frozenset(scopes)


def test_every_row_where_a_token_is_looked_at_is_in_this_list() -> None:
    routes = Routes()
    listed = {id(routes.find(path, method)) for method, path, _ in ROWS}
    assert [row for row in TABLE if row.access is not Access.PUBLIC and id(row) not in listed] == []


@pytest.fixture
def platform(start: Start) -> Platform:
    return start()


def status(platform: Platform, method: str, path: str, *, authority: Authority = Authority.DOCTOR, scope: str) -> int:
    token = platform.key.token(scope=scope, authority=int(authority))
    return platform.http.request(method, path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_scoped_token_on_each_kind_of_row(platform: Platform) -> None:
    def told(method: str, path: str) -> list[int]:
        return [status(platform, method, path, scope=scope) for scope in ("predict", "read", "collect", "", "admin")]

    assert told("POST", "/api/predictions") == [200, 403, 403, 403, 403]
    assert told("GET", "/api/predictions") == [200, 200, 403, 403, 403]
    assert told("HEAD", "/api/predictions") == [200, 200, 403, 403, 403]
    assert told("OPTIONS", "/api/predictions") == [200, 403, 403, 403, 403]
    assert told("GET", "/self") == [200, 200, 200, 403, 403]
    assert told("GET", "/api/sessions") == [403] * 5
    assert told("POST", "/accounts") == [403] * 5  # optional
    assert told("GET", "/api/models") == [200] * 5  # public
    assert status(platform, "GET", "/api/sessions", scope=" ".join(Scope)) == 403
    assert status(platform, "POST", "/api/audit", authority=Authority.ADMIN, scope="predict") == 403
    assert status(platform, "GET", "/metrics", authority=Authority.ADMIN, scope="read") == 200
    assert status(platform, "GET", "/metrics", authority=Authority.ADMIN, scope="predict") == 403
    assert status(platform, "GET", "/metrics", scope="read") == 403  # a scope does not make an administrator


def test_the_refusal_names_what_would_do(platform: Platform) -> None:
    def refused(path: str, scope: str) -> tuple[int, str, str]:
        answer = platform.http.get(path, headers={"Authorization": f"Bearer {platform.key.token(scope=scope)}"})
        return answer.status_code, answer.headers["www-authenticate"], answer.text

    code, challenge, body = refused("/api/predictions", "collect")
    assert (code, challenge) == (403, 'Bearer error="insufficient_scope", scope="predict"')
    assert '"type":"/problems/insufficient-scope"' in body
    assert refused("/api/sessions", "read")[:2] == (403, 'Bearer error="insufficient_scope"')
    assert refused("/jobs", "predict")[1:] == (
        'Bearer error="insufficient_scope", scope="annotate"',
        '{"message":"用户没有权限"}',
    )
    assert platform.service.seen == []


def test_a_key_is_held_to_its_scopes(platform: Platform) -> None:
    key = make(bytes(32))
    platform.auth.api_keys[key] = {"scope": "read"}
    assert platform.http.get("/api/predictions", headers={"X-API-Key": key}).status_code == 200
    assert platform.http.post("/api/predictions", headers={"X-API-Key": key}).status_code == 403
    assert platform.http.get("/api/keys", headers={"X-API-Key": key}).status_code == 403


def test_a_key_of_a_device_is_held_to_its_scopes_elsewhere(platform: Platform) -> None:
    key = make(bytes(32))
    platform.auth.api_keys[key] = {"scope": "collect read", "device_id": "12345"}
    assert platform.http.get("/api/predictions", headers={"X-API-Key": key}).status_code == 200
    assert platform.http.post("/api/predictions", headers={"X-API-Key": key}).status_code == 403


def test_the_collection_itself_says_whether_it_is_open(start: Start) -> None:
    """Credentials are optional, but invalid ones are refused. API keys can't delete pictures."""
    platform = start(services=("auth-service", "core-collection-service"))
    path, key = "/collections/images", make(bytes(32))
    platform.auth.api_keys[key] = {"scope": " ".join(Scope), "device_id": "12345", "authority": int(Authority.ADMIN)}
    admin = {"Authorization": f"Bearer {platform.key.token(authority=int(Authority.ADMIN))}"}

    def told(headers: dict[str, str]) -> list[int]:
        return [
            platform.http.request(method, path, headers=headers).status_code for method in ("GET", "POST", "DELETE")
        ]

    assert told({}) == [200, 200, 401]
    assert "authorization" not in platform.service.last.headers
    assert told({"Authorization": "Bearer x"}) == [401, 401, 401]
    assert told({"X-API-Key": key}) == [200, 200, 403]
    assert told(platform.bearer) == [200, 200, 403]
    assert told(admin) == [200, 200, 200]
    assert platform.http.get("/.well-known/core", headers={"Authorization": "Bearer x"}).status_code == 200
    assert [status(platform, "POST", path, scope=scope) for scope in ("collect", "read", "predict")] == [200, 403, 403]
    assert [status(platform, "GET", path, scope=scope) for scope in ("collect", "read", "predict")] == [200, 200, 403]


def test_a_claim_that_is_no_text_is_no_token(platform: Platform) -> None:
    token = platform.key.token(scope=["predict"])
    assert platform.http.get("/api/predictions", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_older_systems_refuse_in_their_own_shapes(platform: Platform) -> None:
    yelda = platform.http.get("/jobs")
    assert (yelda.status_code, yelda.content) == (401, '{"message":"用户未登录"}'.encode())
    assert platform.http.get("/self", headers={"Authorization": "Bearer x"}).content == yelda.content
    hub = platform.http.get("/auth")
    assert (hub.status_code, hub.json()) == (401, {"detail": "Authentication credentials were not provided."})
    assert hub.headers["www-authenticate"] == "Bearer"
    assert platform.http.get("/admin/groups", headers=platform.bearer).json() == {
        "detail": "You do not have permission to perform this action."
    }

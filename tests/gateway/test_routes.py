"""The routes: every documented path belongs to a service."""

import socket

import pytest
from support.gateway import Platform, Start

from gateway.routes import TABLE, Access, Rate, Routes

AUTH, INFERENCE = "auth-service", "inference-service"
IMAGEHUB, ANNOTATION, CORE = "imagehub-service", "annotation-service", "core-collection-service"
P, O, R, A = Access.PUBLIC, Access.OPTIONAL, Access.REQUIRED, Access.ADMIN  # noqa: E741

AT_BOTH_PREFIXES = [
    ("POST", "/authorization", AUTH, P),
    ("DELETE", "/authorization", AUTH, R),
    ("GET", "/self", AUTH, R),
    ("GET", "/Self", AUTH, R),
    ("GET", "/accounts", AUTH, R),
    ("POST", "/accounts", AUTH, O),
    ("PUT", "/accounts/7", AUTH, R),
    ("GET", "/accounts/performance/7", ANNOTATION, R),
    ("GET", "/jobs", ANNOTATION, R),
    ("PUT", "/jobs/7", ANNOTATION, R),
    ("GET", "/images/7", ANNOTATION, R),
    ("POST", "/labels", ANNOTATION, R),
    ("GET", "/label/7", ANNOTATION, R),
    ("POST", "/uploads/medical-images", ANNOTATION, R),
    ("GET", "/uploads/photos/x.png", ANNOTATION, R),
    ("GET", "/download", ANNOTATION, A),
]
CONTRACTS = [
    ("POST", "/api/chexray/signup", AUTH, P),
    ("POST", "/api/chexray/login", AUTH, P),
    ("GET", "/api/chexray/user", INFERENCE, R),
    ("POST", "/api/chexray/xray", INFERENCE, R),
    ("POST", "/api/chexray/upload", INFERENCE, R),
    ("POST", "/api/chexray/anonupload", INFERENCE, P),
    ("GET", "/api/chexray/media/abc.png", INFERENCE, P),
    ("GET", "/alive", INFERENCE, P),
    ("POST", "/predict", INFERENCE, P),
    ("POST", "/api/predictions", INFERENCE, R),
    ("GET", "/api/predictions/7", INFERENCE, R),
    ("DELETE", "/api/predictions/7", INFERENCE, R),
    ("GET", "/api/models", INFERENCE, P),
    ("GET", "/api/models/queue", INFERENCE, A),
    ("GET", "/api/models/queue/1", INFERENCE, P),
    ("GET", "/api/sessions", AUTH, R),
    ("DELETE", "/api/sessions/3", AUTH, R),
    ("GET", "/api/audit", AUTH, A),
    ("GET", "/api/passkeys", AUTH, R),
    ("DELETE", "/api/passkeys/7", AUTH, R),
    ("POST", "/api/passkeys/sign-in", AUTH, P),
    ("POST", "/api/passkeys/sign-in/options", AUTH, P),
    ("GET", "/.well-known/jwks.json", AUTH, P),
    ("GET", "/.well-known/oauth-authorization-server", AUTH, P),
    ("GET", "/.well-known/openid-configuration", AUTH, P),
    ("GET", "/oauth/authorize", AUTH, O),
    ("POST", "/oauth/authorize", AUTH, P),
    ("POST", "/oauth/sign-in", AUTH, O),
    ("POST", "/oauth/consent", AUTH, O),
    ("GET", "/oauth/static/page.css", AUTH, P),
    ("GET", "/oauth/logout", AUTH, O),
    ("POST", "/oauth/logout", AUTH, P),
    ("POST", "/oauth/sign-out", AUTH, O),
    ("GET", "/oauth/userinfo", AUTH, R),
    ("GET", "/api/oauth/consents", AUTH, R),
    ("POST", "/api/oauth/clients", AUTH, A),
    ("POST", "/oauth/token", AUTH, P),
    ("POST", "/oauth/revoke", AUTH, P),
    ("POST", "/oauth/introspect", AUTH, P),
    ("GET", "/.well-known/core", CORE, P),
    ("GET", "/collections", CORE, O),
    ("POST", "/collections/images", CORE, O),
    ("GET", "/collections/images", CORE, O),
    ("GET", "/collections/devices", CORE, O),
    ("DELETE", "/collections/images/7", CORE, A),
    ("GET", "/api/devices/retention", CORE, O),
    ("HEAD", "/api/devices/retention", CORE, O),
    ("PUT", "/api/devices/retention", CORE, A),
    ("DELETE", "/api/devices/retention", CORE, A),
    ("POST", "/api/devices/retention/preview", CORE, A),
    ("GET", "/api/devices/retention/rules", CORE, A),
    ("GET", "/login", AUTH, P),
    ("POST", "/login", AUTH, P),
    ("GET", "/auth", AUTH, R),
    ("POST", "/admin/auth/code", IMAGEHUB, A),
    ("GET", "/admin/onedrive/connect", IMAGEHUB, A),
    ("GET", "/admin/onedrive/add-folder", IMAGEHUB, A),
    ("GET", "/admin/onedrive/rename", IMAGEHUB, A),
    ("GET", "/admin/onedrive/delete-folder", IMAGEHUB, A),
    ("GET", "/admin/onedrive/upload-session", IMAGEHUB, A),
    ("POST", "/admin/add/image", IMAGEHUB, A),
    ("GET", "/admin/groups", IMAGEHUB, A),
    ("GET", "/image", IMAGEHUB, O),
    ("GET", "/image/page", IMAGEHUB, O),
    ("GET", "/image/total-page", IMAGEHUB, O),
    ("PUT", "/image/upload-sessions/x", IMAGEHUB, P),
    ("GET", "/image/shared/x", IMAGEHUB, P),
    ("POST", "/image/shared/x", IMAGEHUB, P),
    ("GET", "/iiif/3/1/info.json", IMAGEHUB, O),
    ("GET", "/api/gallery/groups", IMAGEHUB, A),
    ("GET", "/", ANNOTATION, P),
    *AT_BOTH_PREFIXES,
    *((method, f"/api{path}", service, access) for method, path, service, access in AT_BOTH_PREFIXES),
    ("POST", "/api/assignments", ANNOTATION, R),
    ("POST", "/api/assignments/next", ANNOTATION, R),
    ("PUT", "/api/jobs/7/draft", ANNOTATION, R),
    ("POST", "/api/images/7/suggestions", ANNOTATION, R),
    ("GET", "/api/agreement", ANNOTATION, R),
    ("POST", "/api/exports", ANNOTATION, A),
    ("GET", "/api/exports/7", ANNOTATION, A),
    ("GET", "/api/schemes", ANNOTATION, R),
]


@pytest.mark.parametrize(("method", "path", "service", "access"), CONTRACTS)
def test_every_path_of_the_contracts_is_routed(method: str, path: str, service: str, access: Access) -> None:
    routes = Routes()
    for written in (path, path.rstrip("/") + "/"):
        route = routes.find(written, method)
        assert route is not None
        assert (route.service, route.access) == (service, access)


def test_every_row_is_needed_by_a_contract_or_is_our_own() -> None:
    routes = Routes()
    others = [("PATCH", "/authorization"), ("PATCH", "/api/authorization"), ("GET", "/api/keys")]
    used = {id(routes.find(path, method)) for method, path in [*(row[:2] for row in CONTRACTS), *others]}
    assert [row for row in TABLE if id(row) not in used and row.service != "gateway"] == []


def test_the_row_with_the_most_segments_wins_on_whole_segments() -> None:
    routes = Routes()
    for path in (
        "/alivex",
        "/apixyz",
        "/api",
        "/api/chexray",
        "/oauth",
        "/internal",
        "/internal/revocations",
        "/labelx",
        "/v2/health/ready",
    ):
        assert routes.find(path, "GET") is None
    assert routes.find("/.well-known/core/x", "GET") is None  # exact
    assert routes.find("/predict/a/b/c/d/e/f/g/h", "POST") is not None


def test_what_can_be_guessed_or_computed_by_strangers_is_limited() -> None:
    routes = Routes()
    expected = {
        ("POST", "/api/chexray/login"): Rate.SIGN_IN,
        ("POST", "/api/chexray/signup"): Rate.SIGN_IN,
        ("GET", "/login"): Rate.SIGN_IN,
        ("POST", "/authorization"): Rate.SIGN_IN,
        ("POST", "/oauth/token"): Rate.SIGN_IN,
        ("POST", "/oauth/sign-in"): Rate.SIGN_IN,
        ("POST", "/api/passkeys/sign-in"): Rate.SIGN_IN,
        ("POST", "/oauth/revoke"): Rate.READ,
        ("POST", "/oauth/introspect"): Rate.READ,
        ("POST", "/api/chexray/anonupload"): Rate.OPEN,
        ("POST", "/predict"): Rate.OPEN,
        ("POST", "/api/chexray/upload"): Rate.UPLOAD,
    }
    for (method, path), rate in expected.items():
        route = routes.find(path, method)
        assert route is not None
        assert route.rate is rate


def test_an_unknown_path_speaks_both_languages(platform: Platform) -> None:
    for path in ("/nothing", "/internal/revocations", "/api//models", "//api/models", "/api/models//x"):
        response = platform.http.get(platform.gateway.url + path)
        assert response.status_code == 404, path
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json() == {
            "type": "/problems/not-found",
            "title": "Not Found",
            "status": 404,
            "detail": f"There is no GET {path} here. The API is described at /docs, and for programs at /openapi.json.",
            "ERROR": "Not a valid endpoint, you only have /alive or /predict",
        }
    assert platform.service.seen == []


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/x?password=sesame99", "/x"),
        ("/%3Cscript%3E%22'", "/%3Cscript%3E%22%27"),
        ("/R%C3%B6ntgen/%E2%80%AE", "/R%C3%B6ntgen/%E2%80%AE"),
        ("/" + "x" * 300, "/" + "x" * 199 + "..."),
    ],
)
def test_what_was_asked_is_shown_safely(platform: Platform, target: str, shown: str) -> None:
    response = platform.http.put(platform.gateway.url + target)
    assert response.status_code == 404
    assert response.json()["detail"].startswith(f"There is no PUT {shown} here. ")
    assert "sesame99" not in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/alive/../internal/x",
        "/alive/%2e%2e/internal/x",
        "/alive/%2E%2e%2Finternal",
        "/alive/./x",
        "/alive/..",
        "/alive/%00",
        "/alive/a%5cb",
        "/alive/a\\b",
        "/alive/%0d%0aX-Evil:1",
        "/alive/%7f",
    ],
)
def test_a_path_with_two_meanings_is_refused(platform: Platform, path: str) -> None:
    with socket.create_connection(("127.0.0.1", platform.port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert platform.service.seen == []


@pytest.mark.parametrize("target", ["/alive%2Fx", "/alive/%2e%2ex", "/alive/%252e%252e/x", "/alive/a;b=c", "/%61live"])
def test_what_is_matched_is_what_is_forwarded(platform: Platform, target: str) -> None:
    assert platform.http.get(platform.gateway.url + target).status_code == 200
    assert platform.service.last.path == target.encode()


def test_odd_request_targets(platform: Platform) -> None:
    for target, status in (
        (b"http://elsewhere/alive", b"200"),
        (b"/caf\xc3\xa9", b"400"),
        (b"*", b"404"),
        (b"alive", b"400"),
    ):
        with socket.create_connection(("127.0.0.1", platform.port), timeout=5) as connection:
            connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        assert received[9:12] == status, target
    assert [seen.path for seen in platform.service.seen] == [b"/alive"]


def test_a_service_that_is_not_installed_is_named(start: Start) -> None:
    platform = start(services=("auth-service", "inference-service"))
    response = platform.http.get("/image/page")
    assert response.status_code == 503
    assert response.json()["detail"] == "imagehub-service is not part of this installation yet."
    assert "retry-after" in response.headers

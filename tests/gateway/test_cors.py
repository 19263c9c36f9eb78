"""Cross-origin resource sharing (CORS)."""

from typing import Any

import pytest
from pydantic import ValidationError
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, Start

from gateway.config import GatewaySettings

PAGE = "https://app.example"
ASKING = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, x-a",
}


@pytest.mark.parametrize("path", ["/api/predictions/7", "/images/7/", "/image/page", "/docs"])
def test_preflight_is_answered_for_every_path_of_the_table(platform: Platform, path: str) -> None:
    response = platform.http.options(path, headers=ASKING)
    assert response.status_code == 204
    headers = response.headers
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-credentials"] == "true"
    assert "PUT" in headers["access-control-allow-methods"]
    assert headers["access-control-allow-headers"] == "authorization, x-a"
    assert "Origin" in headers["vary"]
    assert platform.service.seen == []


@pytest.mark.parametrize("path", ["/nothing", "/api//models"])
def test_a_path_that_does_not_exist_is_404_for_pages_too(platform: Platform, path: str) -> None:
    """Without the answer to the preflight a page would be told of an error of the network."""
    assert platform.http.options(path, headers=ASKING).status_code == 204
    response = platform.http.put(path, headers={"Origin": PAGE})
    assert response.status_code == 404
    assert response.headers["access-control-allow-origin"] == PAGE


def test_pages_read_the_headers_that_they_need(platform: Platform) -> None:
    exposed = platform.http.get("/api/models", headers={"Origin": PAGE}).headers["access-control-expose-headers"]
    names = {name.strip().lower() for name in exposed.split(",")}
    assert names >= {"etag", "location", "link", "retry-after", "www-authenticate", "x-request-id", "allow"}


def test_options_without_an_origin_is_the_services_business(platform: Platform) -> None:
    assert platform.http.options("/api/models").status_code == 200
    assert platform.service.last.method == "OPTIONS"


@pytest.mark.parametrize("path", ["/api/models", "/api/predictions", "/nothing", "/healthz", "/images"])
def test_answers_and_refusals_can_be_read(platform: Platform, path: str) -> None:
    headers = platform.http.get(path, headers={"Origin": PAGE}).headers
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-credentials"] == "true"
    assert "X-Request-ID" in headers["access-control-expose-headers"]
    assert "Origin" in headers.get_list("vary", split_commas=True)


def test_answers_vary_by_origin_even_without_one(platform: Platform) -> None:
    assert platform.http.get("/api/models").headers["vary"] == "Origin"


def test_named_origins_only(start: Start) -> None:
    platform = start(allowed_origins=f"{PAGE}, http://localhost:3000")
    assert platform.http.get("/alive", headers={"Origin": PAGE}).headers["access-control-allow-origin"] == PAGE
    other = {**ASKING, "Origin": "https://evil.example"}
    assert platform.http.options("/alive", headers=other).status_code == 403
    assert "access-control-allow-origin" not in platform.http.get("/alive", headers=other).headers


def test_production_allows_none(start: Start) -> None:
    platform = start(environment="production")
    response = platform.http.get("/alive", headers={"Origin": PAGE})
    assert not {"access-control-allow-origin", "vary"} & response.headers.keys()


async def public_answer(_seen: Seen, _receive: Receive, send: Send) -> None:
    """Of a service that lets any page read, and would let it read with credentials as well."""
    headers = [(b"access-control-allow-origin", b"*"), (b"access-control-allow-credentials", b"true")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"picture"})


async def missing(_seen: Seen, _receive: Receive, send: Send) -> None:
    """Of a service that has nothing at the path, and says nothing about origins."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def start_with_pictures(start: Start, **settings: Any) -> Platform:
    """A platform whose imagehub-service is the fake one."""
    platform = start(services=("auth-service", "inference-service", "imagehub-service"), **settings)
    platform.service.behave = public_answer
    return platform


@pytest.mark.parametrize("path", ["/iiif/3/7/info.json", "/iiif/3/7/full/max/0/default.jpg", "/image/file/7"])
@pytest.mark.parametrize("settings", [{"environment": "production"}, {"allowed_origins": "https://other.example"}])
def test_pages_of_any_origin_read_what_the_service_calls_public(
    start: Start, path: str, settings: dict[str, str]
) -> None:
    platform = start_with_pictures(start, **settings)
    for headers in ({"Origin": PAGE}, {}, {"Origin": PAGE, "Cookie": "lightbox_session=x"}):
        response = platform.http.get(path, headers=headers)
        assert response.status_code == (401 if "Cookie" in headers else 200)  # the cookie is not valid
        assert response.headers.get_list("access-control-allow-origin") == ["*"]
        assert "access-control-allow-credentials" not in response.headers
        assert "ETag" in response.headers["access-control-expose-headers"]


def test_an_allowed_origin_is_named_and_not_answered_twice(start: Start) -> None:
    response = start_with_pictures(start).http.get("/iiif/3/7/info.json", headers={"Origin": PAGE})
    assert response.headers.get_list("access-control-allow-origin") == [PAGE]
    assert response.headers["access-control-allow-credentials"] == "true"


def test_a_service_opens_no_other_paths(start: Start) -> None:
    platform = start_with_pictures(start, environment="production")
    response = platform.http.get("/alive", headers={"Origin": PAGE})
    assert response.content == b"picture"
    assert "access-control-allow-origin" not in response.headers
    assert platform.http.options("/iiif/3/7/info.json", headers=ASKING).status_code == 403


@pytest.mark.parametrize("path", ["/iiif/3/7/info.json", "/image/page"])
def test_pages_of_any_origin_read_why_there_is_no_picture(start: Start, path: str) -> None:
    platform = start_with_pictures(start, environment="production")
    platform.service.behave = missing
    errors = [
        platform.http.get(path, headers={"Origin": PAGE}),
        platform.http.get(path, headers={"Origin": PAGE, "Authorization": "Bearer of-another-platform"}),
    ]
    without_the_service = start(environment="production")
    errors.append(without_the_service.http.get(path, headers={"Origin": PAGE}))
    assert [each.status_code for each in errors] == [404, 401, 503]
    for each in errors:
        assert each.headers.get_list("access-control-allow-origin") == ["*"]
        assert "access-control-allow-credentials" not in each.headers
        assert "Retry-After" in each.headers["access-control-expose-headers"]


def test_errors_of_changes_and_of_other_paths_stay_private(start: Start) -> None:
    platform = start_with_pictures(start, environment="production")
    platform.service.behave = missing
    for method, path in (("POST", "/image/page"), ("GET", "/alive"), ("GET", "/admin/folders"), ("GET", "/nothing")):
        response = platform.http.request(method, path, headers={"Origin": PAGE})
        assert response.status_code in {401, 404}
        assert "access-control-allow-origin" not in response.headers, path


def test_private_answers_stay_private(start: Start) -> None:
    platform = start_with_pictures(start, environment="production")
    platform.service.behave = None
    response = platform.http.get("/iiif/3/7/info.json", headers={"Origin": PAGE})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_SERVICES", "auth-service, core-collection-service")
    monkeypatch.setenv("LIGHTBOX_ALLOWED_ORIGINS", "https://a.example,https://b.example")
    monkeypatch.setenv("LIGHTBOX_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    monkeypatch.setenv("LIGHTBOX_RATE_READ", "100 per 5 minutes")
    monkeypatch.setenv("LIGHTBOX_PORT", "9000")
    settings = GatewaySettings()
    assert settings.addresses == {
        "auth-service": "http://127.0.0.1:9001",
        "core-collection-service": "http://127.0.0.1:9005",
    }
    assert settings.origins == {"https://a.example", "https://b.example"}
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert str(settings.rate_read) == "100 per 5 minute"
    monkeypatch.setenv("LIGHTBOX_SERVICES", "auth-service,ai-service")
    with pytest.raises(ValidationError, match="ai-service"):
        GatewaySettings()

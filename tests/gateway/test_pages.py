"""What the gateway answers itself."""

import asyncio

import httpx
import pytest
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, Start, until

from gateway.descriptions import DISCLAIMER
from lightbox_shared.auth.principal import Authority


def test_health(platform: Platform) -> None:
    for path in ("/healthz", "/healthz/"):
        response = platform.http.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert platform.http.head("/healthz").status_code == 200
    assert platform.http.post("/healthz").status_code == 405


async def test_readiness(platform: Platform) -> None:
    async with platform.client() as http:

        async def ask() -> httpx.Response:
            return await http.get("/readyz")

        response = await ask()
        assert response.status_code == 200
        assert response.json() == {
            "status": "ready",
            "services": {
                "auth-service": "ok",
                "inference-service": "ok",
                "core-collection-service": "not installed",
            },
            "checks": {"revocations": "ok"},
        }
        platform.auth.ready = False
        await asyncio.sleep(1.1)  # the answer is kept for a second
        response = await ask()
        assert (response.status_code, response.json()["services"]["auth-service"]) == (503, "NotReady")


def test_not_ready_without_the_list_of_revocations(start: Start) -> None:
    response = start(auth_service_url="http://127.0.0.1:9").http.get("/readyz")
    assert response.status_code == 503
    assert response.json()["services"]["auth-service"] == "ConnectError"
    assert response.json()["checks"] == {"revocations": "Unavailable"}


def test_metrics_are_for_administrators(start: Start) -> None:
    platform = start(metrics_token="scrape-me")
    platform.http.get("/api/models/7")
    assert platform.http.get("/metrics").status_code == 401
    assert platform.http.get("/metrics", headers=platform.bearer).status_code == 403
    admin = platform.key.token(authority=int(Authority.ADMIN))
    for token in (admin, "scrape-me"):
        response = platform.http.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 200
        assert 'lightbox_http_requests_total{method="GET",route="/api/models",status="200"} 1.0' in response.text


def test_an_empty_metrics_token_opens_nothing(platform: Platform) -> None:
    for value in ("Bearer", "Bearer ", "bearer x"):
        assert platform.http.get("/metrics", headers={"Authorization": value.strip()}).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/api/predictions", "/docs"])
def test_security_headers(platform: Platform, path: str) -> None:
    headers = platform.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_docs_work_without_the_internet(platform: Platform) -> None:
    page = platform.http.get("/docs/")
    assert page.status_code == 200
    assert DISCLAIMER in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    for part, kind in (
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/start.js", "text/javascript"),
    ):
        assert part in page.text
        assert platform.http.get(part).headers["content-type"].startswith(kind)
    assert platform.http.get("/docs/nothing").status_code == 404


async def test_a_client_that_leaves_is_counted_as_such(platform: Platform) -> None:
    async def behave(seen: Seen, receive: Receive, _send: Send) -> None:
        await receive()
        seen.disconnected = (await receive())["type"] == "http.disconnect"

    platform.service.behave = behave
    async with platform.client() as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/api/models", timeout=0.2)
        await until(lambda: platform.service.last.disconnected)
        admin = platform.key.token(authority=int(Authority.ADMIN))
        metrics = await http.get("/metrics", headers={"Authorization": f"Bearer {admin}"})
    assert 'lightbox_http_requests_total{method="GET",route="/api/models",status="0"} 1.0' in metrics.text

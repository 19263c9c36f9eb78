"""The paths that the gateway answers itself."""

import asyncio
from io import BytesIO

import httpx
import pytest
from anyio import wait_all_tasks_blocked
from PIL import Image
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, Start, until

from gateway.descriptions import DISCLAIMER
from gateway.readiness import Readiness
from gateway.routes import INFERENCE, PUBLIC, Route, Routes
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
                "imagehub-service": "not installed",
                "annotation-service": "not installed",
                "core-collection-service": "not installed",
            },
            "checks": {"revocations": "ok"},
        }
        platform.auth.ready = False
        response = await ask()
        assert (response.status_code, response.json()["services"]["auth-service"]) == (503, "NotReady")


def test_a_service_that_works_in_part_takes_nothing_away(platform: Platform) -> None:
    """As long as its answer is 200, nobody who asks for readiness stops sending requests to it or to the gateway."""
    platform.service.readiness = b'{"status":"degraded","checks":{"database":"ok","disk":"no room for pictures"}}'
    response = platform.http.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["services"]["inference-service"] == "disk: no room for pictures"
    platform.auth.ready = False
    response = platform.http.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not ready")


async def test_an_answer_about_readiness_is_never_older_than_its_question() -> None:
    """Simultaneous requests share one round of checks, and each is answered by a round that began after it."""
    rounds: list[asyncio.Event] = []

    async def check() -> None:
        rounds.append(asyncio.Event())
        await rounds[-1].wait()
        if len(rounds) == 2:
            raise ConnectionError

    readiness = Readiness({"service": check})

    async def ask() -> str:
        return (await readiness.results()).results["service"]

    first = asyncio.create_task(ask())
    await wait_all_tasks_blocked()
    later = [asyncio.create_task(ask()) for _ in range(5)]  # the service ends during the first round
    await wait_all_tasks_blocked()
    assert len(rounds) == 1
    rounds[0].set()
    assert await first == "ok"
    await wait_all_tasks_blocked()
    rounds[1].set()
    assert [await each for each in later] == ["ConnectionError"] * 5
    assert len(rounds) == 2
    given_up = asyncio.create_task(ask())
    await wait_all_tasks_blocked()
    patient = asyncio.create_task(ask())
    given_up.cancel()
    await wait_all_tasks_blocked()
    rounds[-1].set()
    assert await patient == "ok"
    assert len(rounds) == 4


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


BROWSERS = [
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "text/html, application/xhtml+xml, application/xml; q=0.9, */*; q=0.8",
    "application/json;q=0.5, text/html",
]


@pytest.mark.parametrize("accept", BROWSERS)
def test_a_browser_at_the_bare_address_is_sent_to_the_description(platform: Platform, accept: str) -> None:
    for method in ("GET", "HEAD"):
        response = platform.http.request(method, "/", headers={"Accept": accept})
        assert (response.status_code, response.headers["location"]) == (307, "/docs")
        assert "Accept" in response.headers["vary"].split(", ")
        assert response.headers["cache-control"] == "no-store"
    assert platform.http.get("/", headers={"Accept": accept}, follow_redirects=True).url.path == "/docs"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0.5, application/json", "text/*", ""])
def test_a_program_at_the_bare_address_is_told_what_is_missing(platform: Platform, accept: str | None) -> None:
    del platform.http.headers["accept"]
    response = platform.http.get("/", headers={} if accept is None else {"Accept": accept})
    assert (response.status_code, response.headers["retry-after"]) == (503, "3600")
    assert response.headers["content-type"] == "application/problem+json"
    sentence = (
        "annotation-service, which answers this path, is not part of this installation. "
        "The API is described at /docs, and for programs at /openapi.json."
    )
    assert response.json() == {
        "type": "/problems/unavailable",
        "title": "Service Unavailable",
        "status": 503,
        "detail": sentence,
        "message": sentence,
    }


def test_the_bare_address_belongs_to_its_service_where_there_is_one(start: Start) -> None:
    routes = Routes([Route("/", INFERENCE, PUBLIC, exact=True)])
    response = start(routes).http.get("/", headers={"Accept": BROWSERS[0]})
    assert (response.status_code, response.json()) == (200, {"ok": True})


def test_other_paths_of_a_missing_service_are_unavailable(platform: Platform) -> None:
    for method, path in (("POST", "/"), ("GET", "/image/page")):
        response = platform.http.request(method, path, headers={"Accept": BROWSERS[0]})
        assert response.status_code == 503
        assert response.json()["detail"].endswith("is not part of this installation yet.")


def test_the_icon(platform: Platform) -> None:
    response = platform.http.get("/favicon.ico")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/vnd.microsoft.icon")
    assert response.headers["cache-control"] == "public, max-age=86400"
    with Image.open(BytesIO(response.content)) as icon:
        assert (icon.format, icon.size) == ("ICO", (16, 16))
        shown = icon.convert("RGBA")
    assert shown.getpixel((0, 0)) == (0, 0, 0, 0)
    assert shown.getpixel((1, 1)) == (0xE8, 0xF6, 0xFF, 0xFF)
    assert shown.getpixel((5, 0)) == (0x1F, 0x2B, 0x3A, 0xFF)


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

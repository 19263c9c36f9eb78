"""Who sees the gallery: whoever the setting lets, those with the key of a share what it opens, and nobody else."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import APIRouter
from support.asgi import WithState, client_of, running
from support.gallery import Gallery
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import SERVICE
from imagehub_service.dependencies import Visitor
from imagehub_service.visibility import Visibility
from lightbox_shared.auth.principal import Authority, Scope
from lightbox_shared.openapi import api_routes

ADDRESS_IS_CREDENTIAL = ("/image/shared/{secret}", "/image/upload-sessions/")
SAMPLES: dict[str, str] = defaultdict(
    lambda: "1", {"region": "full", "size": "max", "rotation": "0", "quality_format": "default.jpg", "format": "jpg"}
)
"""Values of path parameters by name, by default 1."""
QUERY = {"group": "1", "image_id": "1", "group_id": "1", "page": "1"}

probe = APIRouter()


@probe.get("/image/probe/{group_id}")
async def look_at_group(group_id: int, visitor: Visitor) -> dict[str, str | None]:
    """What every public path does."""
    visitor.check_may_see(group_id)
    return {"key": visitor.key}


@asynccontextmanager
async def gallery_of(make_settings: MakeHubSettings, key: Key, visibility: Visibility) -> AsyncIterator[Gallery]:
    app = replace(SERVICE, routers=(*SERVICE.routers, probe)).create_app(make_settings(gallery_visibility=visibility))
    async with running(app) as started:
        service = WithState(started.app, {**started.state, "tokens": verifier_of(key)})
        async with client_of(service) as client:
            yield Gallery.of(Hub(service, client, key))


@pytest.fixture
async def closed(make_settings: MakeHubSettings, signing_key: Key) -> AsyncIterator[Gallery]:
    """A gallery for signed-in accounts."""
    async with gallery_of(make_settings, signing_key, Visibility.ACCOUNTS) as gallery:
        yield gallery


def public_paths(gallery: Gallery) -> list[str]:
    """The paths that visitors read, each with values for its parameters."""
    templates = {
        route.path_format
        for route in api_routes(gallery.service.app, hidden=True)  # type: ignore[arg-type]
        if route.path_format.startswith(("/image", "/iiif")) and "GET" in (route.methods or ())
    }
    return sorted(each.format_map(SAMPLES) for each in templates if not each.startswith(ADDRESS_IS_CREDENTIAL))


async def look(gallery: Gallery, group: int, headers: dict[str, str] | None = None, **query: str) -> httpx.Response:
    return await gallery.hub.http.get(f"/image/probe/{group}", headers=headers, params=query)


async def key_of(gallery: Gallery, group: int, **fields: object) -> str:
    """The key of a new share."""
    made = await gallery.ok("POST", "/shares", {"group": group, **fields})
    key: str = (await gallery.hub.http.get(httpx.URL(made["link"]).path)).json()["key"]
    return key


async def test_every_public_path_is_closed_and_opens_for_an_account(closed: Gallery) -> None:
    await closed.hub.picture(await closed.group())
    account = closed.hub.headers(Authority.NONE)
    paths = public_paths(closed)
    assert "/image/probe/1" in paths
    for path in paths:
        answer = await closed.hub.http.get(path, params=QUERY)
        assert (path, answer.status_code) == (path, 401)
        assert "www-authenticate" in answer.headers
        opened = await closed.hub.http.get(path, params=QUERY, headers=account)
        assert opened.status_code < 500, path
        assert opened.status_code not in {401, 403}, path


async def test_a_key_opens_its_group_and_no_other(closed: Gallery) -> None:
    top, other = await closed.filled(1), await closed.filled(1)
    child = await closed.filled(1, parent=top)
    alone, whole = await key_of(closed, top), await key_of(closed, top, with_subgroups=True)
    for key, visible in ((alone, {top}), (whole, {top, child})):
        for group in (top, other, child, 999):
            answer = await look(closed, group, key=key)
            assert answer.status_code == (200 if group in visible else 404)
        assert (await look(closed, top, key=key)).json() == {"key": key}
    later = await closed.filled(1, parent=child)
    closed.clock.now += 2.1
    assert (await look(closed, later, key=whole)).status_code == 200
    assert (await look(closed, later, key=alone)).status_code == 404


async def test_every_public_path_refuses_a_key_of_nothing(closed: Gallery) -> None:
    await closed.filled(1)
    key = await key_of(closed, 1)
    signed_for_else = "WyIxLjEiLDE5MDAwMDAwMDBd.AAAA"
    for bad in (key[:-1], key[1:], f"{key}=", "", "x", ".", "é", "\0", signed_for_else, "x" * 500):
        assert (await look(closed, 1, key=bad)).status_code == 401
    assert (await look(closed, 1, key="x" * 501)).status_code == 422


async def test_an_account_sees_everything_also_with_a_key(closed: Gallery) -> None:
    one, two = await closed.filled(1), await closed.filled(1)
    key = await key_of(closed, one)
    account = closed.hub.headers(Authority.GUEST)
    for group in (one, two):
        answer = await look(closed, group, account, key=key)
        assert (answer.status_code, answer.json()) == (200, {"key": None})


async def test_accounts_that_wait_for_approval(make_settings: MakeHubSettings, signing_key: Key) -> None:
    async with gallery_of(make_settings, signing_key, Visibility.APPROVED) as gallery:
        group, other = await gallery.filled(1), await gallery.filled(1)
        waiting, approved = gallery.hub.headers(Authority.NONE), gallery.hub.headers(Authority.GUEST)
        assert (await look(gallery, group)).status_code == 401
        assert (await look(gallery, group, waiting)).status_code == 403
        assert (await look(gallery, group, approved)).status_code == 200
        key = await key_of(gallery, group)
        assert (await look(gallery, group, waiting, key=key)).status_code == 200
        assert (await look(gallery, other, waiting, key=key)).status_code == 404


async def test_a_public_gallery_is_open(make_settings: MakeHubSettings, signing_key: Key) -> None:
    async with gallery_of(make_settings, signing_key, Visibility.PUBLIC) as gallery:
        await gallery.hub.picture(await gallery.group())
        for path in public_paths(gallery):
            answer = await gallery.hub.http.get(path, params={**QUERY, "key": "x"})
            assert answer.status_code not in {401, 403}, path
            assert answer.status_code < 500, path
        bad = {"Authorization": "Bearer x"}
        assert (await look(gallery, 1, bad)).status_code == 401


async def test_management_is_for_administrators(hub: Hub) -> None:
    """Every path below `/api/gallery` and `/admin`."""
    app = hub.service.app
    guarded = [
        (method, route.path_format.format_map(SAMPLES))
        for route in api_routes(app, hidden=True)  # type: ignore[arg-type]
        if route.path_format.startswith(("/api/gallery/", "/admin/"))
        for method in sorted(route.methods or ())
    ]
    assert ("DELETE", "/api/gallery/shares/1") in guarded
    others = [hub.headers(each) for each in Authority if each is not Authority.ADMIN]
    scoped = hub.headers(Authority.ADMIN, scope=Scope.PREDICT.value)
    for method, path in guarded:
        for headers, status in (({}, 401), *((each, 403) for each in others), (scoped, 403)):
            answer = await hub.http.request(method, path, headers=headers, json={})
            assert (method, path, answer.status_code) == (method, path, status)
    hub_scope = hub.headers(Authority.ADMIN, scope=Scope.HUB.value)
    assert (await hub.http.get("/api/gallery/groups", headers=hub_scope)).status_code == 200


@pytest.mark.parametrize(
    ("environment", "expected"), [("development", Visibility.PUBLIC), ("production", Visibility.ACCOUNTS)]
)
def test_who_sees_it_by_default(make_settings: MakeHubSettings, environment: str, expected: Visibility) -> None:
    assert make_settings(environment=environment).visibility is expected

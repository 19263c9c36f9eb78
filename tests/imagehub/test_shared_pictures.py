"""Pictures of a shared group by their addresses: the key is enough for them, and for no others, until it is revoked."""

from collections.abc import Mapping

import httpx
import pytest
from support import pictures
from support.asgi import WithState, client_of, running
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import create_app
from imagehub_service.visibility import Visibility
from lightbox_shared.audit import Actor, Detail
from lightbox_shared.auth.principal import Authority


class Silent:
    """An audit trail whose entries are dropped."""

    async def record(self, action: str, actor: Actor, address: str | None, details: Mapping[str, Detail]) -> None:
        pass


def paths(picture_id: int, key: str) -> list[str]:
    return [
        f"/image/file/{picture_id}?key={key}",
        f"/image/file/{picture_id}?w=20&key={key}",
        f"/iiif/3/{picture_id}~{key}/full/20,/0/default.jpg",
        f"/iiif/3/{picture_id}~{key}/info.json",
    ]


async def statuses(http: httpx.AsyncClient, picture_id: int, key: str) -> list[int]:
    """Each address is asked for twice, the second time from memory where it was kept."""
    return [(await http.get(path)).status_code for path in paths(picture_id, key) for _ in range(2)]


@pytest.mark.parametrize("visibility", [Visibility.ACCOUNTS, Visibility.APPROVED])
async def test_by_the_key_of_a_share(make_settings: MakeHubSettings, signing_key: Key, visibility: Visibility) -> None:
    async with running(create_app(make_settings(gallery_visibility=visibility))) as app:
        service = WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})
        async with client_of(service) as http:
            hub = Hub(service, http, signing_key)
            hub.services.shares._audit = Silent()
            shared, other = [await hub.picture(await hub.group(), pictures.png()) for _ in range(2)]
            created = await http.post("/api/gallery/shares", json={"group": shared.group_id}, headers=hub.admin)
            assert created.status_code == 201, created.text
            key = (await http.get(created.json()["link"])).json()["key"]

            doctor = hub.headers(Authority.DOCTOR)
            for path in paths(shared.id, key):  # asked for by an account first
                assert "access-control-allow-origin" not in (await http.get(path, headers=doctor)).headers
            assert await statuses(http, shared.id, key) == [200] * 8
            assert await statuses(http, other.id, key) == [404] * 8
            assert await statuses(http, shared.id, "x" + key) == [401] * 8
            for path in paths(shared.id, key):
                answer = await http.get(path)
                assert answer.headers["access-control-allow-origin"] == "*"
                assert answer.headers["cache-control"].startswith("private")
            described = (await http.get(f"/iiif/3/{shared.id}~{key}/info.json")).json()
            assert described["id"].endswith(f"/iiif/3/{shared.id}~{key}")

            revoked = await http.delete(created.headers["location"], headers=hub.admin)
            assert revoked.status_code == 204
            assert await statuses(http, shared.id, key) == [401] * 8

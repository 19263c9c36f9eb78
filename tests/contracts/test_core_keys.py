"""A platform whose collection requires keys, as in production: through the gateway, with keys of the API."""

from collections.abc import Iterator

import httpx
import pytest
from support.collection import AT, IMAGES, document
from support.yelda_client import Headers, bearer

from lightbox.run.platform import Platform


@pytest.fixture
def http(closed_platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=closed_platform.url, timeout=60) as client:
        yield client


def test_devices_send_with_keys_of_their_own(closed_platform: Platform, http: httpx.Client) -> None:
    password = (closed_platform.data_dir / "admin-password").read_text().strip()
    signed_in = http.post("/authorization", json={"username": "admin", "password": password})
    admin = bearer(signed_in.json()["access_token"])
    http.cookies.clear()

    def key(**wanted: object) -> Headers:
        made = http.post("/api/keys", json={"name": "a key", **wanted}, headers=admin)
        assert made.status_code == 201, made.text
        return {"X-API-Key": made.json()["key"]}

    camera = key(scopes=["collect"], device_id="12345")
    other = key(scopes=["collect"], device_id="67890")
    viewer, stranger = key(scopes=["read"]), key(scopes=["predict"])

    def send(headers: Headers) -> int:
        return http.post(IMAGES, json=document(), headers=headers).status_code

    def look(headers: Headers) -> int:
        return http.get(IMAGES, params=AT, headers=headers).status_code

    assert [send(headers) for headers in ({}, other, viewer, stranger)] == [401, 403, 403, 403]
    assert (look(admin), send(camera), send(camera)) == (404, 201, 200)
    for _ in range(2):  # the second time from memory
        assert [look(headers) for headers in (camera, viewer, admin)] == [200, 200, 200]
        assert [look(headers) for headers in ({}, other, stranger)] == [401, 403, 403]
    everything = {"from": "2024-01-01T00:00:00Z"}
    lists = [http.get(IMAGES, params=everything, headers=headers).status_code for headers in (viewer, camera, {})]
    assert lists == [200, 403, 401]
    assert [http.get(path).status_code for path in ("/.well-known/core", "/collections")] == [200, 200]
    assert [http.delete(IMAGES, params=AT, headers=headers).status_code for headers in (camera, viewer)] == [403, 403]
    assert http.delete(IMAGES, params=AT, headers=admin).status_code == 204
    assert look(viewer) == 404

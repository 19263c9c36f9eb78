"""Without room for pictures: what keeps one is 507 in its system's form, and what keeps none goes on."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text
from support import pictures
from support.asgi import WithState
from support.databases import FreshDatabase
from support.gateway import Key
from support.inference import WITH_MAPS, account_headers, running_inference, service_headers

from inference_service.renditions.models import Rendition
from lightbox_shared.database import Database
from lightbox_shared.storage.disk_space import DiskSpace

NO_ROOM = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
"""
ON_RENDITIONS = "CREATE TRIGGER no_room BEFORE INSERT ON renditions EXECUTE FUNCTION no_room()"
FILE = {"file": ("x.png", pictures.png(300, 200))}


@pytest.fixture
async def service(fresh_database: FreshDatabase, tmp_path: Path, key: Key) -> AsyncIterator[WithState]:
    async with running_inference(fresh_database("inference_service"), tmp_path, key, chexray_model=WITH_MAPS) as app:
        yield app


@pytest.fixture
async def http(client: httpx.AsyncClient, key: Key) -> httpx.AsyncClient:
    client.headers.update(account_headers(key, 7))
    return client


async def upload(http: httpx.AsyncClient, path: str = "upload") -> httpx.Response:
    return await http.post(f"/api/chexray/{path}", data={"title": "x"}, files={"image": FILE["file"]})


async def test_a_reserve(http: httpx.AsyncClient, service: WithState, key: Key) -> None:
    kept = (await upload(http)).json()
    space: DiskSpace = service.state["disk_space"]
    space._reserve = 10**18
    for path in ("upload", "anonupload"):
        refused = await upload(http, path)
        assert (refused.status_code, set(refused.json())) == (507, {"detail"})
    prediction = await http.post("/api/predictions", data={"model": WITH_MAPS}, files=FILE)
    assert (prediction.status_code, prediction.json()["type"]) == (507, "/problems/insufficient-storage")
    # Neither keeps the picture.
    assert (await http.post("/predict", files=FILE)).status_code == 200
    fields = {"model": WITH_MAPS, "account_id": "7"}
    headers = service_headers(key)
    assert (await http.post("/internal/predictions", data=fields, files=FILE, headers=headers)).status_code == 201
    assert (await http.get(kept["image_url"])).content == FILE["file"][1]
    assert (await http.get(kept["heatmap_image"])).status_code == 200


async def test_a_rendition_is_shown_though_it_can_not_be_kept(http: httpx.AsyncClient, database: Database) -> None:
    kept = (await upload(http)).json()
    async with database.autocommit() as connection:
        await connection.execute(text(NO_ROOM))
        await connection.execute(text(ON_RENDITIONS))
    shown = await http.get(kept["heatmap_image"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Rendition)) == 0

"""`DELETE /api/predictions/{prediction_id}`: who may, and what goes with a prediction."""

from collections import Counter
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import Table, func, select, text
from support import pictures
from support.asgi import WithState
from support.gateway import Key
from support.inference import MODEL, WITH_MAPS, account_headers, service_headers

from inference_service.blob_references import BLOB_REFERENCES
from inference_service.orm import ANONYMOUS, BLOBS, Base
from inference_service.predictions.models import Prediction, PredictionLabel
from inference_service.predictions.service import Predictor
from inference_service.renditions.models import Rendition
from inference_service.renditions.service import LoadPicture
from inference_service.retention.service import AnonymousRetention
from inference_service.xrays.models import XRay
from lightbox_shared.anonymous_storage import repository as anonymous_storage
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from lightbox_shared.storage.unused_blobs import UnusedBlobs

LABEL = {"fields": {}, "scheme": "x/1", "source_id": 1, "labelled_at": "2026-01-01T00:00:00Z"}


@pytest.fixture
async def http(client: httpx.AsyncClient, key: Key) -> httpx.AsyncClient:
    client.headers.update(account_headers(key, 7))
    return client


@pytest.fixture
def administrator(key: Key) -> dict[str, str]:
    return account_headers(key, 2, authority=Authority.ADMIN)


async def predict(http: httpx.AsyncClient, data: bytes = b"", model: str = WITH_MAPS) -> str:
    """The path of a new prediction."""
    sent = {"file": ("x", data or pictures.png())}
    answer = await http.post("/api/predictions", data={"model": model, "title": "chest"}, files=sent)
    assert answer.status_code == 201, answer.text
    return f"/api/predictions/{answer.json()['id']}"


async def upload(http: httpx.AsyncClient, path: str = "upload") -> Any:
    answer = await http.post(f"/api/chexray/{path}", data={"title": "PA"}, files={"image": ("x", pictures.png())})
    assert answer.status_code == 201
    return answer.json()


async def newest(database: Database) -> str:
    """The path of the newest prediction of all accounts."""
    async with database.reading() as session:
        return f"/api/predictions/{await session.scalar(select(func.max(Prediction.id)))}"


async def counts(database: Database, *tables: type[Base] | Table) -> list[int]:
    async with database.reading() as session:
        return [int(await session.scalar(select(func.count()).select_from(each)) or 0) for each in tables]


async def sweep(service: WithState) -> int:
    """Delete the unused blobs now, which the service does every hour."""
    services = service.state["services"]
    return (await UnusedBlobs(services.database, services.blobs, BLOB_REFERENCES).delete()).blobs


async def test_it_is_gone_for_good_with_its_picture_and_heatmap(
    http: httpx.AsyncClient, service: WithState, database: Database
) -> None:
    path = await predict(http)
    other = await predict(http, pictures.png(40, 30))
    for each in (path, other):
        assert (await http.get(f"{each}/heatmap")).status_code == 200
    assert await counts(database, BLOBS, Rendition) == [4, 2]
    answer = await http.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for part in ("", "/picture", "/heatmap", "/picture/values"):
        assert (await http.get(path + part)).status_code == 404
    assert (await http.delete(path)).status_code == 404
    for query in ({}, {"title": "chest"}, {"model": WITH_MAPS}):
        listed = (await http.get("/api/predictions", params=query)).json()["predictions"]
        assert [f"/api/predictions/{each['id']}" for each in listed] == [other]
    assert await sweep(service) == 2
    assert await counts(database, BLOBS, Rendition) == [2, 1]
    assert (await http.get(f"{other}/heatmap")).status_code == 200


async def test_a_picture_that_another_prediction_has_stays(
    http: httpx.AsyncClient, service: WithState, key: Key
) -> None:
    mine = await predict(http)
    others = account_headers(key, 8)
    answer = await http.post(
        "/api/predictions", data={"model": MODEL}, files={"file": ("x", pictures.png())}, headers=others
    )
    assert (await http.delete(mine)).status_code == 204
    assert await sweep(service) == 0
    kept = await http.get(answer.json()["picture"], headers=others)
    assert kept.content == pictures.png()


async def test_a_page_goes_on_behind_what_was_deleted(http: httpx.AsyncClient) -> None:
    paths = [await predict(http, model=MODEL) for _ in range(4)]
    first = (await http.get("/api/predictions?limit=2")).json()
    for each in paths[1:3]:  # the one on which the next page begins, and the one before
        assert (await http.delete(each)).status_code == 204
    rest = (await http.get("/api/predictions", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [f"/api/predictions/{each['id']}" for each in rest["predictions"]] == paths[:1]
    assert rest["next_cursor"] is None


async def test_the_xray_goes_with_its_prediction(
    http: httpx.AsyncClient, service: WithState, database: Database
) -> None:
    first, second = [await upload(http) for _ in range(2)]
    assert (await http.get(first["heatmap_image"])).status_code == 200
    prediction = (await http.post("/api/chexray/xray", json={"xray_id": first["id"]})).headers.get_list("link")[1]
    assert (await http.delete(prediction.partition(">")[0].removeprefix("<"))).status_code == 204
    past = select(XRay.id).where(XRay.account_id == 7)
    async with database.reading() as session:
        assert list(await session.scalars(past)) == [second["id"]]
    gone = await http.post("/api/chexray/xray", json={"xray_id": first["id"]})
    assert (gone.status_code, gone.json()) == (404, {"detail": "Not found."})
    for link in ("image", "heatmap_image"):
        assert (await http.get(first[link])).status_code == 404
    assert (await http.get(second["image"])).status_code == 200
    assert await sweep(service) == 0


async def test_the_ground_truth_goes_too_and_none_comes_after(
    http: httpx.AsyncClient, key: Key, database: Database
) -> None:
    path = await predict(http)
    told = path.replace("/api", "/internal") + "/label"
    assert (await http.put(told, json=LABEL, headers=service_headers(key))).status_code == 204
    assert (await http.delete(path)).status_code == 204
    assert await counts(database, Prediction, PredictionLabel) == [0, 0]
    assert (await http.put(told, json=LABEL, headers=service_headers(key))).status_code == 404


async def test_those_of_others_are_not_there_but_for_administrators(
    http: httpx.AsyncClient, key: Key, administrator: dict[str, str]
) -> None:
    path = await predict(http)
    of_a_key = account_headers(key, 2, authority=Authority.ADMIN, scope="predict")
    for headers in (account_headers(key, 8), account_headers(key, 8, authority=Authority.EXPERT), of_a_key):
        assert (await http.delete(path, headers=headers)).status_code == 404
    del http.headers["authorization"]
    assert (await http.delete(path)).status_code == 401
    assert (await http.delete(path, headers=service_headers(key))).status_code == 401
    assert (await http.get(path, headers=account_headers(key, 7))).status_code == 200
    assert (await http.delete(path, headers=administrator)).status_code == 204
    assert (await http.delete(path, headers=administrator)).status_code == 404


async def test_a_key_deletes_what_it_may_make(http: httpx.AsyncClient, key: Key) -> None:
    path = await predict(http)
    for scope in ("read", "collect"):
        assert (await http.delete(path, headers=account_headers(key, 7, scope=scope))).status_code == 403
    assert (await http.delete(path, headers=account_headers(key, 7, scope="predict"))).status_code == 204


@pytest.mark.parametrize("prediction_id", ["0", "-1", "x", str(2**63), "1.5"])
async def test_an_id_that_can_not_be(http: httpx.AsyncClient, prediction_id: str) -> None:
    assert (await http.delete(f"/api/predictions/{prediction_id}")).status_code in {404, 422}


async def test_the_room_of_an_anonymous_picture_is_given_back(
    http: httpx.AsyncClient, database: Database, administrator: dict[str, str]
) -> None:
    await upload(http, "anonupload")
    body = await upload(http, "anonupload")
    before = await total(database)
    assert before.pictures == 2
    path = await newest(database)
    assert (await http.delete(path)).status_code == 404
    assert (await http.delete(path, headers=administrator)).status_code == 204
    assert (await http.get(body["image"])).status_code == 404
    assert await total(database) == Stored(1, before.bytes // 2)
    assert await counts(database, XRay, Prediction) == [1, 1]


async def total(database: Database) -> Stored:
    async with database.reading() as session:
        return await anonymous_storage.stored(session, ANONYMOUS)


async def test_of_many_requests_at_once_one_deletes(http: httpx.AsyncClient, database: Database) -> None:
    await upload(http)
    for path in (await newest(database), await predict(http)):
        statuses: Counter[int] = Counter()

        async def go(path: str = path, statuses: Counter[int] = statuses) -> None:
            statuses[(await http.delete(path)).status_code] += 1

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(go)
        assert statuses == {204: 1, 404: 5}
    assert await counts(database, XRay, Prediction) == [0, 0]


async def test_deleting_and_retention_and_labels_at_once(
    http: httpx.AsyncClient, key: Key, service: WithState, database: Database, administrator: dict[str, str]
) -> None:
    """No request fails, and nothing of a prediction is left."""
    statuses: Counter[int] = Counter()
    retention = AnonymousRetention(database, service.state["services"].anonymous, days=7)
    for _ in range(6):
        await upload(http, "anonupload")
    async with database.writing() as session:
        for table, column in (("xrays", "posted_at"), ("predictions", "created_at")):
            await session.execute(text(f"UPDATE {table} SET {column} = {column} - interval '8 days'"))  # noqa: S608
        ids = list(await session.scalars(select(Prediction.id)))

    async def label(prediction_id: int) -> None:
        told = f"/internal/predictions/{prediction_id}/label"
        statuses[(await http.put(told, json=LABEL, headers=service_headers(key))).status_code] += 1

    async def go(prediction_id: int) -> None:
        answer = await http.delete(f"/api/predictions/{prediction_id}", headers=administrator)
        statuses[answer.status_code] += 1

    async with anyio.create_task_group() as tasks:
        for each in ids:
            tasks.start_soon(label, each)
            tasks.start_soon(go, each)
        tasks.start_soon(retention.delete)
    assert set(statuses) <= {204, 404}
    for each in ids:  # what retention had locked, or a label has kept from it
        await go(each)
    assert await counts(database, XRay, Prediction, PredictionLabel) == [0, 0, 0]
    assert await total(database) == Stored(0, 0)


@pytest.mark.parametrize("is_swept", [True, False])
async def test_a_heatmap_that_is_being_made_meanwhile(
    http: httpx.AsyncClient, service: WithState, database: Database, monkeypatch: pytest.MonkeyPatch, is_swept: bool
) -> None:
    """It is answered, since it was asked for before; nothing of it stays, whether the picture goes before or after."""
    path = await predict(http)
    made, deleted = anyio.Event(), anyio.Event()
    original = Predictor.heatmap

    async def held(self: Predictor, load: LoadPicture, model: Any, legend: Any) -> bytes:
        drawn = await original(self, load, model, legend)
        made.set()
        await deleted.wait()
        return drawn

    monkeypatch.setattr(Predictor, "heatmap", held)
    answers: list[httpx.Response] = []

    async def look() -> None:
        answers.append(await http.get(f"{path}/heatmap"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        await made.wait()
        assert (await http.delete(path)).status_code == 204
        if is_swept:
            assert await sweep(service) == 1
        deleted.set()
    assert [each.status_code for each in answers] == [200]
    assert (await http.get(f"{path}/heatmap")).status_code == 404
    assert await sweep(service) == (0 if is_swept else 2)
    assert await counts(database, BLOBS, Rendition, Prediction) == [0, 0, 0]

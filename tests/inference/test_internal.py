"""What other services ask inference-service for: pictures of X-rays, predictions, and labels beside them."""

import json
from typing import Any

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from support import pictures
from support.asgi import WithState
from support.gateway import Key
from support.inference import MODEL, account_headers, service_headers

from inference_service.orm import Base

LABEL = {
    "fields": {"dr": True, "stage": "2", "comment": "眼" * 3000},
    "scheme": "ophthalmology/1",
    "source_id": 12,
    "labelled_at": "2026-04-17T10:00:00Z",
}


@pytest.fixture
def asking(client: httpx.AsyncClient, key: Key) -> httpx.AsyncClient:
    """A client with the token of a service."""
    client.headers.update(service_headers(key))
    return client


async def xray(client: httpx.AsyncClient, data: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """The id of a new X-ray, and the key of the link to its picture."""
    path = "/api/chexray/upload" if headers else "/api/chexray/anonupload"
    sent = {"image": ("x.png", data)}
    answer = await client.post(path, data={"title": "PA"}, files=sent, headers=headers or {"Authorization": ""})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["image"].partition("key=")[2]


async def picture(client: httpx.AsyncClient, xray_id: int, account_id: object, key: str = "") -> tuple[int, bytes]:
    params = {"account_id": str(account_id), "key": key}
    answer = await client.get(f"/internal/xrays/{xray_id}/picture", params=params)
    return answer.status_code, answer.content


async def test_an_xray_is_given_to_its_owner_and_to_the_bearer_of_its_key(asking: httpx.AsyncClient, key: Key) -> None:
    data = pictures.dicom()
    xray_id, link_key = await xray(asking, data, account_headers(key, 7))
    assert await picture(asking, xray_id, 7) == (200, data)
    assert await picture(asking, xray_id, 7, "expired") == (200, data)
    assert await picture(asking, xray_id, 8, link_key) == (200, data)
    for account_id, wrong in [(8, ""), (8, link_key[:-2]), (8, "眼"), (1, "")]:
        assert (await picture(asking, xray_id, account_id, wrong))[0] == 404
    another, another_key = await xray(asking, pictures.png(), account_headers(key, 7))
    assert (await picture(asking, xray_id, 8, another_key))[0] == 404
    assert (await picture(asking, another + 1, 7))[0] == 404


async def test_an_anonymous_xray_takes_its_key(asking: httpx.AsyncClient, key: Key) -> None:
    xray_id, link_key = await xray(asking, pictures.png())
    assert (await picture(asking, xray_id, 8, link_key))[0] == 200
    for account_id, wrong in [(1, ""), (8, ""), (8, link_key + "x")]:
        assert (await picture(asking, xray_id, account_id, wrong))[0] == 404
    owned, owned_key = await xray(asking, pictures.png(), account_headers(key, 7))
    assert (await picture(asking, xray_id, 8, owned_key))[0] == 404
    assert (await picture(asking, owned, 8, link_key))[0] == 404


@pytest.mark.parametrize("account_id", ["", "x", "0", "-1", str(2**63), "null"])
async def test_an_account_that_can_not_be(asking: httpx.AsyncClient, account_id: str) -> None:
    assert (await picture(asking, 1, account_id))[0] == 422


async def predicted(client: httpx.AsyncClient, **changes: str) -> httpx.Response:
    fields = {"model": MODEL, "account_id": "7", **changes}
    return await client.post("/internal/predictions", data=fields, files={"file": ("x.png", pictures.png())})


async def test_a_prediction_belongs_to_the_account_that_is_named(asking: httpx.AsyncClient, key: Key) -> None:
    answer = await predicted(asking, model="means")
    body = answer.json()
    assert (answer.status_code, body["model"], body["label"]) == (201, MODEL, None)
    own = await asking.get(f"/api/predictions/{body['id']}", headers=account_headers(key, 7))
    assert own.json() == body
    other = await asking.get(f"/api/predictions/{body['id']}", headers=account_headers(key, 8))
    assert other.status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"account_id": "0"}, "account_id"),
        ({"account_id": str(2**63)}, "account_id"),
        ({"account_id": "me"}, "account_id"),
        ({"model": "none"}, "model"),
        ({"model": "means/2"}, "model"),
    ],
)
async def test_a_prediction_that_can_not_be_made(asking: httpx.AsyncClient, change: dict[str, str], field: str) -> None:
    answer = await predicted(asking, **change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_a_label_is_kept_beside_the_prediction(asking: httpx.AsyncClient, key: Key) -> None:
    prediction = (await predicted(asking)).json()
    path = f"/internal/predictions/{prediction['id']}/label"
    for label in ({**LABEL, "fields": {"dr": False}, "source_id": 11}, LABEL, LABEL):
        answer = await asking.put(path, json=label)
        assert (answer.status_code, answer.content) == (204, b"")
    shown = await asking.get(f"/api/predictions/{prediction['id']}", headers=account_headers(key, 7))
    assert shown.json() == {**prediction, "label": {**LABEL, "source": "annotation-service"}}
    (listed,) = (await asking.get("/api/predictions", headers=account_headers(key, 7))).json()["predictions"]
    assert listed == shown.json()


@pytest.mark.parametrize(
    "change",
    [
        {"fields": None},
        {"fields": []},
        {"fields": {"comment": "a\0b"}},
        {"fields": {"comment": "\ud800"}},
        {"scheme": ""},
        {"source_id": 0},
        {"source_id": 2**63},
        {"labelled_at": "2026-04-17T10:00:00"},
        {"labelled_at": "yesterday"},
    ],
)
async def test_a_label_that_can_not_be_kept(asking: httpx.AsyncClient, change: dict[str, Any]) -> None:
    prediction = (await predicted(asking)).json()
    path = f"/internal/predictions/{prediction['id']}/label"
    content = json.dumps({**LABEL, **change})  # httpx itself can't write lone surrogates
    answer = await asking.put(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


async def test_a_label_of_no_prediction(asking: httpx.AsyncClient) -> None:
    for prediction_id, status in [("1", 404), (str(2**63 - 1), 404), ("0", 422), ("x", 422)]:
        answer = await asking.put(f"/internal/predictions/{prediction_id}/label", json=LABEL)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/internal/xrays/1/picture?account_id=7"), ("POST", "/internal/predictions"),
     ("PUT", "/internal/predictions/1/label")],
)  # fmt: skip
async def test_only_services_may_ask(client: httpx.AsyncClient, key: Key, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 401
    admin = account_headers(key, 2, authority=101)
    body = {"json": LABEL} if method == "PUT" else {}
    assert (await client.request(method, path, headers=admin, **body)).status_code == 403  # type: ignore[arg-type]


async def test_the_migrations_make_the_tables_of_the_models(service: WithState) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        return [each for each in compare_metadata(context, Base.metadata) if "alembic_version" not in str(each)]

    async with service.state["database"].engine.connect() as connection:
        assert await connection.run_sync(differences) == []

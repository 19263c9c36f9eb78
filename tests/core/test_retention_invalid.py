"""Rules of retention that are no rules, and queries that name nothing: each is refused, and nothing is changed."""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from support.asgi import WithState, client_of, running
from support.collection import MakeCoreSettings, trusting
from support.gateway import Key

from core_collection_service.app import create_app
from lightbox_shared.auth.principal import Authority

PATH: Final = "/api/devices/retention"
CAMERA: Final = {"collection": "images", "deviceId": "camera-0000"}
FOREVER: Final = {"days": None, "bytes": None}


@pytest.fixture
async def client(make_core_settings: MakeCoreSettings) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator."""
    key = Key()
    headers = {"Authorization": f"Bearer {key.token(authority=int(Authority.ADMIN))}"}
    async with (
        running(create_app(make_core_settings(collections={"images": "i"}))) as app,
        client_of(trusting(WithState(app.app, app.state), key), headers=headers) as client,
    ):
        yield client


def limits(days: int | None = None, size: int | None = None) -> dict[str, int | None]:
    return {"days": days, "bytes": size}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"days": 3},
        limits(0),
        limits(36_501),
        limits(None, 0),
        limits(None, 2**63),
        {"days": 1.5, "bytes": None},
        {"days": "soon", "bytes": None},
        {**FOREVER, "seconds": 5},
    ],
)
async def test_limits_that_are_not_valid(client: httpx.AsyncClient, body: Any) -> None:
    assert (await client.put(PATH, params=CAMERA, json=body)).status_code == 422
    assert (await client.post(f"{PATH}/preview", params=CAMERA, json={"rule": body})).status_code == 422
    assert (await client.get(f"{PATH}/rules")).json()["rules"] == []


@pytest.mark.parametrize("name", ["days", "bytes"])
@pytest.mark.parametrize(
    "value",
    [
        "true",
        "false",
        '"7"',
        '"true"',
        '""',
        "7.0",
        "7.5",
        "1e3",
        "-1",
        "1e999",
        "NaN",
        "[]",
        "[7]",
        "{}",
        '{"days":7}',
    ],
)
async def test_a_limit_is_a_whole_number_of_json(client: httpx.AsyncClient, name: str, value: str) -> None:
    other = "bytes" if name == "days" else "days"
    body = f'{{"{name}":{value},"{other}":null}}'
    headers = {"Content-Type": "application/json"}
    sent = await client.put(PATH, params=CAMERA, content=body, headers=headers)
    previewed = await client.post(f"{PATH}/preview", params=CAMERA, content=f'{{"rule":{body}}}', headers=headers)
    assert {sent.status_code, previewed.status_code} <= {400, 422}, (sent.text, previewed.text)
    assert (await client.get(PATH, params=CAMERA)).json()["rule"] is None


async def test_queries_that_are_not_valid(client: httpx.AsyncClient) -> None:
    for query, status in {
        "": 400,
        "deviceId=a": 400,
        "collection=images&deviceId=": 400,
        "collection=images&deviceId=a%00b": 400,
        "collection=images&deviceId=a&deviceId=b": 400,
        f"collection=images&deviceId={'x' * 256}": 400,
        "collection=others": 404,
    }.items():
        for method, path, body in (
            ("GET", PATH, None),
            ("PUT", PATH, FOREVER),
            ("POST", f"{PATH}/preview", {"rule": None}),
        ):
            answer = await client.request(method, f"{path}?{query}", json=body)
            assert (answer.status_code, method, query) == (status, method, query)


@pytest.mark.parametrize("name", ["a%00b", "%00", "%0a", "%7f", "x" * 101, "a&collection=b"])
async def test_names_that_no_collection_can_have(client: httpx.AsyncClient, name: str) -> None:
    for method, path, body in (
        ("GET", PATH, None),
        ("PUT", PATH, FOREVER),
        ("DELETE", PATH, None),
        ("POST", f"{PATH}/preview", {"rule": None}),
        ("GET", "/collections/devices", None),
    ):
        answer = await client.request(method, f"{path}?collection={name}", json=body)
        assert (answer.status_code, method) == (400, method)
        assert answer.json()["detail"].startswith("collection: ")
    assert (await client.delete(f"{PATH}?collection={'x' * 100}")).status_code == 404  # of a length that one can have

"""Request bodies as models: what reaches the endpoint, and what is refused."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel, Field
from support.asgi import client_of, running
from support.kit import MakeApp

from lightbox_shared.errors.dialects import Dialects, FieldMap
from lightbox_shared.requests.bodies import (
    FilesUpload,
    NoFields,
    Upload,
    file_upload,
    files_upload,
    form_or_json,
    model_reference,
)


class Person(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=5)]
    age: int = 7


class Title(BaseModel):
    title: Annotated[str, Field(max_length=5)] = "none"


router = APIRouter()


@router.post("/people")
async def people(body: Annotated[Person, form_or_json(Person, max_bytes=1000)]) -> Person:
    return body


@router.post("/old/people")
async def old_people(body: Annotated[Person, form_or_json(Person)]) -> Person:
    return body


@router.post("/files")
async def files(sent: Annotated[Upload[Title], file_upload(Title, file="picture")]) -> dict[str, Any]:
    return {"size": None if sent.data is None else len(sent.data), "title": sent.fields.title}


@router.post("/several")
async def several(
    sent: Annotated[FilesUpload[Title], files_upload(Title, file="picture", max_files=2)],
) -> dict[str, Any]:
    return {"names": [each.filename for each in sent.files], "title": sent.fields.title}


@router.post("/bare")
async def bare(sent: Annotated[Upload[NoFields], file_upload(file="picture")]) -> int | None:
    return None if sent.data is None else len(sent.data)


@pytest.fixture
async def client(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(router, dialects=Dialects({"/old": FieldMap()}), max_picture_bytes=1024 * 1024)
    async with running(app) as started, client_of(started) as http:
        yield http


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"name": "Ada", "age": 36}},
        {"data": {"name": "Ada", "age": "36"}},
        {"files": {"name": (None, "Ada"), "age": (None, "36")}},
    ],
)
async def test_three_media_types_are_one_model(client: httpx.AsyncClient, sent: dict[str, Any]) -> None:
    answer = await client.post("/people", **sent)
    assert (answer.status_code, answer.json()) == (200, {"name": "Ada", "age": 36})


async def test_what_is_wrong_is_said_of_each_field(client: httpx.AsyncClient) -> None:
    body = {"name": "too long", "age": "old"}
    answer = await client.post("/people", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [(each["field"], each["detail"]) for each in answer.json()["errors"]] == [
        ("name", "Ensure this field has no more than 5 characters."),
        ("age", "Input should be a valid integer, unable to parse string as an integer"),
    ]
    answer = await client.post("/old/people", json={})
    assert (answer.status_code, answer.json()) == (400, {"name": "This field is required."})
    for name, sentence in (
        ("", "This field may not be blank."),
        (None, "This field may not be null."),
        (7, "Not a valid string."),
    ):
        assert (await client.post("/old/people", json={"name": name})).json() == {"name": sentence}


async def test_bodies_that_can_not_be_read(client: httpx.AsyncClient) -> None:
    as_json = {"Content-Type": "application/json"}
    assert (await client.post("/people", content=b"{", headers=as_json)).status_code == 400
    assert (await client.post("/people", content=b" " * 1001, headers=as_json)).status_code == 413
    assert (await client.post("/people", content=b"x", headers={"Content-Type": "text/plain"})).status_code == 415


async def test_a_file_and_its_fields(client: httpx.AsyncClient) -> None:
    answer = await client.post("/files", data={"title": "lung"}, files={"picture": ("x.png", b"12345")})
    assert answer.json() == {"size": 5, "title": "lung"}
    assert (await client.post("/files", files={"other": ("x.png", b"12345")})).json() == {"size": None, "title": "none"}
    assert (await client.post("/bare", files={"picture": ("x.png", b"12345")})).json() == 5
    answer = await client.post("/files", data={"title": "too long"}, files={"picture": ("x.png", b"1")})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "title")
    answer = await client.post("/files", files={"picture": ("x.png", bytes(1024 * 1024 + 1))})
    assert (answer.status_code, answer.json()["detail"]) == (413, "The file is larger than 1 MB.")


async def test_several_files_and_their_fields(client: httpx.AsyncClient) -> None:
    two = [("picture", ("a.png", b"1")), ("picture", ("b.png", b"2"))]
    answer = await client.post("/several", data={"title": "PA"}, files=two)
    assert answer.json() == {"names": ["a.png", "b.png"], "title": "PA"}
    assert (await client.post("/several", files=[*two, two[0]])).status_code == 400
    assert (await client.post("/several", data={"title": "too long"}, files=two)).status_code == 422
    large = [("picture", ("a.png", bytes(1024 * 1024 + 1)))]
    assert (await client.post("/several", files=large)).status_code == 413


def test_several_files_describe_themselves() -> None:
    described = files_upload(Title, file="picture", max_files=2).dependency.request_body({})  # type: ignore[union-attr]
    schema = described["content"]["multipart/form-data"]["schema"]
    assert schema["required"] == ["picture"]
    file = {"type": "string", "format": "binary"}
    assert schema["properties"]["picture"] == {"type": "array", "items": file, "minItems": 1, "maxItems": 2}
    assert schema["properties"]["title"]["maxLength"] == 5


def test_two_models_of_one_name_are_refused() -> None:
    components: dict[str, dict[str, Any]] = {}
    assert model_reference(Person, components) == {"$ref": "#/components/schemas/Person"}
    assert model_reference(Person, components) == {"$ref": "#/components/schemas/Person"}

    class Other(BaseModel):
        name: str

    Other.__name__ = "Person"
    with pytest.raises(ValueError, match="two schemas named Person"):
        model_reference(Other, components)

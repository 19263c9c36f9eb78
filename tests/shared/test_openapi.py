"""The OpenAPI document of a service says what the service does, and nothing that it does not do."""

from enum import StrEnum
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Query, Response
from openapi_spec_validator import validate
from pydantic import BaseModel, ConfigDict, Field
from support.kit import MakeApp

from lightbox_shared.errors import Conflict, Forbidden, NotFound
from lightbox_shared.errors.dialects import Dialects, FieldMap
from lightbox_shared.openapi import content, errors
from lightbox_shared.requests.bodies import Upload, file_upload, form_or_json
from lightbox_shared.requests.parameters import RowId

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
FIELD_ERRORS = {"application/json": {"schema": {"$ref": "#/components/schemas/FieldErrors"}}}


class Colour(StrEnum):
    GREY = "grey"


class Order(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"colour": "grey"}]})

    colour: Colour


class Title(BaseModel):
    title: Annotated[str, Field(examples=["lung"])]


class Done(BaseModel):
    done: bool


class NotYours(Forbidden):
    """A second error of one status."""


router = APIRouter(tags=["Things"], responses=errors(Forbidden))


@router.post("/orders", status_code=201, summary="Order", responses=errors(Conflict, NotYours))
async def order(body: Annotated[Order, form_or_json(Order)]) -> Done:
    return Done(done=body.colour == Colour.GREY)


@router.post("/old/files", summary="Send a file")
async def send_file(sent: Annotated[Upload[Title], file_upload(Title, file="picture")]) -> Done:
    return Done(done=sent.data is not None)


@router.api_route(
    "/pictures/{picture_id}",
    methods=["GET", "HEAD"],
    summary="A picture",
    response_class=Response,
    responses={200: content("image/png", "image/jpeg"), **errors(NotFound)},
)
async def picture(picture_id: RowId, width: Annotated[int, Query(ge=1)] = 1) -> Response:
    return Response(bytes(picture_id + width), media_type="image/png")


@router.get("/alive", summary="Alive?")
async def alive() -> Done:
    return Done(done=True)


@pytest.fixture
def document(make_app: MakeApp) -> dict[str, Any]:
    return make_app(router, dialects=Dialects({"/old": FieldMap()})).openapi()


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert set(document["paths"]) == {"/orders", "/old/files", "/pictures/{picture_id}", "/alive"}
    assert set(document["components"]["schemas"]) == {"Colour", "Done", "FieldErrors", "Order", "ProblemDetails"}


def test_bodies_that_the_kit_reads(document: dict[str, Any]) -> None:
    body = document["paths"]["/orders"]["post"]["requestBody"]
    assert body["required"] is True
    assert set(body["content"]) == {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
    assert all(each == {"schema": {"$ref": "#/components/schemas/Order"}} for each in body["content"].values())
    assert document["components"]["schemas"]["Order"]["examples"] == [{"colour": "grey"}]
    assert document["paths"]["/old/files"]["post"]["requestBody"]["content"] == {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "title": {"title": "Title", "type": "string", "examples": ["lung"]},
                    "picture": {"type": "string", "format": "binary"},
                },
                "required": ["title", "picture"],
            }
        }
    }


def test_errors_are_described_as_they_look_on_that_path(document: dict[str, Any]) -> None:
    ordered = document["paths"]["/orders"]["post"]["responses"]
    assert list(ordered) == ["201", "400", "403", "409", "413", "415", "422", "503", "507"]
    assert ordered["409"] == {"description": "Conflict", "content": PROBLEM}
    assert ordered["201"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Done"}
    sent = document["paths"]["/old/files"]["post"]["responses"]
    assert list(sent) == ["200", "400", "403", "413", "415", "503", "507"]  # what does not validate is 400 there
    assert all(sent[status]["content"] == FIELD_ERRORS for status in sent if status != "200")
    assert list(document["paths"]["/alive"]["get"]["responses"]) == ["200", "403", "503"]


def test_answers_of_other_media_types(document: dict[str, Any]) -> None:
    found = document["paths"]["/pictures/{picture_id}"]["get"]["responses"]
    binary = {"schema": {"type": "string", "format": "binary"}}
    assert found["200"]["content"] == {"image/png": binary, "image/jpeg": binary}
    assert list(found) == ["200", "403", "404", "422", "503"]


def test_one_operation_for_get_and_head(document: dict[str, Any]) -> None:
    assert list(document["paths"]["/pictures/{picture_id}"]) == ["get"]
    operations = [each for item in document["paths"].values() for each in item.values()]
    assert sorted(each["operationId"] for each in operations) == ["alive", "order", "picture", "send_file"]

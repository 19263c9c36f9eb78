"""Endpoints that answer at the root and under `/api`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from support.asgi import client_of, running
from support.kit import MakeApp

from lightbox_shared.openapi import headers
from lightbox_shared.responses.hal import HAL_TYPE, Resource, self_link
from lightbox_shared.second_prefix import Prefix, at_both_prefixes, deleted, deletion

router = APIRouter()


class Gone(Resource):
    """What was deleted."""

    message: str


@router.get("/things/{thing_id}")
async def one_thing(thing_id: int, prefix: Prefix) -> dict[str, str]:
    return {"href": f"{prefix}/things/{thing_id}"}


@router.delete("/things/{thing_id}", status_code=204, responses=deletion(Gone, **headers(X_Thing="Its id.")))
async def delete_thing(thing_id: int, request: Request, prefix: Prefix) -> Response:
    gone = Gone(message="gone", _links=self_link(f"{prefix}/things/{thing_id}"))
    return deleted(request, prefix, gone, headers={"X-Thing": str(thing_id)})


async def test_links_stay_under_the_prefix_of_the_request(make_app: MakeApp) -> None:
    async with running(make_app(*at_both_prefixes(router, tag="Things"))) as app, client_of(app) as http:
        for path in ("/things/1", "/things/1/", "/api/things/1", "/api/things/1/"):
            assert (await http.get(path)).json() == {"href": path.rstrip("/")}


async def test_a_deletion_has_a_body_under_api_only(make_app: MakeApp) -> None:
    async with running(make_app(*at_both_prefixes(router, tag="Things"))) as app, client_of(app) as http:
        at_root, under_api = await http.delete("/things/1"), await http.delete("/api/things/1")
    assert (at_root.status_code, at_root.content, at_root.headers["x-thing"]) == (204, b"", "1")
    assert (under_api.status_code, under_api.headers["x-thing"]) == (200, "1")
    assert under_api.json() == {"message": "gone", "_links": {"self": {"href": "/api/things/1"}}}


def test_the_operations_are_described_apart(make_app: MakeApp) -> None:
    paths = make_app(*at_both_prefixes(router, tag="Things")).openapi()["paths"]
    first, second = paths["/things/{thing_id}"]["get"], paths["/api/things/{thing_id}"]["get"]
    assert (first["operationId"], first["tags"]) == ("one_thing", ["Things"])
    assert (second["operationId"], second["tags"]) == ("api_one_thing", ["Things under /api"])


def test_both_answers_to_a_deletion_are_described(make_app: MakeApp) -> None:
    responses = make_app(router).openapi()["paths"]["/things/{thing_id}"]["delete"]["responses"]
    body = {"schema": {"$ref": "#/components/schemas/Gone"}}
    assert responses["200"]["content"] == {"application/json": body, HAL_TYPE: body}
    assert "content" not in responses["204"]
    assert responses["200"]["headers"] == responses["204"]["headers"]

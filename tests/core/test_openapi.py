"""The OpenAPI document of the service says what the service does: its examples work, its parameters are read within the
limits that it names, and the answers are those that it describes."""

from typing import Any, Final

import httpx
import pytest
from support.collection import AT, IMAGES, document, send
from support.pictures import png_claiming

from core_collection_service import parameters
from core_collection_service.app import create_app
from core_collection_service.config import CoreSettings
from core_collection_service.errors import InvalidField
from core_collection_service.parameters import QueryParameter

COLLECTION: Final = "/collections/{collection}"
BY_ID: Final = "/collections/{collection}/{picture_id}"
QUERY_PARAMETERS: Final = [each for each in vars(parameters).values() if isinstance(each, QueryParameter)]


@pytest.fixture
def paths(core_settings: CoreSettings) -> dict[str, Any]:
    """The paths of the document."""
    found: dict[str, Any] = create_app(core_settings).openapi()["paths"]
    return found


async def test_the_examples_of_a_submission_work(client: httpx.AsyncClient, paths: dict[str, Any]) -> None:
    content = paths[COLLECTION]["post"]["requestBody"]["content"]
    in_json, in_cbor = content.pop("application/json"), content.pop("application/cbor")
    assert not content
    (example,) = in_json["schema"]["examples"]
    sent = await client.post(IMAGES, json=example)
    assert (sent.status_code, sent.json()["deviceId"], sent.json()["mediaType"]) == (201, "12345", "image/png")
    again = await client.post(IMAGES, content=in_cbor["example"], headers={"Content-Type": "application/cbor"})
    assert (again.status_code, again.json()) == (200, sent.json())


async def test_the_schema_of_a_submission_is_enforced(client: httpx.AsyncClient, paths: dict[str, Any]) -> None:
    schema = paths[COLLECTION]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == list(schema["properties"]) == ["deviceId", "timestamp", "imageData"]
    for name, member in schema["properties"].items():
        assert member["type"] == "string"
        missing = {key: value for key, value in document().items() if key != name}
        for body in (missing, {**missing, name: None}, {**missing, name: 1}):
            answer = await client.post(IMAGES, json=body)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    longest = schema["properties"]["deviceId"]["maxLength"]
    assert (await client.post(IMAGES, json=document(device="x" * (longest + 1)))).status_code == 400
    assert (await client.post(IMAGES, json=document(device="x" * longest))).status_code == 201


@pytest.mark.parametrize("parameter", QUERY_PARAMETERS, ids=lambda each: each.name)
def test_the_limits_of_a_parameter_are_those_that_it_names(parameter: QueryParameter[Any]) -> None:
    schema: dict[str, Any] = dict(parameter.schema)
    accepted = [str(schema[limit]) for limit in ("minimum", "maximum") if limit in schema]
    refused = [str(schema["minimum"] - 1), str(schema["maximum"] + 1), "1.5", ""] if schema["type"] == "integer" else []
    accepted += schema.get("enum", ()) or schema.get("examples", ())
    refused += ["yes", ""] if "enum" in schema or schema.get("format") == "date-time" else []
    if parameter.name in {"deviceId", "lastEventId"}:
        refused.append("1" * (schema["maxLength"] + 1))
        accepted.append("1" * (schema["maxLength"] - 1))
    for text in accepted:
        parameter.parse(text)
    for text in refused:
        with pytest.raises(InvalidField, match=f"^{parameter.name}: "):
            parameter.parse(text)


NOT_VALID: Final = {"deviceId": "", "timestamp": "x", "from": "x", "to": "x", "limit": "0", "cursor": "x", "vd": "7",
                    "w": "0", "h": "0", "lastEventId": "x"}  # fmt: skip
READS: Final = {
    COLLECTION: IMAGES,
    "/collections/{collection}/latest": f"{IMAGES}/latest",
    BY_ID: f"{IMAGES}/1",
    "/collections/{collection}/events": f"{IMAGES}/events",
    "/collections/devices": "/collections/devices",
}
"""Documented path of operations with parameters -> a URL of it."""
FOR_LISTS: Final = {"from", "to", "limit", "cursor", "vd"}


async def test_every_parameter_that_is_documented_is_read(client: httpx.AsyncClient, paths: dict[str, Any]) -> None:
    await send(client)
    for path, url in READS.items():
        for described in paths[path]["get"]["parameters"]:
            name = described["name"]
            if described["in"] != "query" or name == "collection":
                continue
            query = {} if name in FOR_LISTS else dict(AT)
            headers = {"Accept": "application/senml+json"} if name in FOR_LISTS else {}
            answer = await client.get(url, params={**query, name: NOT_VALID[name]}, headers=headers)
            assert (path, name, answer.status_code) == (path, name, 400)
            assert answer.json()["errors"][0]["field"] == name
    unknown = await client.get("/collections/devices", params={"collection": "paintings"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/no-such-collection")


ANSWERED: Final[list[tuple[str, str, str, dict[str, str], int]]] = [
    ("GET", "/.well-known/core", "/.well-known/core", {}, 200),
    ("GET", "/collections", "/collections", {}, 200),
    ("GET", "/collections/devices", "/collections/devices", {}, 200),
    ("GET", "/collections/devices", "/collections/devices", {"Accept": "application/cbor"}, 200),
    ("GET", "/collections/devices", "/collections/devices?limit=0", {}, 400),
    ("GET", COLLECTION, f"{IMAGES}?deviceId=12345&timestamp=2024-08-18T02:04:07Z", {}, 200),
    ("GET", COLLECTION, f"{IMAGES}?deviceId=12345&timestamp=2024-08-18T02:04:08Z", {}, 404),
    ("GET", COLLECTION, f"{IMAGES}?from=2024-01-01T00:00:00Z", {}, 200),
    ("GET", COLLECTION, f"{IMAGES}?from=2024-01-01T00:00:00Z", {"Accept": "application/cbor"}, 200),
    ("GET", COLLECTION, f"{IMAGES}?from=2024-01-01T00:00:00Z", {"Accept": "application/link-format"}, 200),
    ("GET", COLLECTION, f"{IMAGES}?from=2024-01-01T00:00:00Z", {"Accept": "text/html"}, 406),
    ("GET", COLLECTION, IMAGES, {"Accept": "application/senml+json"}, 200),
    ("GET", COLLECTION, IMAGES, {"Accept": "application/senml+cbor"}, 200),
    ("GET", COLLECTION, IMAGES, {"Accept": "application/cbor"}, 400),
    ("GET", "/collections/{collection}/latest", f"{IMAGES}/latest?deviceId=12345", {}, 200),
    ("GET", BY_ID, f"{IMAGES}/1", {"Range": "bytes=0-3"}, 206),
    ("GET", BY_ID, f"{IMAGES}/1", {"Range": "bytes=99999-"}, 416),
    ("GET", BY_ID, f"{IMAGES}/1", {"If-None-Match": "*"}, 304),
    ("GET", BY_ID, f"{IMAGES}/1", {"If-Match": '"x"'}, 412),
    ("GET", BY_ID, f"{IMAGES}/1?w=10", {}, 200),
    ("GET", BY_ID, f"{IMAGES}/2?w=10", {}, 422),
    ("POST", COLLECTION, IMAGES, {"Content-Type": "text/plain"}, 415),
    ("POST", COLLECTION, IMAGES, {"Content-Type": "application/json", "Content-Length": "999999999"}, 413),
    ("DELETE", COLLECTION, IMAGES, {}, 401),
    ("DELETE", BY_ID, f"{IMAGES}/1", {}, 401),
]
"""Method, path in the document, URL, headers and status."""


async def test_answers_are_described(client: httpx.AsyncClient, paths: dict[str, Any]) -> None:
    await send(client)
    await send(client, png_claiming(100, 100), device="damaged")
    for method, path, url, headers, status in ANSWERED:
        answer = await client.request(method, url, headers=headers)
        assert (method, url, answer.status_code) == (method, url, status)
        described = paths[path][method.lower()]["responses"][str(status)]
        content_type = answer.headers.get("content-type", "").partition(";")[0]
        assert content_type in described.get("content", {"": None}), (method, url, content_type)

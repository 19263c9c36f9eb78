"""`/api/schemes`: versions, who may call, and documents that are refused."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.annotation import Lab

from annotation_service.schemes.documents import DRAFT, label_scheme
from annotation_service.schemes.rules import SchemeRules
from lightbox_shared.auth.principal import Authority
from lightbox_shared.errors import InvalidRequest

Result = TypeVar("Result")
SKIN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "malignant": {"type": "boolean"},
        "grade": {"$ref": "#/$defs/grade", "x-ordered": True},
        "comment": {"type": "string", "maxLength": 2000},
    },
    "required": ["malignant"],
    "$defs": {"grade": {"enum": ["low", "middle", "high"]}},
}


def with_field(schema: Any, **keywords: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, **keywords}


def nested(depth: int) -> Any:
    return {"anyOf": [nested(depth - 1)]} if depth else {}


async def send(lab: Lab, schema: Any, name: str = "skin", title: str = "Skin") -> httpx.Response:
    admin = lab.headers(2, Authority.ADMIN)
    return await lab.http.post("/api/schemes", json={"name": name, "title": title, "schema": schema}, headers=admin)


async def test_versions(lab: Lab) -> None:
    first = await send(lab, SKIN)
    assert (first.status_code, first.headers["location"]) == (201, "/api/schemes/skin/1")
    body = first.json()
    assert (body["name"], body["version"], body["title"]) == ("skin", 1, "Skin")
    assert (body["fields"], body["ordered"]) == (["malignant", "grade", "comment"], ["grade"])
    assert body["schema"] == {"$schema": DRAFT, **SKIN, "additionalProperties": False}

    again = await send(lab, SKIN)
    assert (again.status_code, again.headers["location"], again.json()) == (200, "/api/schemes/skin/1", body)
    assert (await send(lab, body["schema"])).status_code == 200  # as it was answered
    reordered = {**SKIN, "properties": dict(reversed(SKIN["properties"].items()))}
    second = await send(lab, reordered)
    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert second.json()["fields"] == ["comment", "grade", "malignant"]
    assert (await send(lab, reordered, title="Other")).json()["version"] == 3
    assert (await send(lab, SKIN)).json()["version"] == 4  # equal to an older one, which is not the newest

    doctor = await lab.doctor()
    newest = await lab.http.get("/api/schemes/skin", headers=doctor.headers)
    assert (newest.json()["version"], newest.headers["cache-control"]) == (4, "private, no-cache")
    old = await lab.http.get("/api/schemes/skin/1", headers=doctor.headers)
    assert (old.json(), old.headers["cache-control"]) == (body, "private, max-age=31536000, immutable")
    headers = {**doctor.headers, "If-None-Match": old.headers["etag"]}
    assert (await lab.http.get("/api/schemes/skin/1", headers=headers)).status_code == 304
    assert (await lab.http.get("/api/schemes/skin/2", headers=headers)).status_code == 200


async def test_the_list_has_the_newest_versions(lab: Lab) -> None:
    for name, maximum in (("a", 1), ("b", 1), ("a", 2)):
        assert (await send(lab, with_field({"maximum": maximum}), name)).status_code == 201
    doctor = await lab.doctor()
    found, cursor = [], None
    while True:
        query: dict[str, Any] = {"limit": 1} if cursor is None else {"limit": 1, "cursor": cursor}
        page = (await lab.http.get("/api/schemes", params=query, headers=doctor.headers)).json()
        found += [(each["name"], each["version"]) for each in page["schemes"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [("a", 2), ("b", 1), ("ophthalmology", 1)]


async def test_who_may_call(lab: Lab) -> None:
    body = {"name": "skin", "title": "Skin", "schema": SKIN}
    assert (await lab.http.post("/api/schemes", json=body)).status_code == 401
    for authority in (Authority.DOCTOR, Authority.GUEST, Authority.NONE):
        headers = lab.headers(3, authority)
        answer = await lab.http.post("/api/schemes", json=body, headers=headers)
        assert (answer.status_code, answer.json()["message"]) == (403, answer.json()["detail"])
        expected = 403 if authority is Authority.NONE else 200
        for path in ("/api/schemes", "/api/schemes/ophthalmology", "/api/schemes/ophthalmology/1"):
            assert (await lab.http.get(path, headers=headers)).status_code == expected, (path, authority)
            assert (await lab.http.get(path)).status_code == 401


async def test_schemes_at_the_same_moment_get_a_version_each(lab: Lab) -> None:
    answers = await asyncio.gather(*(send(lab, with_field({"maximum": number})) for number in range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 9))
    answers = await asyncio.gather(*(send(lab, SKIN, "same") for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 7}
    assert {answer.json()["version"] for answer in answers} == {1}


async def test_a_scheme_by_its_name(lab: Lab) -> None:
    await send(lab, SKIN)
    await send(lab, with_field({}))
    async with lab.database.reading() as session:
        schemes = lab.services.schemes
        assert (await schemes.named(session, "skin")).version == 2
        assert (await schemes.named(session, "skin/1")).version == 1
        assert (await schemes.named(session, "ophthalmology")).id == 1
        for unknown in ("", "skin/3", "skin/0", "skin/01", "skin/", "none", "skin/9999999999", "skin/1/1", "a\0", "٣"):
            with pytest.raises(InvalidRequest, match=r"^scheme: There is no scheme"):
                await schemes.named(session, unknown)


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "ophthalmology/2",
        "ophthalmology/2147483647",
        "NO",
        "%00",
        "a/0",
        "a/-1",
        "a/9223372036854775808",
        "a/x",
    ],
)
async def test_a_scheme_that_is_not_there(lab: Lab, path: str) -> None:
    answer = await lab.http.get(f"/api/schemes/{path}", headers=lab.headers(2, Authority.ADMIN))
    assert answer.status_code in {404, 422}
    assert answer.json()["message"]


REFUSED = {
    "no object": {"properties": {"a": {}}},
    "several types": {"type": ["object", "null"], "properties": {"a": {}}},
    "an array": {"type": "array", "properties": {"a": {}}},
    "no properties": {"type": "object"},
    "no fields": {"type": "object", "properties": {}},
    "properties is a list": {"type": "object", "properties": ["a"]},
    "too many fields": {"type": "object", "properties": {f"f{number}": {} for number in range(65)}},
    "a bad name": {"type": "object", "properties": {"a b": {}}},
    "a name that ends a line": {"type": "object", "properties": {"a\n": {}}},
    "a reserved name": {"type": "object", "properties": {"label_id": {}}},
    "a link's name": {"type": "object", "properties": {"_links": {}}},
    "other fields": with_field({}, additionalProperties=True),
    "other fields by schema": with_field({}, additionalProperties={"type": "string"}),
    "fields by pattern": with_field({}, patternProperties={"^(a+)+$": {}}),
    "names by pattern": with_field({}, propertyNames={"pattern": "a"}),
    "unevaluated": with_field({}, unevaluatedProperties=False),
    "another draft": with_field({}, **{"$schema": "http://json-schema.org/draft-07/schema#"}),
    "an id": with_field({}, **{"$id": "https://example.com/"}),
    "an inner id": with_field({"$id": "https://example.com/"}),
    "an anchor": with_field({"$anchor": "x"}),
    "a dynamic reference": with_field({"$dynamicRef": "#meta"}),
    "a vocabulary": with_field({}, **{"$vocabulary": {}}),
    "a remote reference": with_field({"$ref": "http://127.0.0.1:9/x"}),
    "a file": with_field({"$ref": "file:///etc/passwd"}),
    "the metaschema": with_field({"$ref": DRAFT}),
    "the root": with_field({"$ref": "#"}),
    "a pointer": with_field({"$ref": "#/properties/a"}),
    "no such definition": with_field({"$ref": "#/$defs/b"}),
    "a reference that is no text": with_field({"$ref": 1}),
    "a circle": with_field({"$ref": "#/$defs/b"}, **{"$defs": {"b": {"items": {"$ref": "#/$defs/b"}}}}),
    "a long circle": with_field(
        {}, **{"$defs": {"b": {"not": {"$ref": "#/$defs/c"}}, "c": {"anyOf": [{"$ref": "#/$defs/b"}]}}}
    ),
    "exponential references": with_field(
        {"$ref": "#/$defs/d0"},
        **{
            "$defs": {
                **{
                    f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
                    for n in range(30)
                },
                "d30": {"type": "string"},
            }
        },
    ),
    "too many definitions": with_field({}, **{"$defs": {f"d{n}": {} for n in range(33)}}),
    "definitions inside": with_field({"$defs": {"b": {}}}),
    "too many schemas": with_field({"anyOf": [{}] * 500}),
    "too many values": with_field({"enum": list(range(9980))}),
    "deep": with_field(nested(30)),
    "deep values": with_field({"const": json.loads("[" * 60 + "]" * 60)}),
    "a pattern": with_field({"pattern": "^(a+)+$"}),
    "a type that is none": with_field({"type": "whole"}),
    "a negative length": with_field({"maxLength": -1}),
    "anyOf that is no list": with_field({"anyOf": {}}),
    "required that is no list": with_field({}, required="a"),
    "a schema that is a number": with_field(1),
    "a schema that is null": with_field(None),
    "a number that is too large": with_field({"maximum": 10**30}),
    "a format": with_field({"format": "regex"}),
    "a keyword of a client": with_field({"widget": "slider"}),
}


@pytest.mark.parametrize("schema", REFUSED.values(), ids=REFUSED.keys())
async def test_documents_that_are_refused(lab: Lab, schema: dict[str, Any]) -> None:
    answer = await send(lab, schema)
    body = answer.json()
    assert answer.status_code == 422, body
    assert body["message"] == body["detail"]
    assert [each["field"] for each in body["errors"]] == ["schema"]
    assert body["detail"].startswith("schema: ")
    assert len(body["detail"]) < 300


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Skin"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 2**63}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"title": ""}, "title"),
        ({"title": "a\0"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"schema": None}, "schema"),
        ({"schema": "{}"}, "schema"),
        ({"schema": []}, "schema"),
    ],
)
async def test_requests_that_are_refused(lab: Lab, change: dict[str, Any], field: str) -> None:
    body = {"name": "skin", "title": "Skin", "schema": SKIN, **change}
    answer = await lab.http.post("/api/schemes", json=body, headers=lab.headers(2, Authority.ADMIN))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_a_number_without_end_is_refused(lab: Lab) -> None:
    text = '{"name": "skin", "title": "t", "schema": {"type": "object", "properties": {"a": {"x-top": 1e999}}}}'
    headers = {**lab.headers(2, Authority.ADMIN), "Content-Type": "application/json"}
    answer = await lab.http.post("/api/schemes", content=text, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (422, "schema: It has a number that is too large.")


KEYWORDS = st.sampled_from(
    ["type", "enum", "const", "anyOf", "allOf", "not", "items", "properties", "required", "$ref", "$defs",
     "if", "then", "maximum", "maxLength", "x-ordered", "additionalProperties", "prefixItems", "dependentRequired"]
)  # fmt: skip
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["string", "#/$defs/a"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYWORDS, inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=2),
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(KEYWORDS, JSON, max_size=4), st.dictionaries(st.sampled_from(["a", "b"]), JSON, max_size=2))
def test_any_document_is_a_scheme_or_refused(document: dict[str, Any], properties: dict[str, Any]) -> None:
    whole = {**document, "type": "object", "properties": properties}
    rules, wrong = outcome(lambda: SchemeRules(1, "any", 1, label_scheme(whole)))
    if rules is None:
        assert wrong == ["schema"]
        return
    assert rules.fields == tuple(properties)
    _, wrong = outcome(lambda: rules.check({"a": "string", "b": [1, None]}))
    assert wrong != []


def outcome(call: Callable[[], Result]) -> tuple[Result | None, list[str] | None]:
    """The result, or the fields that are wrong."""
    try:
        return call(), None
    except InvalidRequest as error:
        return None, [each.field for each in error.fields]

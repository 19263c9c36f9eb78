"""Every request that the platform's document shows is answered by a success, and the answer has the shape that the
document says."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from support import api_gallery, api_labelling, api_openid
from support.api_document import Operation, operations, resolved
from support.api_examples import as_text, examples
from support.api_world import PICTURE, WITH_WINDOW, World

from lightbox.run.platform import Platform

pytestmark = pytest.mark.api

MOST_XRAYS: Final = 7
"""The id of the X-ray that the document shows."""


@pytest.fixture(scope="module")
def world(platform: Platform, admin_password: str) -> Iterator[World]:
    with httpx.Client(base_url=platform.url, timeout=60) as http:
        made = World(platform, http, admin_password)
        while made.upload()["id"] < MOST_XRAYS:
            pass
        yield made


def nothing(_world: World) -> dict[str, Any]:
    return {}


def ada(world: World) -> dict[str, Any]:
    account = {"username": "ada", "password": "correct-horse"}
    world.with_account(**account)
    return account


def without_ada(world: World) -> dict[str, Any]:
    world.without("ada")
    return {}


def yelda(world: World) -> dict[str, Any]:
    return {"account_id": world.with_account("yelda", "yeldapass")}


def without_yelda(world: World) -> dict[str, Any]:
    world.without("yelda")
    return {}


def grant(world: World) -> dict[str, Any]:
    of_code = {"code": api_openid.code(world), "code_verifier": api_openid.VERIFIER}
    refresh_token = world.sign_in("ada", "correct-horse")["refresh_token"]
    return {"refresh_token": refresh_token, "client_secret": world.secret_of("gateway"), **of_code}


def token(world: World) -> dict[str, Any]:
    return {"token": world.sign_in()["refresh_token"], "client_secret": world.secret_of("gateway")}


def picture(world: World) -> dict[str, Any]:
    link = urlsplit(world.upload()["image"])
    return {"xray_id": link.path.rpartition("/")[2], "key": parse_qs(link.query)["key"][0]}


def key(world: World) -> dict[str, Any]:
    return {"key_id": world.make_key()}


def prediction(world: World) -> dict[str, Any]:
    return {"prediction_id": world.predict()}


def with_window(world: World) -> dict[str, Any]:
    return {"prediction_id": world.predict(WITH_WINDOW)}


def session(world: World) -> dict[str, Any]:
    listed = world.http.get("/api/sessions", headers=world.admin).json()["sessions"]
    return {"session_id": listed[-1]["id"]}


def collected(world: World) -> dict[str, Any]:
    return {"picture_id": world.collect()}


def ruled(world: World) -> dict[str, Any]:
    whose = {"collection": "images", "deviceId": "12345"}
    world.ok("PUT", "/api/devices/retention", params=whose, json={"days": 30, "bytes": None}, headers=world.admin)
    return whose


def not_collected(world: World) -> dict[str, Any]:
    world.without_picture()
    return {}


OF_YELDA: Final[Mapping[str, Callable[[World], dict[str, Any]]]] = {
    **api_labelling.OF_YELDA,
    "yelda_account": yelda,
    "yelda_authorize": yelda,
    "yelda_create_account": without_yelda,
    "yelda_delete_account": yelda,
    "yelda_edit_account": yelda,
}
PREPARED: Final[Mapping[str, Callable[[World], dict[str, Any]]]] = {
    "chexray_log_in": ada,
    "chexray_heatmap": picture,
    "chexray_picture": picture,
    "chexray_sign_up": without_ada,
    "collect_picture": not_collected,
    "collection_devices": collected,
    "delete_picture": collected,
    "delete_picture_by_id": collected,
    "delete_prediction": prediction,
    "delete_retention": ruled,
    "end_session": session,
    "find_pictures": collected,
    "imagehub_log_in": ada,
    "imagehub_log_in_by_query": ada,
    "introspect_token": token,
    "issue_token": grant,
    "latest_picture": collected,
    "picture_by_id": collected,
    "picture_events": collected,
    "retrieve_api_key": key,
    "retrieve_prediction": prediction,
    "retrieve_prediction_heatmap": prediction,
    "retrieve_prediction_picture": with_window,
    "retrieve_prediction_picture_values": with_window,
    "revoke_api_key": key,
    "revoke_token": token,
    **api_gallery.PREPARED,
    **api_labelling.OTHERS,
    **api_openid.PREPARED,
    **OF_YELDA,
    **{f"api_{name}": prepare for name, prepare in OF_YELDA.items()},
}
"""operationId -> what makes the example possible; it returns values that a document can't know."""


def test_each_example_works(document: dict[str, Any], world: World, subtests: pytest.Subtests) -> None:
    shown = [each for each in operations(document) if each.name not in api_openid.NEED_AN_AUTHENTICATOR]
    for operation in shown:
        for example in examples(document, operation):
            with subtests.test(f"{operation.title} {example.media_type} {as_text(example.values)}"):
                prepared = PREPARED.get(operation.name, nothing)(world)
                filled = example.filled(prepared)
                headers = prepared.get("headers", world.admin) if "security" in operation.described else {}
                request = filled.request(world.http, operation, PICTURE, headers)
                answer = world.http.send(request, stream=True)
                world.http.cookies.clear()
                check(document, operation, answer)


def is_done(body: dict[str, Any]) -> bool:
    """Whether ImageHub has done it: what it could not do is answered with 200 as well."""
    return "token" in body or body.get("code", body.get("status", 1)) == 1


def check(document: dict[str, Any], operation: Operation, answer: httpx.Response) -> None:
    """The answer is the documented success, in one of its media types, and valid where it is JSON."""
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type == "text/event-stream":
        answer.close()  # it would go on
    else:
        answer.read()
    assert answer.is_success or answer.status_code == operation.success, f"{answer.status_code} {answer.text}"
    response = resolved(document, operation.described["responses"][str(answer.status_code)])
    content = response.get("content", {})
    if not content:
        assert answer.content == b""
        return
    assert media_type in content
    if media_type.endswith("json"):
        assert operation.described["tags"] != ["ImageHub"] or is_done(answer.json()), answer.text
        schema = {**content[media_type]["schema"], "components": document["components"]}
        assert [error.message for error in OAS31Validator(schema).iter_errors(answer.json())] == []

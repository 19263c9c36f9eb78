"""What the endpoints that people meet in a browser have in common."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request, Response

from auth_service.openid.service import Redirect
from auth_service.openid.words import Words, words_for
from lightbox_shared.requests.forms import URLENCODED_TYPE

_HTML: Final = {"content": {"text/html": {"schema": {"type": "string"}}}}
PAGE: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "A page.", **_HTML}}
REDIRECT: Final[dict[int | str, dict[str, Any]]] = {
    303: {
        "description": "See Other",
        "headers": {"Location": {"description": "Where to go on.", "schema": {"type": "string"}}},
    }
}
CLOSED: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "A page: the request is not from a known client, or not for an address of it.", **_HTML}
}


def refused_page(description: str) -> dict[str, Any]:
    """One of `responses`: a page with another status."""
    return {"description": description, **_HTML}


def query_parameters(examples: Mapping[str, str], **described: str) -> dict[str, Any]:
    """For `openapi_extra`: parameters that an endpoint reads from the query itself. None is marked as required, since a
    request without one is answered all the same."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": text,
                "schema": {"type": "string", **({"examples": [examples[name]]} if name in examples else {})},
            }
            for name, text in described.items()
        ]
    }


def form_parameters(extra: dict[str, Any]) -> dict[str, Any]:
    """For `openapi_extra`: the parameters of `query_parameters`, sent as a form."""
    properties = {each["name"]: {**each["schema"], "description": each["description"]} for each in extra["parameters"]}
    shown = {name: each["examples"][0] for name, each in properties.items() if "examples" in each}
    schema = {"type": "object", "properties": properties, "examples": [shown]}
    return {"requestBody": {"required": True, "content": {URLENCODED_TYPE: {"schema": schema}}}}


def query_of(request: Request) -> str:
    """The query as it came."""
    query: bytes = request.scope["query_string"]
    return query.decode("ascii", "replace")


def words_of(request: Request, ui_locales: str = "") -> Words:
    """The words of the pages for the person who asks."""
    return words_for(request.headers.get("accept-language"), ui_locales)


def see_other(where: Redirect | str) -> Response:
    """A redirect that is followed by GET, so that no form is sent on (RFC 9700 section 4.12)."""
    url = where.url if isinstance(where, Redirect) else where
    headers = {"Location": url, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return Response(status_code=303, headers=headers)

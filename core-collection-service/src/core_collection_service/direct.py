"""Endpoints that are called with the request alone, for what is asked so often that finding out in FastAPI's way what
to call an endpoint with would take a third of the time. They are documented as far as `parameters` says."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from fastapi import Request, Response
from fastapi.routing import APIRoute

from core_collection_service.access import Caller, caller_of
from core_collection_service.state import Services, collection_of, services_of


class DirectRoute(APIRoute):
    """The class of such routes: `endpoint` takes a `Request` and returns a `Response`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


class Asked(NamedTuple):
    """What other endpoints get as arguments."""

    collection: str
    caller: Caller
    services: Services


async def asked(request: Request) -> Asked:
    """Of a request to a path with a `{collection}`. Raises `NoSuchCollection` and what `caller_of` raises."""
    collection = await collection_of(request, request.path_params["collection"])
    return Asked(collection, await caller_of(request), await services_of(request))


def parameters(*names: str) -> dict[str, Any]:
    """For `openapi_extra`: the collection in the path, and these in the query."""
    return {"parameters": [_COLLECTION, *({"name": name, "in": "query", "schema": _TEXT} for name in names)]}


_TEXT: Final = {"type": "string"}
_COLLECTION: Final = {"name": "collection", "in": "path", "required": True, "schema": _TEXT}

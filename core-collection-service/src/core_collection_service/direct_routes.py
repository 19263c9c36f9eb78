"""Routes whose endpoints take the request alone, for the two operations that are called most: sending a picture and
reading one. Resolving declared parameters in FastAPI's way would take a third of their time.

Such a route is documented by `openapi_extra` and `responses`. Its `dependencies` are not run, so it may have none.
"""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.routing import APIRoute

from core_collection_service.access import Caller
from core_collection_service.dependencies import collection_name, current_caller
from core_collection_service.state import Services


class DirectRoute(APIRoute):
    """Calls the endpoint with the `Request` and sends the `Response` that it returns."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself. Raises `TypeError` for a route with dependencies, which would be skipped."""
        if self.dependencies:
            raise TypeError(f"{self.path}: the dependencies of a direct route are not run")
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


class Prerequisites(NamedTuple):
    """What other endpoints declare as parameters."""

    collection: str
    caller: Caller
    services: Services


async def prerequisites(request: Request) -> Prerequisites:
    """Those of a request to a path with `{collection}`. Raises what `collection_name` and `current_caller` raise."""
    services: Services = request.state.services
    collection = await collection_name(request, request.path_params["collection"])
    return Prerequisites(collection, await current_caller(request), services)

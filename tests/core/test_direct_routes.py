"""Routes whose endpoints take the request alone."""

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from support.asgi import client_of

from core_collection_service.direct_routes import DirectRoute


async def answer(request: Request) -> Response:
    return Response(request.path_params["name"])


async def test_the_endpoint_gets_the_request() -> None:
    app, router = FastAPI(), APIRouter(route_class=DirectRoute)
    router.get("/{name}")(answer)
    app.include_router(router)
    async with client_of(app) as client:
        assert (await client.get("/x")).text == "x"


def test_dependencies_are_refused_since_they_would_not_run() -> None:
    router = APIRouter(route_class=DirectRoute)
    with pytest.raises(TypeError, match="/guarded: the dependencies"):
        router.get("/guarded", dependencies=[Depends(answer)])(answer)

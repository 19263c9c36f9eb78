"""Real ASGI in the tests: an application between its start-up and its shutdown, and a client that talks to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

BASE_URL = "http://testserver"


class WithState:
    """Gives each request its copy of the lifespan state, as a server does and `httpx.ASGITransport` does not."""

    def __init__(self, app: ASGIApp, state: Mapping[str, Any]) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "state": dict(self.state)}, receive, send)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[WithState]:
    """Start `app`, and shut it down at the end; `.state` is its lifespan state."""
    async with app.router.lifespan_context(app) as state:
        yield WithState(app, state or {})


@asynccontextmanager
async def client_of(app: ASGIApp, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running application; `options` are those of `httpx.AsyncClient`."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL, **options) as client:
        yield client

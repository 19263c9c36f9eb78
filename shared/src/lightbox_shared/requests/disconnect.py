"""Ending work for a client that has left.

A server does not end a request when its client disconnects: it only says so to who asks. Work that takes a place in a
queue asks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from anyio import CancelScope
from fastapi import Depends, Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive


class Client:
    """The client of a request whose body has been read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        """Cancel the block when the client disconnects, and raise `ClientDisconnect` then.

        A function that has begun in a thread ends first, and nothing is raised if that was the last of the block.
        Changes that must be made completely or not at all belong behind the block, or into a transaction inside of it.
        """
        scope = CancelScope()

        async def watch() -> None:
            while (await self._receive())["type"] != "http.disconnect":
                pass
            scope.cancel()

        watching = asyncio.create_task(watch())
        try:
            with scope:
                yield
        finally:
            watching.cancel()
        if scope.cancelled_caught:
            raise ClientDisconnect


def _client(request: Request) -> Client:
    return Client(request.receive)


ClientDep = Annotated[Client, Depends(_client)]
"""The dependency of an endpoint whose work ends when its client has left."""

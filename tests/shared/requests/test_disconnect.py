"""Work that ends when its client disconnects."""

from collections.abc import AsyncIterator

import anyio
import pytest
from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive
from support.asgi import client_of

from lightbox_shared.requests.disconnect import Client, ClientDep


def receiving(*messages: Message, after: anyio.Event) -> Receive:
    """Gives these messages, and `http.disconnect` after the event."""
    left = list(messages)

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await after.wait()
        return {"type": "http.disconnect"}

    return receive


@pytest.mark.parametrize("before", [[], [{"type": "http.request", "body": b"", "more_body": False}] * 3])
async def test_a_block_ends_with_its_client(before: list[Message]) -> None:
    leaves = anyio.Event()
    reached = []
    with anyio.fail_after(5), pytest.raises(ClientDisconnect):  # noqa: PT012 - what is reached is the test
        async with Client(receiving(*before, after=leaves)).present():
            reached.append("begun")
            leaves.set()
            await anyio.sleep_forever()
            reached.append("ended")
    assert reached == ["begun"]


async def test_a_block_whose_client_stays_is_as_without_it() -> None:
    async with Client(receiving(after=anyio.Event())).present():
        await anyio.sleep(0.01)
    with pytest.raises(ArithmeticError):
        async with Client(receiving(after=anyio.Event())).present():
            raise ArithmeticError
    with anyio.move_on_after(0.01) as scope:  # a cancellation from outside stays one
        async with Client(receiving(after=anyio.Event())).present():
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_what_comes_behind_the_block_is_not_cancelled() -> None:
    leaves = anyio.Event()
    async with Client(receiving(after=leaves)).present():
        pass
    leaves.set()
    await anyio.sleep(0.01)


async def test_a_function_in_a_thread_ends_first() -> None:
    leaves = anyio.Event()
    ended = []

    def work() -> None:
        anyio.from_thread.run_sync(leaves.set)
        anyio.from_thread.run(anyio.sleep, 0.05)
        ended.append(True)

    with pytest.raises(ClientDisconnect):  # noqa: PT012 - as above
        async with Client(receiving(after=leaves)).present():
            await to_thread.run_sync(work)
            await anyio.sleep_forever()
    assert ended == [True]


async def test_the_dependency_of_an_endpoint() -> None:
    app = FastAPI()

    @app.post("/")
    async def answer(client: ClientDep) -> str:
        async with client.present():
            await anyio.sleep(0.001)
        return "here"

    async def body() -> AsyncIterator[bytes]:
        yield b"a body"

    async with client_of(app) as http:
        assert (await http.post("/", content=body())).json() == "here"

"""When `lightbox collect` sends a request again, and when it subscribes again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
import stamina

from lightbox.collect.errors import CollectError, Conflict, ReadTimeout, TransientError
from lightbox.collect.retry import (
    ATTEMPTS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    resubscribing,
    with_retries,
)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are asked for, in seconds. They take no time."""
    asked = list[float]()

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr("anyio.sleep", sleep)
    return asked


async def test_pauses_double_unless_the_server_names_them(pauses: list[float]) -> None:
    errors = [TransientError("a"), TransientError("b", retry_after=7), TransientError("c", retry_after=1e6)]

    async def request() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    assert await with_retries(request) == "done"
    assert pauses == [FIRST_PAUSE_SECONDS, 7, LONGEST_PAUSE_SECONDS]


@pytest.mark.parametrize(
    ("error", "attempts"), [(TransientError("busy"), ATTEMPTS), (Conflict("another"), 1), (ReadTimeout("silent"), 1)]
)
async def test_the_last_error_is_raised(pauses: list[float], error: CollectError, attempts: int) -> None:
    asked = []

    async def request() -> None:
        asked.append(1)
        raise error

    with pytest.raises(type(error)):
        await with_retries(request)
    assert len(asked) == attempts
    assert pauses == [FIRST_PAUSE_SECONDS * 2**n for n in range(attempts - 1)]


class Subscriptions:
    """Subscriptions with these items. An error among them is raised; as the first item, no subscription is made."""

    def __init__(self, *subscriptions: list[int | CollectError]) -> None:
        self.left = list(subscriptions)
        self.open = 0

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[int]]:
        items = self.left.pop(0)
        if items and isinstance(items[0], CollectError):
            raise items[0]
        self.open += 1
        try:
            yield self._items(items)
        finally:
            self.open -= 1

    @staticmethod
    async def _items(items: list[int | CollectError]) -> AsyncGenerator[int, None]:
        for item in items:
            if isinstance(item, CollectError):
                raise item
            yield item


async def test_a_subscription_that_is_lost_or_ends_is_made_again(pauses: list[float]) -> None:
    lost, silent = TransientError("cut"), ReadTimeout("silent")
    server = Subscriptions([1, lost], [lost], [lost], [silent], [2], [3, silent], [4, 5])
    told = list[str]()
    items = resubscribing(server.subscribe, on_ready=lambda: told.append("ready"), on_lost=lambda: told.append("lost"))
    async with aclosing(items):
        seen = [await anext(items) for _ in range(4)]
        assert server.open == 1
    assert seen == [1, 2, 3, 4]
    assert told == ["ready", "lost", "lost"]
    # After "1", between the failing attempts, and after "3". A subscription that ends by itself is renewed at once.
    assert pauses == [FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS, 0.5]
    assert (server.open, server.left) == (0, [])


@pytest.mark.parametrize("error", [TransientError("busy"), ReadTimeout("silent")])
async def test_a_first_subscription_that_fails_is_an_error(error: CollectError) -> None:
    told = list[str]()
    items = resubscribing(
        Subscriptions([error], [1]).subscribe,
        on_ready=lambda: told.append("ready"),
        on_lost=lambda: told.append("lost"),
    )
    with stamina.set_testing(True, attempts=9, cap=True), pytest.raises(CollectError, match=f"^{error}$"):
        await anext(items)
    assert told == []


async def test_an_error_that_is_not_transient_ends_it() -> None:
    server = Subscriptions([1, Conflict("another")], [2])
    items = resubscribing(server.subscribe, on_ready=lambda: None, on_lost=lambda: None)
    assert await anext(items) == 1
    with pytest.raises(Conflict):
        await anext(items)
    assert server.open == 0

"""Streams end when the service is told to stop: the server waits for open answers before it shuts the application
down, so that the lifespan learns too late of it."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def told_to_stop(callback: Callable[[], None]) -> Iterator[None]:
    """Within the context `callback` runs on the event loop at SIGINT and SIGTERM, beside what the server does.

    Signals are the main thread's: in another one nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(callback)
        if callable(before[number]):
            before[number](number, frame)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

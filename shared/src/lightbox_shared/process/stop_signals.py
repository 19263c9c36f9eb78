"""Ending streams when the process is asked to stop. The server waits for open answers before it shuts the application
down, so the end of the lifespan would be too late."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_stop_signal(callback: Callable[[], None]) -> Iterator[None]:
    """Until the end of the context, run `callback` on the event loop at SIGINT and SIGTERM, before the handler that is
    installed already. Signals can be handled in the main thread alone: in other threads this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    installed: dict[int, Any] = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def handle(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(callback)
        if callable(installed[number]):
            installed[number](number, frame)

    for number in installed:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in installed.items():
            signal.signal(number, handler)

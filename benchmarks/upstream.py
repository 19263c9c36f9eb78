"""A service that uses hardly any processor time, for measuring proxies: `python -m benchmarks.upstream`.

A GET is answered by a small JSON, or by 1 MB if the path ends in `/2`. The body of a POST is read slowly, so that a
proxy has to wait or to buffer it. `/readyz` says what the gateway asks its services for.
"""

import asyncio
import sys
from typing import Final

import uvicorn
from starlette.types import Receive, Scope, Send

SMALL: Final = b'{"id": 1, "model": "chest-findings/1", "scores": {"Atelectasis": 0.25, "Edema": 0.5}}'
LARGE: Final = bytes(1024 * 1024)
READY: Final = b'{"status": "ready", "checks": {}}'
PAUSE_EVERY_BYTES: Final = 1024 * 1024
PAUSE_SECONDS: Final = 0.02


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of the upstream."""
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        await _read_slowly(receive)
    large = scope["path"].endswith("/2")
    body = READY if scope["path"] == "/readyz" else LARGE if large else SMALL
    kind = b"application/octet-stream" if large else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read_slowly(receive: Receive) -> None:
    since_pause = 0
    while (message := await receive()).get("more_body"):
        since_pause += len(message["body"])
        if since_pause >= PAUSE_EVERY_BYTES:
            since_pause = 0
            await asyncio.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")

"""HEAD wherever GET is answered (RFC 9110 section 9.1), for every route at once."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightbox_shared.errors.handlers import is_routed


class HeadAsGet:
    """Middleware: a HEAD request that no route takes by itself is answered like a GET, without the body. An endpoint
    that would go on sending is cancelled once its first piece shows that the head is complete."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or is_routed(scope["app"], scope):
            await self._app(scope, receive, send)
            return
        # Ranges are defined for GET alone (section 14.2).
        headers = [each for each in scope["headers"] if each[0] != b"range"]
        as_get = {**scope, "method": "GET", "headers": headers}
        started = False

        async def send_head(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                await send(message)
            elif message.get("more_body"):
                endpoint.cancel()

        with anyio.CancelScope() as endpoint:
            await self._app(as_get, receive, send_head)
        if "route" in as_get:
            scope["route"] = as_get["route"]  # for the metrics
        if started:
            await send({"type": "http.response.body"})

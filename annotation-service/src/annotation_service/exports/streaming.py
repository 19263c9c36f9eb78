"""Responses that stream from something which has to be closed, and is not to wait for its client for ever."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

SEND_SECONDS: Final = 60.0


class ClosingResponse(StreamingResponse):
    """Closes its generator when the response has ended, however it ends. A client that takes nothing for `send_seconds`
    counts as disconnected: the server closes its connection."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        *,
        headers: dict[str, str],
        media_type: str,
        status_code: int = 200,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        super().__init__(pieces, status_code, headers, media_type)
        self._pieces = pieces
        self._send_seconds = send_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._send_seconds):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            await self._pieces.aclose()

"""One question and its answer over CoAP, with an end to the waiting.

The library repeats a message that nobody acknowledges for up to 93 seconds (MAX_TRANSMIT_WAIT, RFC 7252 section 4.8.2).
Whoever has not answered by `ANSWER_SECONDS` has had it five times at least, and is not asked again.
"""

import asyncio
import errno
import socket
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

from aiocoap import Context, Message
from aiocoap.error import AnonymousHost, ConToMulticast, Error, MalformedUrlError, ResolutionError
from aiocoap.error import TimeoutError as CoapTimeout

from lightbox.collect.errors import CollectError, Lost, ReadTimeout
from lightbox.collect.transport import Say

NOTICE_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0
_PERMANENT: Final = (AnonymousHost, ConToMulticast, MalformedUrlError, ResolutionError)
_LOCAL: Final = frozenset({errno.EINVAL, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class CoapRequester:
    """Asks one server, and says so when its answer is a while in coming."""

    context: Context
    server: str
    say: Say
    notice_seconds: float = NOTICE_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    async def ask(self, message: Message, remote: object = None) -> Message:
        """One answer to one message. Raises `Lost` and `CollectError`."""
        if remote is not None:
            message.remote = remote  # the address that has answered before
        return await self.answer(self.context.request(message, handle_blockwise=False).response)

    async def answer(self, response: Awaitable[Message]) -> Message:
        """The answer to what is asked already. Raises `Lost` and `CollectError`."""
        waiting = asyncio.ensure_future(response)
        try:
            await asyncio.wait({waiting}, timeout=self.notice_seconds)
            if not waiting.done():
                self.say(f"Waiting for an answer from {self.server} ...")
                await asyncio.wait({waiting}, timeout=self.answer_seconds - self.notice_seconds)
            if not waiting.done():
                raise ReadTimeout(f"There is no answer from {self.server}.")
            return waiting.result()
        except CoapTimeout as error:
            raise ReadTimeout(f"There is no answer from {self.server}.") from error
        except (Error, OSError, UnicodeError) as error:
            raise failure(error) from error
        finally:
            waiting.cancel()


def failure(error: Exception) -> CollectError:
    """What the library raises, as something to repeat or not."""
    if isinstance(error, socket.gaierror | UnicodeError | ResolutionError | AnonymousHost):
        return CollectError("The server's name leads to no address.")
    if isinstance(error, _PERMANENT) or (isinstance(error, OSError) and error.errno in _LOCAL):
        return CollectError("Nothing can be sent to this address.")
    return Lost("The server can't be reached.")

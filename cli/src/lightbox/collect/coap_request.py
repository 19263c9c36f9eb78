"""Single requests over CoAP, with a timeout.

aiocoap retransmits a message that is not acknowledged for up to 93 seconds (MAX_TRANSMIT_WAIT, RFC 7252 section 4.8.2).
Within `RESPONSE_TIMEOUT_SECONDS` it has been sent at least five times, so that to send it again would be of no use.
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

from lightbox.collect.callbacks import StatusCallback
from lightbox.collect.errors import CollectError, ReadTimeout, TransientError

NOTICE_SECONDS: Final = 5.0
RESPONSE_TIMEOUT_SECONDS: Final = 60.0
_PERMANENT: Final = (AnonymousHost, ConToMulticast, MalformedUrlError, ResolutionError)
_LOCAL: Final = frozenset({errno.EINVAL, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class CoapRequester:
    """Sends requests to one server, and reports when a response takes longer than `notice_seconds`."""

    context: Context
    server: str
    on_status: StatusCallback
    notice_seconds: float = NOTICE_SECONDS
    timeout_seconds: float = RESPONSE_TIMEOUT_SECONDS

    async def request(self, message: Message, remote: object = None) -> Message:
        """Send one message, to the address `remote` that answered an earlier one where it is given.

        Returns the response. Raises `ReadTimeout`, `TransientError` and `CollectError`.
        """
        if remote is not None:
            message.remote = remote
        return await self.response(self.context.request(message, handle_blockwise=False).response)

    async def response(self, pending: Awaitable[Message]) -> Message:
        """Wait for the response to a message that was sent.

        Raises `ReadTimeout`, `TransientError` and `CollectError`.
        """
        waiting = asyncio.ensure_future(pending)
        try:
            await asyncio.wait({waiting}, timeout=self.notice_seconds)
            if not waiting.done():
                self.on_status(f"Waiting for an answer from {self.server} ...")
                await asyncio.wait({waiting}, timeout=self.timeout_seconds - self.notice_seconds)
            if not waiting.done():
                raise ReadTimeout(f"There is no answer from {self.server}.")
            return waiting.result()
        except CoapTimeout as error:
            raise ReadTimeout(f"There is no answer from {self.server}.") from error
        except (Error, OSError, UnicodeError) as error:
            raise request_error(error) from error
        finally:
            waiting.cancel()


def request_error(error: Exception) -> CollectError:
    """The error to raise for one of aiocoap or of the socket; `TransientError` where another attempt may succeed."""
    if isinstance(error, socket.gaierror | UnicodeError | ResolutionError | AnonymousHost):
        return CollectError("The server's name leads to no address.")
    if isinstance(error, _PERMANENT) or (isinstance(error, OSError) and error.errno in _LOCAL):
        return CollectError("Nothing can be sent to this address.")
    return TransientError("The server can't be reached.")

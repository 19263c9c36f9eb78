"""The site behind OSCORE (RFC 8613).

What a stranger sends is answered as section 8.2 says, whatever it is, and is neither a line nor a traceback in the log:
it is counted. aiocoap's own wrapper lets some malformed options become errors of the server, leaves requests that it
ignores in its tables for ever, and answers EDHOC (RFC 9528), for which there are no credentials here.
"""

from typing import Final

from aiocoap import Message
from aiocoap.credentials import CredentialsMap
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import NON
from aiocoap.oscore import verify_start
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from aiocoap.pipe import Pipe
from prometheus_client import Counter

from core_collection_service.coap.endpoint import Site
from core_collection_service.coap.security import MALFORMED
from core_collection_service.coap.site import SUPPRESS_RESPONSE

_NOT_OSCORE: Final = b"Failed to decode COSE"


class OscoreSite(OscoreSiteWrapper):  # type: ignore[misc] # the library has no types
    """Hands protected requests on without their protection, and others as they are."""

    def __init__(self, site: Site, contexts: CredentialsMap, malformed: Counter) -> None:
        super().__init__(site, contexts)
        self._site = site
        self._malformed = malformed

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer a request."""
        request = pipe.request
        if request.opt.oscore is None:
            await self._site.render_to_pipe(pipe)
            return
        try:
            verify_start(request)
        except MALFORMED:
            self._malformed.inc()
            message = Message(code=Code.BAD_OPTION, payload=_NOT_OSCORE)
            if request.mtype is NON:
                message.opt.no_response = SUPPRESS_RESPONSE
            pipe.add_response(message, is_last=True)
            return
        del request.opt.uri_path  # the outer one means nothing (section 4.1.3)
        watched = _Watched(pipe)
        await super().render_to_pipe(watched)
        if not watched.is_answered:
            self._malformed.inc()
            pipe.add_response(Message(code=Code.UNAUTHORIZED, no_response=SUPPRESS_RESPONSE), is_last=True)


class _Watched:
    """A pipe that knows whether the last response is in it."""

    def __init__(self, pipe: Pipe) -> None:
        self.request = pipe.request
        self.is_answered = False
        self._pipe = pipe

    def add_response(self, message: Message, is_last: bool = False) -> None:
        """Add a response."""
        self.is_answered = self.is_answered or is_last
        self._pipe.add_response(message, is_last)

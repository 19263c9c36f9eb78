"""What of a request's headers reaches a service, and what of its answer reaches the client.

Hop-by-hop fields end here (RFC 9110 section 7.6.1), and so does everything that a service could take for a statement
of ours: who the caller is, and where it comes from. Names come in lower case from the server, values as bytes.
"""

import re
from collections.abc import Iterable
from http import HTTPMethod
from typing import Final

from starlette.types import Scope

from lightbox_shared.errors import BadRequest, LightboxError

RawHeaders = list[tuple[bytes, bytes]]

MAX_HEADER_BYTES: Final = 32 * 1024

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
# The gateway reads these itself and, where a service needs them, says them in its own words.
_READ: Final = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-length",
        b"cookie",
        b"host",
        b"origin",
        b"transfer-encoding",
        b"traceparent",
        b"tracestate",
        b"x-api-key",
        b"x-request-id",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
    }
)
_JOINED: Final = {b"cookie": b"; ", b"connection": b", ", b"x-forwarded-for": b", ", b"tracestate": b","}
_STRIPPED: Final = _HOP_BY_HOP | {
    b"expect",  # the server in front of us has answered it
    b"forwarded",
    b"remote-user",
    b"true-client-ip",
    b"cf-connecting-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-original-url",
    b"x-original-host",
    b"x-rewrite-url",
    b"x-http-method-override",
    b"x-remote-user",
    b"x-authenticated-user",
    b"x-real-ip",
    b"x-api-key",  # in another spelling
}
_STRIPPED_PREFIXES: Final = (b"x-forwarded-", b"x-account-", b"x-user-", b"x-internal-", b"x-auth-request-")
_ANSWER_STRIPPED: Final = _HOP_BY_HOP | {b"x-request-id", b"date", b"server"}  # our own server writes a date
_METHODS: Final = frozenset(HTTPMethod) - {HTTPMethod.CONNECT}
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


class HeadersTooLarge(LightboxError):
    """More header than any of our clients has reason to send."""

    status = 431
    code = "headers-too-large"
    default_detail = f"The headers of the request are larger than {MAX_HEADER_BYTES // 1024} kB."


class RequestHeaders:
    """A request's headers, read once: what the gateway acts upon, and what it passes on."""

    __slots__ = ("own", "passed")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self.own: dict[bytes, bytes] = {}
        """What the gateway reads itself; the first of several, except for lists, which are joined."""
        self.passed: RawHeaders = []
        """What a service gets as it is."""
        own, passed = self.own, self.passed
        for pair in raw:
            name = pair[0]
            if name in _READ:
                if name not in own:
                    own[name] = pair[1]
                elif name in _JOINED:
                    own[name] += _JOINED[name] + pair[1]
                elif name in {b"authorization", b"host", b"x-api-key"}:
                    own[b":twice"] = name
                continue
            # A server that maps `-` and `_` to one name would let X_Account_Id through as X-Account-Id.
            plain = name.replace(b"_", b"-") if b"_" in name else name
            if plain in _STRIPPED or plain.startswith(_STRIPPED_PREFIXES):
                continue
            passed.append(pair)
        connection = own.get(b"connection")
        if connection is not None and connection.lower() not in {b"keep-alive", b"close"}:
            named = {part.strip().lower() for part in connection.split(b",")}
            self.passed = [pair for pair in passed if pair[0] not in named]

    def check(self, scope: Scope) -> None:
        """Raises `BadRequest` for what could be understood in two ways, `HeadersTooLarge` for too much."""
        own = self.own
        if b":twice" in own:
            raise BadRequest(f"The request has more than one {own[b':twice'].decode().title()} header.")
        if scope["http_version"] in {"1", "1.0"} and not own.get(b"host"):  # Granian says 1
            own[b"host"] = "{}:{}".format(*(scope.get("server") or ("localhost", 80))).encode()
        if not _HOST.fullmatch(own.get(b"host", b"")):
            raise BadRequest("The request needs one Host header with the name of a host.")  # RFC 9112 section 3.2
        if scope["method"] not in _METHODS:
            raise BadRequest("The method is none that is known here.")
        if not scope["raw_path"]:
            raise BadRequest("The request is for an authority and not for a path.")  # RFC 9112 section 3.2.3
        if not (scope["raw_path"].isascii() and scope["query_string"].isascii()):
            raise BadRequest("The address has characters that must be percent-encoded.")  # RFC 3986 section 2
        if own.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise BadRequest("The only transfer coding that we read is chunked.")


def measure(raw: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises `HeadersTooLarge`; what is far larger still is refused by the server, before it gets here."""
    size = 0
    for name, value in raw:
        size += len(name) + len(value)
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLarge


def answer_headers(raw: RawHeaders, status: int) -> RawHeaders:
    """The headers of a service's answer without those of the hop, of CORS (ours), and without a length where there
    can't be a body. Several `Set-Cookie` stay several."""
    kept: RawHeaders = []
    sniffable = True
    for pair in raw:
        lower, value = pair
        if lower in _ANSWER_STRIPPED or lower.startswith(b"access-control-"):
            if lower == b"connection" and value.lower() not in {b"keep-alive", b"close"}:
                named = {part.strip().lower() for part in value.split(b",")}
                return answer_headers([pair for pair in raw if pair[0] not in {*named, b"connection"}], status)
            continue
        if lower == NOSNIFF[0]:
            sniffable = False
        if lower == b"content-length" and status in {204, 304}:
            continue
        kept.append(pair)
    if sniffable:
        kept.append(NOSNIFF)
    return kept

"""Which headers of a request are forwarded to the service, and which of the answer to the client.

Hop-by-hop headers are not forwarded (RFC 9110 section 7.6.1). Neither are headers in which proxies state who the caller
is and where it comes from, since a service could take those of a client for the gateway's. The web server passes names
in lower case, and names and values as bytes.
"""

import re
from collections.abc import Iterable
from http import HTTPMethod
from typing import Final

from starlette.types import Scope

from lightbox_shared.errors import BadRequest, LightboxError, MethodNotAllowed

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
# The gateway reads these. Where a service needs one, the gateway writes a header of its own.
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
_LIST_SEPARATORS: Final = {b"cookie": b"; ", b"connection": b", ", b"x-forwarded-for": b", ", b"tracestate": b","}
_STRIPPED: Final = _HOP_BY_HOP | {
    b"expect",  # the web server has answered it
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
_RESPONSE_STRIPPED: Final = _HOP_BY_HOP | {b"x-request-id", b"date", b"server"}  # the web server adds a date
_ALLOWED: Final = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_METHODS: Final = frozenset(HTTPMethod) - {HTTPMethod.CONNECT}
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


class HeadersTooLarge(LightboxError):
    """The headers are larger than `MAX_HEADER_BYTES`."""

    status = 431
    code = "headers-too-large"
    default_detail = f"The headers of the request are larger than {MAX_HEADER_BYTES // 1024} kB."


class RequestHeaders:
    """The headers of a request: those that the gateway reads, and those that it forwards."""

    __slots__ = ("forwarded", "own")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self.own: dict[bytes, bytes] = {}
        """The headers that the gateway reads. Of a repeated header the first counts; lists are joined."""
        self.forwarded: RawHeaders = []
        """The headers that are forwarded unchanged."""
        own, forwarded = self.own, self.forwarded
        for pair in raw:
            name = pair[0]
            if name in _READ:
                if name not in own:
                    own[name] = pair[1]
                elif name in _LIST_SEPARATORS:
                    own[name] += _LIST_SEPARATORS[name] + pair[1]
                elif name in {b"authorization", b"host", b"x-api-key"}:
                    own[b":repeated"] = name
                continue
            # A server that maps `-` and `_` to one name would let X_Account_Id through as X-Account-Id.
            plain = name.replace(b"_", b"-") if b"_" in name else name
            if plain in _STRIPPED or plain.startswith(_STRIPPED_PREFIXES):
                continue
            forwarded.append(pair)
        connection = own.get(b"connection")
        if connection is not None and connection.lower() not in {b"keep-alive", b"close"}:
            named = {part.strip().lower() for part in connection.split(b",")}
            self.forwarded = [pair for pair in forwarded if pair[0] not in named]

    def check(self, scope: Scope) -> None:
        """Raises `BadRequest` for a request that servers could understand in different ways, and `MethodNotAllowed` for
        a method that no service knows."""
        own = self.own
        if b":repeated" in own:
            raise BadRequest(f"The request has more than one {own[b':repeated'].decode().title()} header.")
        if scope["http_version"] in {"1", "1.0"} and not own.get(b"host"):  # Granian says 1
            own[b"host"] = "{}:{}".format(*(scope.get("server") or ("localhost", 80))).encode()
        if not _HOST.fullmatch(own.get(b"host", b"")):
            raise BadRequest("The request needs one Host header with the name of a host.")  # RFC 9112 section 3.2
        if scope["method"] not in _METHODS:
            raise MethodNotAllowed("There is no such method here.", headers={"Allow": _ALLOWED})
        if not scope["raw_path"]:
            raise BadRequest("The request is for an authority and not for a path.")  # RFC 9112 section 3.2.3
        if not (scope["raw_path"].isascii() and scope["query_string"].isascii()):
            raise BadRequest("The address has characters that must be percent-encoded.")  # RFC 3986 section 2
        if own.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise BadRequest("The only transfer coding that we read is chunked.")


def check_size(raw: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises `HeadersTooLarge` for more than `MAX_HEADER_BYTES`. Far larger ones are refused by the web server."""
    size = 0
    for name, value in raw:
        size += len(name) + len(value)
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLarge


def response_headers(raw: RawHeaders, status: int) -> RawHeaders:
    """Return those headers of a service's answer that the client gets.

    Hop-by-hop headers and those of CORS, which the gateway adds itself, are left out, and so is Content-Length where
    the `status` allows no body. A repeated header such as Set-Cookie stays repeated.
    """
    kept: RawHeaders = []
    sniffable = True
    for pair in raw:
        lower, value = pair
        if lower in _RESPONSE_STRIPPED or lower.startswith(b"access-control-"):
            if lower == b"connection" and value.lower() not in {b"keep-alive", b"close"}:
                named = {part.strip().lower() for part in value.split(b",")}
                return response_headers([pair for pair in raw if pair[0] not in {*named, b"connection"}], status)
            continue
        if lower == NOSNIFF[0]:
            sniffable = False
        if lower == b"content-length" and status in {204, 304}:
            continue
        kept.append(pair)
    if sniffable:
        kept.append(NOSNIFF)
    return kept

"""Answers in JSON or CBOR, whichever the client likes better (RFC 9110 section 12.5.1)."""

import json
from collections.abc import Mapping

import cbor2
from fastapi import Request, Response

from core_collection_service.protocol.media_types import CBOR, JSON, choose


def answer(request: Request, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` in the format that the client prefers; JSON where it has no preference, and where it accepts neither: a
    picture that is kept is not to be answered with a failure."""
    common = {"Vary": "Accept", **(headers or {})}
    if choose(request.headers.get("accept"), (JSON, CBOR)) == CBOR:
        return Response(cbor2.dumps(body), status, common, media_type=CBOR)
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, common, media_type=JSON)

"""Answers in JSON or CBOR, whichever the client asked for (RFC 9110 section 12.5.1)."""

import json
from collections.abc import Mapping

import cbor2
from fastapi import Request, Response

from core_collection_service.protocol.documents import Format


def answer(request: Request, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` in the format that the client prefers; JSON where it has no preference."""
    if Format.CBOR.value in request.headers.get("accept", ""):
        return Response(cbor2.dumps(body), status, dict(headers or {}), media_type=Format.CBOR.value)
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, dict(headers or {}), media_type=Format.JSON.value)

"""Answers in JSON or CBOR, whichever the client likes better (RFC 9110 section 12.5.1)."""

from collections.abc import Mapping
from typing import Final

from fastapi import Request, Response

from core_collection_service.protocol.documents import Format, write
from lightbox_shared.negotiation import choose

_OFFERED: Final = (Format.JSON.value, Format.CBOR.value)


def answer(request: Request, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` in the format that the client prefers; JSON where it has no preference, and where it accepts neither: a
    picture that is kept is not to be answered with a failure."""
    common = {"Vary": "Accept", **(headers or {})}
    form = Format(choose(request.headers.get("accept"), _OFFERED) or Format.JSON)
    return Response(write(body, form), status, common, media_type=form.value)

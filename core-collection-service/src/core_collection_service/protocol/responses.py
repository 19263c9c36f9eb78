"""Documents over HTTP, in JSON or CBOR as the client prefers (RFC 9110 section 12.5.1)."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel

from core_collection_service.protocol.documents import Format, write
from lightbox_shared.openapi import content
from lightbox_shared.requests.bodies import REF_TEMPLATE
from lightbox_shared.responses.negotiation import choose

_OFFERED: Final = (Format.JSON.value, Format.CBOR.value)


def document_response(
    request: Request, body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`body` in the format that the client prefers. It is JSON for a client that prefers neither, and also for one that
    accepts neither: the picture that it sent is kept, so the answer must not be an error."""
    common = {"Vary": "Accept", **(headers or {})}
    form = Format(choose(request.headers.get("accept"), _OFFERED) or Format.JSON)
    return Response(write(body, form), status, common, media_type=form.value)


def described_document(model: type[BaseModel]) -> dict[str, Any]:
    """For one of `responses`: the document of `model` in both formats, which have the same members."""
    reference = {"$ref": REF_TEMPLATE.format(model=model.__name__)}
    return {"model": model, **content(*_OFFERED, schema=reference)}

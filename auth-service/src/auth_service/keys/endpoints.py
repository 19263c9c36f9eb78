"""The public keys, with which every service verifies the tokens of this one."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from auth_service.keys.schemas import PublicKeys
from auth_service.state import ServicesDep
from lightbox_shared.openapi import headers
from lightbox_shared.responses.conditional import bytes_response

CACHE: Final = {"Cache-Control": "public, max-age=300"}

router = APIRouter(tags=["OAuth"])


class JwkSetResponse(JSONResponse):
    """The media type of RFC 7517 section 8.5.2, for the OpenAPI document."""

    media_type = "application/jwk-set+json"


@router.get(
    "/.well-known/jwks.json",
    summary="The public keys that verify tokens",
    response_class=JwkSetResponse,
    response_model=PublicKeys,
    responses={200: headers(ETag="Identifies this set."), 304: {"description": "Not Modified"}},
)
async def retrieve_public_keys(request: Request, services: ServicesDep) -> Response:
    """The JWK set (RFC 7517): every key that signed a token which may still be valid, and the next one before it
    signs."""
    published = services.keys.published
    return bytes_response(request, published.content, JwkSetResponse.media_type, etag=published.etag, headers=CACHE)

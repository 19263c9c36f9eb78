"""The public keys (RFC 7517), for everybody who verifies our tokens."""

from typing import Final

from fastapi import APIRouter, Request, Response

from auth_service.state import Keys
from lightbox_shared.conditional import bytes_response
from lightbox_shared.http import JWKS_PATH

router = APIRouter(tags=["keys"])

CACHE: Final = {"Cache-Control": "public, max-age=300"}
MEDIA_TYPE: Final = "application/jwk-set+json"


@router.get(JWKS_PATH, response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def read_keys(request: Request, keys: Keys) -> Response:
    """The JWK set: every key that signed a token which may still be valid, and the next one before it signs."""
    published = keys.published
    return bytes_response(request, published.content, MEDIA_TYPE, etag=published.etag, headers=CACHE)

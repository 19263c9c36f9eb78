"""The description of the server for clients: RFC 8414, and OpenID Connect Discovery 1.0. It is one document."""

from fastapi import APIRouter, Request, Response

from auth_service.openid.pages import AUTHORIZE_PATH
from auth_service.openid.schemas import ServerMetadata
from auth_service.state import ServicesDep
from lightbox_shared.http import JWKS_PATH, TOKEN_PATH
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["OAuth"])


@router.get("/.well-known/oauth-authorization-server", summary="The metadata of the OAuth server")
async def retrieve_oauth_metadata(request: Request, response: Response, services: ServicesDep) -> ServerMetadata:
    """The addresses of the endpoints and what they support (RFC 8414)."""
    settings = services.settings
    base = public_base(request, settings.public_url)
    # Without `public_url` the addresses follow the Host of the request, which anybody can choose: a cache would give
    # them to others.
    response.headers["Cache-Control"] = "public, max-age=3600" if settings.public_url else "no-store"
    return ServerMetadata(
        issuer=settings.issuer,
        authorization_endpoint=base + AUTHORIZE_PATH,
        token_endpoint=base + TOKEN_PATH,
        userinfo_endpoint=f"{base}/oauth/userinfo",
        end_session_endpoint=f"{base}/oauth/logout",
        jwks_uri=base + JWKS_PATH,
        revocation_endpoint=f"{base}/oauth/revoke",
        introspection_endpoint=f"{base}/oauth/introspect",
    )


@router.get("/.well-known/openid-configuration", summary="The metadata of the OpenID provider")
async def retrieve_openid_configuration(request: Request, response: Response, services: ServicesDep) -> ServerMetadata:
    """The same document where OpenID Connect Discovery 1.0 looks for it."""
    return await retrieve_oauth_metadata(request, response, services)

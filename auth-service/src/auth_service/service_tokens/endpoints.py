"""Where a service gets its token; `lightbox_shared.http.ServiceTokens` is the client."""

from fastapi import APIRouter, Header, Response

from auth_service.service_tokens.schemas import ServiceToken
from auth_service.sessions.tokens import SERVICE_TOKEN_SECONDS
from auth_service.state import Issuer, Secrets
from lightbox_shared.http import SERVICE_TOKEN_PATH

router = APIRouter(tags=["internal"])


@router.post(SERVICE_TOKEN_PATH)
async def issue_service_token(
    response: Response, secrets: Secrets, issuer: Issuer, authorization: str = Header("")
) -> ServiceToken:
    """A token for the service whose name and secret come as HTTP Basic."""
    name = secrets.authenticate(authorization)
    response.headers["Cache-Control"] = "no-store"
    return ServiceToken(access_token=issuer.for_service(name), expires_in=SERVICE_TOKEN_SECONDS)

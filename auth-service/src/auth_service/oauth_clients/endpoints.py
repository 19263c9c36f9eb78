"""The registration of OAuth clients, for administrators, and their origins for the gateway."""

from typing import Final

from fastapi import APIRouter, Response

from auth_service.dependencies import Administrator
from auth_service.oauth_clients import repository
from auth_service.oauth_clients.errors import ClientIdTaken, ClientIsPublic
from auth_service.oauth_clients.schemas import (
    ClientOrigins,
    CreatedOAuthClient,
    NewClientSecret,
    NewOAuthClient,
    OAuthClientBody,
    OAuthClientChanges,
    OAuthClientList,
)
from auth_service.request_source import Source
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import ServiceOnly, needs
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import NotFound
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.pagination import PageQuery

ORIGINS_PATH: Final = "/internal/oauth/origins"

router = APIRouter(tags=["OAuth clients"], dependencies=[needs()])
internal_router = APIRouter(tags=["Internal"])


@router.post(
    "/api/oauth/clients",
    status_code=201,
    summary="Register an OAuth client",
    responses={201: headers(Location="The path of the client."), **errors(ClientIdTaken)},
)
async def create_oauth_client(
    body: NewOAuthClient,
    response: Response,
    *,
    caller: Administrator,
    session: Writing,
    services: ServicesDep,
    source: Source,
) -> CreatedOAuthClient:
    """Register a page or a program that signs people in by the authorization code grant. The secret of a confidential
    one is in this answer only."""
    made = await services.oauth_clients.create(session, body, source, actor=caller.actor)
    response.headers["Location"] = f"/api/oauth/clients/{made.row.id}"
    response.headers["Cache-Control"] = "no-store"
    return CreatedOAuthClient(**OAuthClientBody.of(made.row).model_dump(), client_secret=made.secret)


@router.get("/api/oauth/clients", summary="The registered OAuth clients")
async def list_oauth_clients(
    _caller: Administrator, session: Reading, services: ServicesDep, page: PageQuery
) -> OAuthClientList:
    """The clients, newest first. Those of the settings (LIGHTBOX_OAUTH_CLIENTS) and the services are not among them."""
    found = await services.oauth_clients.listed(session, page)
    return OAuthClientList(clients=[OAuthClientBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/api/oauth/clients/{row_id}", summary="One OAuth client", responses=errors(NotFound))
async def retrieve_oauth_client(
    row_id: RowId, _caller: Administrator, session: Reading, services: ServicesDep
) -> OAuthClientBody:
    """One registered client."""
    return OAuthClientBody.of(await services.oauth_clients.find(session, row_id))


@router.patch("/api/oauth/clients/{row_id}", summary="Change an OAuth client", responses=errors(NotFound))
async def update_oauth_client(
    row_id: RowId,
    body: OAuthClientChanges,
    *,
    caller: Administrator,
    session: Writing,
    services: ServicesDep,
    source: Source,
) -> OAuthClientBody:
    """Change a client. Whether it has a secret stays as it is. If it may do less from now on, the sessions that people
    have with it end."""
    return OAuthClientBody.of(await services.oauth_clients.change(session, row_id, body, source, actor=caller.actor))


@router.post(
    "/api/oauth/clients/{row_id}/secret",
    summary="A new secret for an OAuth client",
    responses=errors(NotFound, ClientIsPublic),
)
async def renew_oauth_client_secret(
    row_id: RowId,
    response: Response,
    *,
    caller: Administrator,
    session: Writing,
    services: ServicesDep,
    source: Source,
) -> NewClientSecret:
    """Give a confidential client another secret. The one before is refused from now on."""
    made = await services.oauth_clients.new_secret(session, row_id, source, actor=caller.actor)
    response.headers["Cache-Control"] = "no-store"
    return NewClientSecret(client_id=made.row.client_id, client_secret=made.secret or "")


@router.delete(
    "/api/oauth/clients/{row_id}", status_code=204, summary="Delete an OAuth client", responses=errors(NotFound)
)
async def delete_oauth_client(
    row_id: RowId, *, caller: Administrator, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """Delete a client. The sessions that people have with it end."""
    await services.oauth_clients.delete(session, row_id, source, actor=caller.actor)
    return Response(status_code=204)


@internal_router.get(ORIGINS_PATH, summary="The origins of OAuth clients, for the gateway")
async def internal_oauth_origins(_service: ServiceOnly, session: Reading) -> ClientOrigins:
    """The origins whose pages may read answers of the platform."""
    return ClientOrigins(origins=await repository.origins(session))

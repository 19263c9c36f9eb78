"""API keys of accounts, for accounts that are signed in; a key itself can't manage keys."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from auth_service.api_keys.errors import InvalidApiKey, TooManyApiKeys
from auth_service.api_keys.schemas import (
    ApiKeyBody,
    ApiKeyList,
    CreatedApiKey,
    ExchangedKey,
    KeyToExchange,
    NewApiKey,
)
from auth_service.dependencies import SignedIn
from auth_service.request_source import RequestSource, Source
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import ServiceOnly, needs
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import Forbidden, NotFound
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.pagination import PageQuery

router = APIRouter(tags=["API keys"], dependencies=[needs()])
internal_router = APIRouter(tags=["Internal"])

AccountId = Annotated[int | None, Query(ge=1, lt=2**63, description="The owner of the keys; for administrators.")]


@router.post(
    "/api/keys",
    status_code=201,
    summary="Make an API key",
    responses={201: headers(Location="The path of the key."), **errors(TooManyApiKeys)},
)
async def create_api_key(
    body: NewApiKey, response: Response, *, caller: SignedIn, session: Writing, services: ServicesDep, source: Source
) -> CreatedApiKey:
    """Make a key for a program or a device. The key itself is in this answer only."""
    made = await services.api_keys.create(session, caller.id, body, source, actor=caller.actor, caller=caller)
    response.headers["Location"] = f"/api/keys/{made.row.session_id}"
    response.headers["Cache-Control"] = "no-store"
    return CreatedApiKey(key=made.key, **ApiKeyBody.of(made.stored).model_dump(include=set(CreatedApiKey.model_fields)))


@router.get("/api/keys", summary="The API keys of the account", responses=errors(Forbidden))
async def list_api_keys(
    caller: SignedIn, session: Reading, services: ServicesDep, page: PageQuery, account_id: AccountId = None
) -> ApiKeyList:
    """The keys that work, newest first."""
    owner = caller.id if account_id is None else account_id
    if owner != caller.id and not caller.is_admin:
        raise Forbidden
    found = await services.api_keys.listed(session, owner, page)
    return ApiKeyList(keys=[ApiKeyBody.of(each) for each in found.rows], next_cursor=found.next_cursor)


@router.get("/api/keys/{key_id}", summary="One API key", responses=errors(NotFound))
async def retrieve_api_key(key_id: RowId, caller: SignedIn, session: Reading, services: ServicesDep) -> ApiKeyBody:
    """A key that works: one of the account itself; for administrators, a key of any account."""
    owner = None if caller.is_admin else caller.id
    return ApiKeyBody.of(await services.api_keys.find(session, key_id, account_id=owner))


@router.delete("/api/keys/{key_id}", status_code=204, summary="Revoke an API key", responses=errors(NotFound))
async def revoke_api_key(
    key_id: RowId, *, caller: SignedIn, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """Revoke a key of the account itself; for administrators, a key of any account. Within seconds the gateway refuses
    it."""
    owner = None if caller.is_admin else caller.id
    await services.api_keys.revoke(session, key_id, source, actor=caller.actor, account_id=owner)
    return Response(status_code=204)


@internal_router.post(
    "/internal/api-keys/exchange", summary="A token for an API key, for the gateway", responses=errors(InvalidApiKey)
)
async def internal_exchange_api_key(
    body: KeyToExchange, response: Response, _service: ServiceOnly, services: ServicesDep
) -> ExchangedKey:
    """A token for the client that sent this key to a gateway."""
    issued = await services.key_exchange.exchange(body.key.get_secret_value(), RequestSource(body.address))
    response.headers["Cache-Control"] = "no-store"
    return ExchangedKey(access_token=issued.token, expires_in=issued.expires_in)

"""`/api/keys`: the keys with which programs and devices act for an account. A key can do none of this itself."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from auth_service.api_keys.schemas import (
    ApiKeyBody,
    ApiKeyList,
    CreatedApiKey,
    ExchangedKey,
    KeyToExchange,
    NewApiKey,
)
from auth_service.caller import SignedIn
from auth_service.request_source import RequestSource, Source
from auth_service.state import ApiKeysState, KeyExchangeState
from lightbox_shared.auth.dependencies import ServiceOnly, needs
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import Forbidden
from lightbox_shared.pagination import PageQuery

PREFIX: Final = "/api/keys"

router = APIRouter(prefix=PREFIX, tags=["API keys"], dependencies=[needs()])
internal_router = APIRouter(prefix="/internal/api-keys", tags=["internal"])

KeyId = Annotated[int, Path(ge=1, lt=2**63)]
AccountId = Annotated[int | None, Query(ge=1, lt=2**63, description="Whose keys; administrators only.")]


@router.post("", status_code=201)
async def create_key(
    body: NewApiKey,
    response: Response,
    *,
    caller: SignedIn,
    session: Writing,
    keys: ApiKeysState,
    source: Source,
) -> CreatedApiKey:
    """Make a key. Its text is in this answer and nowhere else."""
    lifetime = timedelta(days=body.expires_in_days)
    made = await keys.create(
        session,
        caller.account,
        body.name,
        body.scopes,
        lifetime,
        source,
        device_id=body.device_id,
        actor=caller.actor,
        caller=caller,
    )
    response.headers["Location"] = f"{PREFIX}/{made.row.session_id}"
    response.headers["Cache-Control"] = "no-store"
    return CreatedApiKey(key=made.key, **ApiKeyBody.of(made.stored).model_dump(include=set(CreatedApiKey.model_fields)))


@router.get("")
async def list_keys(
    caller: SignedIn, session: Reading, keys: ApiKeysState, page: PageQuery, account_id: AccountId = None
) -> ApiKeyList:
    """The keys that work, newest first."""
    whose = caller.id if account_id is None else account_id
    if whose != caller.id and not caller.is_admin:
        raise Forbidden
    found = await keys.listed(session, whose, page)
    return ApiKeyList(keys=[ApiKeyBody.of(each) for each in found.rows], next_cursor=found.next_cursor)


@router.get("/{key_id}")
async def read_key(key_id: KeyId, caller: SignedIn, session: Reading, keys: ApiKeysState) -> ApiKeyBody:
    """One's own key that works; for administrators anybody's."""
    return ApiKeyBody.of(await keys.find(session, key_id, account_id=None if caller.is_admin else caller.id))


@router.delete("/{key_id}", status_code=204)
async def revoke_key(
    key_id: KeyId, *, caller: SignedIn, session: Writing, keys: ApiKeysState, source: Source
) -> Response:
    """Revoke one's own key; for administrators anybody's. Every gateway refuses it some seconds later."""
    whose = None if caller.is_admin else caller.id
    await keys.revoke(session, key_id, source, actor=caller.actor, account_id=whose)
    return Response(status_code=204)


@internal_router.post("/exchange")
async def exchange_key(
    body: KeyToExchange, response: Response, _service: ServiceOnly, exchange: KeyExchangeState
) -> ExchangedKey:
    """A token for whoever sent this key to a gateway."""
    opened = await exchange.exchange(body.key.get_secret_value(), RequestSource(body.address))
    response.headers["Cache-Control"] = "no-store"
    return ExchangedKey(access_token=opened.token, expires_in=opened.expires_in)

"""Looking at login sessions and ending them, and the feed of revoked sessions for the gateway."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.config import API_KEY_CLIENT
from auth_service.dependencies import SignedIn
from auth_service.request_source import Source
from auth_service.sessions import repository
from auth_service.sessions.schemas import RevocationFeed, RevokedSession, SessionBody, SessionList
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import CurrentAccount, ServiceOnly, WholeAccount
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import InvalidToken, NotFound
from lightbox_shared.openapi import errors
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.pagination import Page, PageQuery

REVOCATIONS_PATH: Final = "/internal/revocations"

router = APIRouter(tags=["Sessions"])
internal_router = APIRouter(tags=["Internal"])

Cursor = Annotated[int | None, Query(ge=0, lt=2**64, description="The `cursor` of an earlier answer.")]


@router.get("/api/sessions", summary="The sessions of the account")
async def list_sessions(_whole: WholeAccount, caller: SignedIn, session: Reading, page: PageQuery) -> SessionList:
    """The sessions that have not ended, newest first. API keys are not among them."""
    rows = await repository.page_of_account(session, caller.id, page, but_of_client=API_KEY_CLIENT)
    found = Page.of(rows, page, lambda row: row.id)
    shown = [SessionBody.of(row, caller.session_id) for row in found.rows]
    return SessionList(sessions=shown, next_cursor=found.next_cursor)


@router.delete("/api/sessions/current", status_code=204, summary="End the session of this request")
async def end_current_session(
    account: CurrentAccount, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """End the session that the token belongs to. A token with scopes may do that as well."""
    if account.session_id is None:
        raise InvalidToken
    if await services.sessions.revoke(session, account.account, account.session_id):
        await record(session, Action.SESSION_ENDED, source, account_id=account.account, session_id=account.session_id)
    return Response(status_code=204)


@router.delete("/api/sessions/{session_id}", status_code=204, summary="End one session", responses=errors(NotFound))
async def end_session(
    session_id: RowId,
    *,
    _whole: WholeAccount,
    caller: SignedIn,
    session: Writing,
    services: ServicesDep,
    source: Source,
) -> Response:
    """End one of the account's sessions. API keys are revoked at `/api/keys`."""
    if not await services.sessions.revoke_login(session, caller.id, session_id):
        raise NotFound
    await record(session, Action.SESSION_ENDED, source, account_id=caller.id, session_id=session_id)
    return Response(status_code=204)


@router.delete("/api/sessions", status_code=204, summary="End all sessions")
async def end_all_sessions(
    *, _whole: WholeAccount, caller: SignedIn, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """End all sessions of the account, on all devices. Its API keys stay."""
    ended = await services.sessions.revoke_all(session, caller.id)
    await record(session, Action.SESSIONS_ENDED, source, account_id=caller.id, sessions=ended)
    return Response(status_code=204)


@internal_router.get(REVOCATIONS_PATH, summary="The sessions that were revoked, for the gateway")
async def internal_revocations(_service: ServiceOnly, session: Reading, after: Cursor = None) -> RevocationFeed:
    """All revoked sessions whose tokens have not expired; with `after`, those since that cursor.

    `repository.revocations` says why none is missed.
    """
    found = await repository.revocations(session, after)
    revoked = [RevokedSession(sid=sid, exp=int(expires_at.timestamp())) for sid, expires_at in found.revoked]
    return RevocationFeed(cursor=str(found.cursor), revoked=revoked)

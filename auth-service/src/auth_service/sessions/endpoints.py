"""Looking at sessions and ending them, and the feed from which the gateway learns which have ended."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from auth_service.audit.trail import Action, record
from auth_service.caller import SignedIn
from auth_service.request_source import Source
from auth_service.sessions import repository
from auth_service.sessions.schemas import RevocationFeed, RevokedSession, SessionBody, SessionList
from auth_service.sessions.service import API_KEY_CLIENT
from auth_service.state import SessionsState
from lightbox_shared.auth.dependencies import CurrentAccount, ServiceOnly, WholeAccount
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import InvalidToken, NotFound
from lightbox_shared.pagination import Page, PageQuery

router = APIRouter(tags=["sessions"])

REVOCATIONS_PATH: Final = "/internal/revocations"

Cursor = Annotated[int | None, Query(ge=0, lt=2**64)]
SessionId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/api/sessions")
async def list_sessions(_whole: WholeAccount, caller: SignedIn, session: Reading, page: PageQuery) -> SessionList:
    """The account's sessions that have not ended, newest first. API keys have a list of their own."""
    rows = await repository.page_of_account(session, caller.id, page, but_of_client=API_KEY_CLIENT)
    found, current = Page.of(rows, page, lambda row: row.id), caller.principal.session_id
    return SessionList(sessions=[SessionBody.of(row, current) for row in found.rows], next_cursor=found.next_cursor)


@router.delete("/api/sessions/current", status_code=204)
async def end_session(account: CurrentAccount, session: Writing, sessions: SessionsState, source: Source) -> Response:
    """End the session that the presented token belongs to."""
    if account.session_id is None:
        raise InvalidToken
    if await sessions.revoke(session, account.account, account.session_id):
        await record(session, Action.SESSION_ENDED, source, account_id=account.account, session_id=account.session_id)
    return Response(status_code=204)


@router.delete("/api/sessions/{session_id}", status_code=204)
async def end_one_session(
    session_id: SessionId,
    *,
    _whole: WholeAccount,
    caller: SignedIn,
    session: Writing,
    sessions: SessionsState,
    source: Source,
) -> Response:
    """End one of the account's sessions."""
    if not await sessions.revoke_login(session, caller.id, session_id):
        raise NotFound
    await record(session, Action.SESSION_ENDED, source, account_id=caller.id, session_id=session_id)
    return Response(status_code=204)


@router.delete("/api/sessions", status_code=204)
async def end_all_sessions(
    *, _whole: WholeAccount, caller: SignedIn, session: Writing, sessions: SessionsState, source: Source
) -> Response:
    """End all sessions of the account, on all devices; its API keys stay."""
    ended = await sessions.revoke_all(session, caller.id)
    await record(session, Action.SESSIONS_ENDED, source, account_id=caller.id, sessions=ended)
    return Response(status_code=204)


@router.get(REVOCATIONS_PATH)
async def read_revocations(_service: ServiceOnly, session: Reading, after: Cursor = None) -> RevocationFeed:
    """All revoked sessions whose tokens have not expired; with `after`, those since that cursor. See
    `repository.revocations` for why none is missed."""
    found = await repository.revocations(session, after)
    revoked = [RevokedSession(sid=sid, exp=int(expires_at.timestamp())) for sid, expires_at in found.revoked]
    return RevocationFeed(cursor=str(found.cursor), revoked=revoked)

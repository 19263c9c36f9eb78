"""Ending sessions, and the feed from which the gateway learns which have ended."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from auth_service.sessions import repository
from auth_service.sessions.schemas import RevocationFeed, RevokedSession
from auth_service.state import SessionsState
from lightbox_shared.auth.dependencies import CurrentAccount, ServiceOnly
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import InvalidToken

router = APIRouter(tags=["sessions"])

REVOCATIONS_PATH: Final = "/internal/revocations"

Cursor = Annotated[int | None, Query(ge=0, lt=2**64)]


@router.delete("/api/sessions/current", status_code=204)
async def end_session(account: CurrentAccount, session: Writing, sessions: SessionsState) -> Response:
    """End the session that the presented token belongs to."""
    if account.session_id is None:
        raise InvalidToken
    await sessions.revoke(session, account.account, account.session_id)
    return Response(status_code=204)


@router.delete("/api/sessions", status_code=204)
async def end_all_sessions(account: CurrentAccount, session: Writing, sessions: SessionsState) -> Response:
    """End all sessions of the account, on all devices."""
    await sessions.revoke_all(session, account.account)
    return Response(status_code=204)


@router.get(REVOCATIONS_PATH)
async def read_revocations(_service: ServiceOnly, session: Reading, after: Cursor = None) -> RevocationFeed:
    """All revoked sessions whose tokens have not expired; with `after`, those since that cursor. See
    `repository.revocations` for why none is missed."""
    found = await repository.revocations(session, after)
    revoked = [RevokedSession(sid=sid, exp=int(expires_at.timestamp())) for sid, expires_at in found.revoked]
    return RevocationFeed(cursor=str(found.cursor), revoked=revoked)

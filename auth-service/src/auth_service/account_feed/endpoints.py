"""The path of the feed."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from auth_service.account_feed import service
from auth_service.account_feed.places import LONGEST_CURSOR
from auth_service.account_feed.schemas import AccountFeed
from lightbox_shared.auth.dependencies import ServiceOnly
from lightbox_shared.database import Reading
from lightbox_shared.responses.pagination import MAX_LIMIT

ACCOUNT_CHANGES_PATH: Final = "/internal/accounts/changes"

internal_router = APIRouter(tags=["Internal"])

Cursor = Annotated[
    str | None, Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the last answer; absent at first.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Accounts in the answer, at most.")]


@internal_router.get(ACCOUNT_CHANGES_PATH, summary="The accounts that changed, for other services")
async def internal_account_changes(
    _service: ServiceOnly, session: Reading, cursor: Cursor = None, limit: Limit = MAX_LIMIT
) -> AccountFeed:
    """All accounts at first, then those whose username, nickname or authority changed, and those that were deleted.

    The reserved account 1 is left out. No change is missed, also by a reader that did not ask for a long time; a change
    may come twice.
    """
    return await service.changes(session, cursor, limit)

"""The audit trail, for administrators, and what other services write into it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from auth_service.audit import repository
from auth_service.audit.entries import Action
from auth_service.audit.repository import Filters
from auth_service.audit.schemas import AuditEntryBody, AuditPage, EntryOfService
from auth_service.audit.service import record_for_service
from auth_service.dependencies import Administrator
from lightbox_shared.auth.dependencies import ServiceOnly, needs
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.responses.pagination import Page, PageQuery

router = APIRouter(tags=["Audit trail"], dependencies=[needs()])
internal_router = APIRouter(tags=["Internal"])

ActionFilter = Annotated[Action | None, Query(description="What the entry tells about.")]
Actor = Annotated[str | None, Query(max_length=100, pattern="^[!-~]+$", description="Who acted, such as `account:7`.")]
AccountId = Annotated[int | None, Query(ge=1, lt=2**63, description="The account that the action concerns.")]
From = Annotated[
    str | None, Query(alias="from", max_length=40, description="The earliest time, in ISO 8601; UTC without a zone.")
]
To = Annotated[
    str | None, Query(alias="to", max_length=40, description="The time before which the entries were written, alike.")
]


def _time(name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    # A `+` that was not percent-encoded arrives as a blank. The date comes first: after it a blank may stand for `T`
    # (RFC 3339 section 5.6).
    date, rest = value[:11], value[11:]
    try:
        at = datetime.fromisoformat(date + rest.replace(" ", "+"))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest.of(name, Sentence("not-a-time", "This is not a time in ISO 8601."), "query") from error


async def _filters(
    action: ActionFilter = None,
    actor: Actor = None,
    account_id: AccountId = None,
    since: From = None,
    until: To = None,
) -> Filters:
    return Filters(action, actor, account_id, _time("from", since), _time("to", until))


@router.get("/api/audit", summary="The entries of the audit trail")
async def list_audit_entries(
    _admin: Administrator, session: Reading, page: PageQuery, filters: Annotated[Filters, Depends(_filters)]
) -> AuditPage:
    """The entries that fit all filters, newest first."""
    found = Page.of(await repository.page(session, filters, page), page, lambda row: row.sequence)
    return AuditPage(entries=[AuditEntryBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@internal_router.post("/internal/audit", status_code=204, summary="Write to the audit trail, for other services")
async def internal_audit(
    service: ServiceOnly, body: Annotated[EntryOfService, form_or_json(EntryOfService)], session: Writing
) -> Response:
    """Append an entry about what an account did at the calling service."""
    await record_for_service(session, service, body)
    return Response(status_code=204)

"""Writing to the audit trail.

An entry is part of the transaction that it tells about: either both are there or neither. It locks the end of the
chain until that transaction ends, so it is recorded last.
"""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import insert

from auth_service.audit.models import AuditEntry
from auth_service.request_source import RequestSource
from lightbox_shared.auth.principal import ACCOUNT_SUBJECT
from lightbox_shared.database import WriteSession

NOBODY: Final = "nobody"
"""The actor where nobody has shown yet who they are."""


class Action(StrEnum):
    """What can happen; the names are on the wire."""

    SIGNED_IN = "signed-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGN_IN_SLOWED = "sign-in-slowed"
    """So many failures that the next attempts are refused for a while."""
    SESSION_ENDED = "session-ended"
    SESSIONS_ENDED = "sessions-ended"
    REFRESH_TOKEN_REUSED = "refresh-token-reused"  # noqa: S105 - a name
    ACCOUNT_CREATED = "account-created"
    ACCOUNT_CHANGED = "account-changed"
    ACCOUNT_DELETED = "account-deleted"
    ACCOUNTS_IMPORTED = "accounts-imported"
    AUTHORITY_CHANGED = "authority-changed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name
    API_KEY_CREATED = "api-key-created"
    API_KEY_USED = "api-key-used"
    API_KEY_REVOKED = "api-key-revoked"
    SIGNING_KEY_ROTATED = "signing-key-rotated"


def account_actor(account_id: int) -> str:
    """How an account is named as an actor; the subject of its tokens."""
    return f"{ACCOUNT_SUBJECT}{account_id}"


def timestamp(at: datetime) -> str:
    """`2026-01-31T12:00:00.000000Z`: ISO 8601 in UTC, always as long, so that it sorts as text."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def entry(
    action: Action,
    source: RequestSource,
    *,
    actor: str | None = None,
    account_id: int | None = None,
    **details: str | int | bool | list[str] | None,
) -> str:
    """What is inserted, for a statement that inserts more than that; see `record`."""
    return json.dumps(
        {
            "at": timestamp(datetime.now(UTC)),
            "action": action.value,
            "actor": actor or source.actor or (NOBODY if account_id is None else account_actor(account_id)),
            "account_id": account_id,
            "address": source.address,
            "details": details,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


async def record(
    session: WriteSession,
    action: Action,
    source: RequestSource,
    *,
    actor: str | None = None,
    account_id: int | None = None,
    **details: str | int | bool | list[str] | None,
) -> None:
    """Append an entry, as the last thing in the transaction. `account_id` is whom it concerns; `actor` who did it, by
    default that account, or else `source.actor`. Details never contain what people typed, nor anything secret; the one
    exception is the device that an API key is bound to, since who may speak for which device is what auditors ask."""
    text = entry(action, source, actor=actor, account_id=account_id, **details)
    await session.execute(insert(AuditEntry.__table__).values(entry=text))  # type: ignore[arg-type]

"""The entries of the audit trail, as they are written."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from auth_service.request_source import UNKNOWN_ACTOR, RequestSource, account_actor


class Action(StrEnum):
    """What an entry tells about. The names are on the wire."""

    SIGNED_IN = "signed-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGN_IN_SLOWED = "sign-in-slowed"
    """After this many failures the next attempts are refused for a while."""
    SESSION_ENDED = "session-ended"
    SESSIONS_ENDED = "sessions-ended"
    REFRESH_TOKEN_REUSED = "refresh-token-reused"  # noqa: S105 - a name
    AUTHORIZATION_CODE_REUSED = "authorization-code-reused"
    """The session that the code was exchanged for has ended."""
    OAUTH_CLIENT_CREATED = "oauth-client-created"
    OAUTH_CLIENT_CHANGED = "oauth-client-changed"
    OAUTH_CLIENT_DELETED = "oauth-client-deleted"
    CONSENT_GIVEN = "consent-given"
    CONSENT_REVOKED = "consent-revoked"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_RENAMED = "passkey-renamed"
    PASSKEY_DELETED = "passkey-deleted"
    PASSKEY_COUNTER_WENT_BACK = "passkey-counter-went-back"
    """The authenticator has signed less often than before: it may have been copied. The sign-in was refused."""
    ACCOUNT_CREATED = "account-created"
    ACCOUNT_CHANGED = "account-changed"
    ACCOUNT_DELETED = "account-deleted"
    ACCOUNTS_IMPORTED = "accounts-imported"
    AUTHORITY_CHANGED = "authority-changed"
    ADMINISTRATOR_MADE = "administrator-made"
    """In whatever way: at the first start, on the command line, by an import, or by a change of authority. It follows
    the entry that tells of the account or the change."""
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name
    API_KEY_CREATED = "api-key-created"
    API_KEY_USED = "api-key-used"
    API_KEY_REVOKED = "api-key-revoked"
    SIGNING_KEY_ROTATED = "signing-key-rotated"
    EXPORT_CREATED = "export-created"
    """Told by the service that made it."""
    LABELLING_IMAGE_DELETED = "labelling-image-deleted"
    """Told by annotation-service, as the next one."""
    LABELLING_JOB_DELETED = "labelling-job-deleted"
    GALLERY_GROUP_DELETED = "gallery-group-deleted"
    """Told by imagehub-service, as those below."""
    GALLERY_GROUPS_MERGED = "gallery-groups-merged"
    GALLERY_PICTURE_DELETED = "gallery-picture-deleted"
    DRIVE_ITEM_DELETED = "drive-item-deleted"
    """A file, or a folder with its files."""
    DRIVE_DISCONNECTED = "drive-disconnected"
    """What the use of an own drive was allowed with is forgotten."""
    GALLERY_SHARE_CREATED = "gallery-share-created"
    GALLERY_SHARE_CHANGED = "gallery-share-changed"
    GALLERY_SHARE_REVOKED = "gallery-share-revoked"
    COLLECTION_PICTURE_DELETED = "collection-picture-deleted"
    """Told by core-collection-service, as those below."""
    RETENTION_RULE_CHANGED = "retention-rule-changed"
    """How long the pictures of devices are kept."""
    RETENTION_RULE_DELETED = "retention-rule-deleted"


Detail = str | int | bool | list[str] | None
"""What a detail of an entry may be."""


def timestamp(at: datetime) -> str:
    """A time in ISO 8601 and UTC, as `2026-01-31T12:00:00.000000Z`. The length is always the same, so that times sort
    as texts."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def entry_text(
    action: Action,
    source: RequestSource,
    *,
    actor: str | None = None,
    account_id: int | None = None,
    details: Mapping[str, Detail],
) -> str:
    """An entry as JSON; see `audit.service.record` for the parameters."""
    return json.dumps(
        {
            "at": timestamp(datetime.now(UTC)),
            "action": action.value,
            "actor": actor or source.actor or (UNKNOWN_ACTOR if account_id is None else account_actor(account_id)),
            "account_id": account_id,
            "address": source.address,
            "details": dict(details),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )

"""Writing to the audit trail.

An entry belongs to the transaction that it tells about: either both are committed or neither. It locks the end of the
chain until that transaction ends, so it is written last.
"""

from auth_service.audit import repository
from auth_service.audit.entries import Action, Detail, entry_text
from auth_service.audit.schemas import EntryOfService
from auth_service.request_source import RequestSource, account_actor
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession


async def record(
    session: WriteSession,
    action: Action,
    source: RequestSource,
    *,
    actor: str | None = None,
    account_id: int | None = None,
    **details: Detail,
) -> None:
    """Append an entry. Call it last in the transaction.

    `account_id` is the account that the action concerns; `actor` is who acted, by default that account, or
    `source.actor` where there is one. `details` contain no secrets and no text that people typed, with one exception:
    ids of devices, of keys that are bound to them and of rules about their pictures, since auditors ask for these.
    """
    text = entry_text(action, source, actor=actor, account_id=account_id, details=details)
    await repository.append(session, text)


async def record_new_account(
    session: WriteSession,
    source: RequestSource,
    *,
    account_id: int,
    authority: Authority,
    actor: str | None = None,
    **details: Detail,
) -> None:
    """Append the entries about an account that was made, with its authority: two for an administrator."""
    created = {"authority": int(authority), **details}
    await record(session, Action.ACCOUNT_CREATED, source, actor=actor, account_id=account_id, **created)
    if authority is Authority.ADMIN:
        await record(session, Action.ADMINISTRATOR_MADE, source, actor=actor, account_id=account_id)


async def record_for_service(session: WriteSession, service: str, entry: EntryOfService) -> None:
    """Append an entry about what an account did at another service, whose name is among the details; or a command of
    that service."""
    text = entry_text(
        entry.action,
        RequestSource(entry.address),
        actor=entry.actor if isinstance(entry.actor, str) else account_actor(entry.actor),
        account_id=None,
        details={**entry.details, "service": service},
    )
    await repository.append(session, text)

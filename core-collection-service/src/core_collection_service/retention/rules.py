"""The rules of retention as people see, change and try them.

What holds for a device is its own rule, or else the default rule of its collection, or else the setting for pictures
that were sent without a credential. A rule without any limit keeps everything for ever. Every change, by an account or
a command, is written down in the audit trail, after everything has been checked and before it is committed: where that
can't be done, nothing is changed, and what is refused leaves no entry. Only a commit that fails, or an answer of the
audit trail that is lost, leaves an entry of a change that has not been made.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import anyio
from sqlalchemy.exc import DBAPIError

from core_collection_service.author import Author
from core_collection_service.errors import InvalidCursor
from core_collection_service.pictures import repository as pictures
from core_collection_service.pictures.models import PictureKey, PictureRecord
from core_collection_service.protocol.cursors import NotACursor, opened_text, sealed_text
from core_collection_service.retention import repository
from core_collection_service.retention.errors import NoSuchRule
from core_collection_service.retention.repository import EVERY_DEVICE, Rule, Sessions
from core_collection_service.retention.service import cutoff, devices_under, reading_until
from lightbox_shared.audit import AuditTrail, Detail
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors import Unavailable
from lightbox_shared.responses.pagination import Page

RULE_CHANGED: Final = "retention-rule-changed"
RULE_DELETED: Final = "retention-rule-deleted"
DAY_SECONDS: Final = 86_400
MOST_DAYS: Final = 36_500
RECORD_SECONDS: Final = 2.0
CHANGE_WAIT_SECONDS: Final = 20.0
"""Less than the gateway waits for an answer."""
"""So long a change waits for the audit trail, and other changes for it. Rules can be read meanwhile."""
PREVIEW_SECONDS: Final = 10.0
"""After that a preview ends with the devices that it has counted, also in the middle of a statement."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What is kept of a device, or of all devices of a collection that have no rule of their own."""

    collection: str
    device_id: str
    """`EVERY_DEVICE` for the latter."""
    rule: Rule | None
    """Its own rule."""
    default: Rule | None
    """The default rule of the collection."""
    anonymous_days: int
    """Without any rule, the age in days at which pictures expire that were sent without a credential; 0 for never."""


class Preview(NamedTuple):
    """Pictures that would be deleted at this moment."""

    devices: int
    """How many devices they are of."""
    pictures: int
    size: int
    """Bytes as they were sent."""
    oldest: PictureRecord | None
    """The one with the oldest timestamp."""
    is_complete: bool
    """False if there was no time to count the pictures of all devices."""


def _anything(_holding: Holding) -> None:
    """For a change that is right with every rule before it."""


class RetentionRules:
    """Reads, changes and tries rules. Safe to use from many tasks."""

    def __init__(self, database: Database, audit: AuditTrail | None, *, anonymous_days: int) -> None:
        """`audit` is None where rules are only looked at. `anonymous_days` is the age at which pictures expire that no
        rule is about and that were sent without a credential; 0 for never."""
        self._database = database
        self._audit = audit
        self._anonymous_days = anonymous_days
        self._changing = anyio.Lock()

    async def holding(self, collection: str, device_id: str) -> Holding:
        """What holds for a device, or, for `EVERY_DEVICE`, for all that have no rule of their own."""
        async with self._database.reading() as session:
            return await self._holding(session, collection, device_id)

    async def page(self, limit: int, cursor: str | None) -> Page[Rule]:
        """All rules, by collection and device id, the default rule of a collection first. Raises `InvalidCursor`."""
        async with self._database.reading() as session:
            found = await repository.rules_after(session, _position(cursor), limit + 1)
        shown = found[:limit]
        if len(found) <= limit:
            return Page(shown, None)
        return Page(shown, sealed_text((shown[-1].collection, shown[-1].device_id), "retention"))

    async def put(self, rule: Rule, author: Author, check: Callable[[Holding], None] = _anything) -> Holding:
        """Set a rule, in place of the one that there may be for the same device. Setting a rule that is there already
        changes nothing and is not written down. Returns what holds then.

        Raises what `check` raises about what holds before, and `Unavailable` if the audit trail does not answer.
        """
        async with self._one_change() as session:
            before = await self._holding(session, rule.collection, rule.device_id)
            check(before)
            if before.rule == rule:
                return before
            await repository.put_rule(session, rule)
            holding = await self._holding(session, rule.collection, rule.device_id)
            await self._record(RULE_CHANGED, rule, author, before.rule)
        return holding

    async def delete(
        self,
        collection: str,
        device_id: str,
        author: Author,
        check: Callable[[Holding], None] = _anything,
    ) -> None:
        """Delete the rule of a device, or the default rule of a collection. Raises `NoSuchRule`, and what `put`
        raises."""
        async with self._one_change() as session:
            before = await self._holding(session, collection, device_id)
            check(before)
            if not await repository.delete_rule(session, collection, device_id):
                raise NoSuchRule
            await self._record(RULE_DELETED, Rule(collection, device_id, None, None), author, before.rule)

    @asynccontextmanager
    async def _one_change(self) -> AsyncIterator[WriteSession]:
        """The transaction of a change; the next one begins after it. Changes that wait for it in this process hold no
        connection, which uploads need, however long the audit trail takes. Raises `Unavailable` after
        `CHANGE_WAIT_SECONDS`."""
        try:
            with anyio.fail_after(CHANGE_WAIT_SECONDS):
                await self._changing.acquire()
        except TimeoutError as error:
            raise Unavailable("Too many rules are being changed at once.") from error
        try:
            async with self._database.writing() as session:
                await repository.lock_rules(session)
                yield session
        finally:
            self._changing.release()

    async def preview(
        self, collection: str, device_id: str, rule: Rule | None, *, seconds: float = PREVIEW_SECONDS
    ) -> Preview:
        """What would be deleted at this moment if a device had this rule, or, for None, if it had none of its own; for
        `EVERY_DEVICE`, of all devices that have none of their own. It ends after about so many `seconds`."""
        devices = count = size = 0
        oldest: PictureKey | None = None
        ends_at = anyio.current_time() + seconds
        is_complete = True
        tried, anonymous_only = await self._would_hold(collection, device_id, rule)
        async with self._database.reading() as session:
            moment = await repository.clock(session)
        try:
            async for each in devices_under(self._database, tried, moment, ends_at=ends_at):
                if anyio.current_time() > ends_at:
                    is_complete = False
                    break
                async with reading_until(self._database, ends_at) as session:
                    found = await repository.count_expired(
                        session, tried, each, cutoff(tried, moment), anonymous_only=anonymous_only
                    )
                if found.first_taken_at is not None:
                    devices, count, size = devices + 1, count + found.pictures, size + found.size
                    if oldest is None or found.first_taken_at < oldest.taken_at:
                        oldest = PictureKey(collection, each, found.first_taken_at)
        except DBAPIError as error:
            if not repository.was_out_of_time(error):
                raise
            is_complete = False
        record = None
        if oldest is not None:
            async with self._database.autocommit() as connection:
                record = await pictures.find(connection, oldest)
        return Preview(devices, count, size, record, is_complete)

    async def _would_hold(self, collection: str, device_id: str, rule: Rule | None) -> tuple[Rule, bool]:
        """The limits that would hold for a device, and whether they would be those for pictures without a
        credential."""
        if rule is not None:
            return rule, False
        default = None
        if device_id != EVERY_DEVICE:
            async with self._database.reading() as session:
                default = await repository.rule_of(session, collection, EVERY_DEVICE)
        if default is not None:
            return Rule(collection, device_id, default.max_age_seconds, default.max_bytes), False
        return Rule(collection, device_id, self._anonymous_days * DAY_SECONDS or None, None), True

    async def _holding(self, session: Sessions, collection: str, device_id: str) -> Holding:
        default = await repository.rule_of(session, collection, EVERY_DEVICE)
        own = default if device_id == EVERY_DEVICE else await repository.rule_of(session, collection, device_id)
        return Holding(collection, device_id, own, default, self._anonymous_days)

    async def _record(self, action: str, rule: Rule, author: Author, before: Rule | None) -> None:
        """Write down a change that is about to be committed. Raises `Unavailable` if that is not done soon."""
        if self._audit is None:
            raise Unavailable("There is no audit trail that could take the entry that this needs.")
        details: dict[str, Detail] = {
            "collection": rule.collection,
            "device": rule.device_id or None,
            **({} if action == RULE_DELETED else _limits("", rule)),
            **({} if before is None else _limits("_before", before)),
        }
        try:
            with anyio.fail_after(RECORD_SECONDS):
                await self._audit.record(action, author.actor, author.address, details)
        except TimeoutError as error:
            raise Unavailable("The audit trail does not answer at the moment.") from error


def rule_of_days(collection: str, device_id: str, days: int | None, size: int | None) -> Rule:
    """A rule that keeps pictures for so many days, and so many bytes of each device; None for no limit."""
    return Rule(collection, device_id, None if days is None else days * DAY_SECONDS, size)


def days_of(rule: Rule) -> int | None:
    """The whole days that a rule keeps pictures; None without a limit."""
    return None if rule.max_age_seconds is None else rule.max_age_seconds // DAY_SECONDS


def _limits(suffix: str, rule: Rule) -> dict[str, Detail]:
    return {f"days{suffix}": days_of(rule), f"bytes{suffix}": rule.max_bytes}


def _position(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    try:
        collection, device_id = opened_text(cursor, 2, "retention")
    except NotACursor as error:
        raise InvalidCursor from error
    return collection, device_id

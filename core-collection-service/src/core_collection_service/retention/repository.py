"""All SQL about retention. Deleting reads an index of the pictures of one device in its order, by timestamp or by when
they were received, and stops at its limit; only the preview (`doomed`) reads all rows of a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from core_collection_service.devices.models import Device
from core_collection_service.orm import written_limit
from core_collection_service.pictures.models import Picture
from core_collection_service.retention.models import RetentionRule
from lightbox_shared.database import ReadSession, WriteSession

EVERY_DEVICE: Final = ""
"""The device id of a rule for all devices that have none of their own."""

Sessions = ReadSession | WriteSession


@dataclass(frozen=True, slots=True)
class Rule:
    """How long pictures are kept, and how many bytes; None: without a limit."""

    collection: str
    device_id: str
    max_age_seconds: int | None
    max_bytes: int | None


_RULE: Final = (
    RetentionRule.collection,
    RetentionRule.device_id,
    RetentionRule.max_age_seconds,
    RetentionRule.max_bytes,
)


async def clock(session: Sessions) -> datetime:
    """What time it is for the database, which also says when pictures were received."""
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def rules(session: Sessions) -> list[Rule]:
    """All rules, a collection's default first."""
    ordered = select(*_RULE).order_by(RetentionRule.collection, RetentionRule.device_id)
    return [Rule(*row) for row in await session.execute(ordered)]


async def rule_for(session: Sessions, collection: str, device_id: str) -> Rule | None:
    """The rule of a device: its own, else the default one."""
    found = await session.execute(
        select(*_RULE)
        .where(RetentionRule.collection == collection, RetentionRule.device_id.in_([device_id, EVERY_DEVICE]))
        .order_by(RetentionRule.device_id.desc())
        .limit(1)
    )
    row = found.one_or_none()
    return None if row is None else Rule(*row)


async def put_rule(session: WriteSession, rule: Rule) -> None:
    """Keep a rule, in place of the one that the device had."""
    limits = {"max_age_seconds": rule.max_age_seconds, "max_bytes": rule.max_bytes}
    statement = insert(RetentionRule).values(collection=rule.collection, device_id=rule.device_id, **limits)
    key = [RetentionRule.collection, RetentionRule.device_id]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_=limits))


async def delete_rule(session: WriteSession, collection: str, device_id: str) -> bool:
    """Whether there was one."""
    mine = (RetentionRule.collection == collection, RetentionRule.device_id == device_id)
    gone = await session.execute(delete(RetentionRule).where(*mine).returning(RetentionRule.device_id))
    return gone.one_or_none() is not None


async def candidates(session: Sessions, rule: Rule, cutoff: datetime | None, after: str, limit: int) -> list[str]:
    """Devices under this rule that may have something to delete, by their summaries alone."""
    own = select(RetentionRule.device_id).where(
        RetentionRule.collection == rule.collection, RetentionRule.device_id == Device.device_id
    )
    concerned = ~own.exists() if rule.device_id == EVERY_DEVICE else Device.device_id == rule.device_id
    limits: list[ColumnElement[bool]] = []
    if cutoff is not None:
        limits.append(Device.first_seen_at < cutoff)
    if rule.max_bytes is not None:
        limits.append(Device.bytes > rule.max_bytes)
    if not limits:
        return []
    statement = select(Device.device_id).where(
        Device.collection == rule.collection, Device.device_id > after, concerned, or_(*limits)
    )
    return list(await session.scalars(statement.order_by(Device.device_id).limit(limit)))


async def locked_bytes(session: WriteSession, collection: str, device_id: str) -> int | None:
    """How many bytes a device has, which until the end of the transaction nobody changes; None: no pictures."""
    mine = (Device.collection == collection, Device.device_id == device_id)
    found: int | None = await session.scalar(select(Device.bytes).where(*mine).with_for_update())
    return found


def too_old(collection: str, device_id: str, cutoff: datetime, limit: int) -> Select[Any]:
    """Ids of the first pictures of a device that were received before `cutoff`."""
    statement = select(Picture.id).where(*_of(collection, device_id), Picture.received_at < cutoff)
    return statement.order_by(Picture.received_at).limit(written_limit(limit))


async def received_before(
    session: Sessions, collection: str, device_id: str, cutoff: datetime, limit: int
) -> Sequence[int]:
    """The ids of `too_old`."""
    found: Sequence[int] = (await session.scalars(too_old(collection, device_id, cutoff, limit))).all()
    return found


async def oldest(session: Sessions, collection: str, device_id: str, limit: int) -> list[tuple[int, int]]:
    """Id and size of the oldest pictures by their timestamps; never that of the newest one."""
    newest = select(func.max(Picture.taken_at)).where(*_of(collection, device_id)).scalar_subquery()
    statement = select(Picture.id, Picture.size).where(*_of(collection, device_id), Picture.taken_at < newest)
    found = await session.execute(statement.order_by(Picture.taken_at).limit(limit))
    return [(row.id, row.size) for row in found]


async def doomed(session: ReadSession, rule: Rule, device_id: str, cutoff: datetime | None) -> tuple[int, int]:
    """How many pictures of a device, and bytes, the rule lets go. Reads all rows of the device."""
    kept_by_age = true() if cutoff is None else Picture.received_at >= cutoff
    newer = func.sum(Picture.size).filter(kept_by_age).over(order_by=Picture.taken_at.desc())
    seen = (
        select(Picture.size, kept_by_age.label("kept_by_age"), newer.label("up_to_it"))
        .where(*_of(rule.collection, device_id))
        .subquery()
    )
    gone: ColumnElement[bool] = ~seen.c.kept_by_age
    if rule.max_bytes is not None:
        # The newest of those that are left stays, however large it is.
        gone = or_(gone, (seen.c.up_to_it > rule.max_bytes) & (seen.c.up_to_it > seen.c.size))
    statement = select(func.count(), func.coalesce(func.sum(seen.c.size), 0)).select_from(seen).where(gone)
    count, size = (await session.execute(statement)).one()
    return count, int(size)


def _of(collection: str, device_id: str) -> tuple[Any, ...]:
    return Picture.collection == collection, Picture.device_id == device_id

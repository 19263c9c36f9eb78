"""The statements of retention. Those that find expired pictures read an index of one device's pictures in its order, by
timestamp or by when they were received, and stop at their limit; only `count_expired` reads all rows of a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from asyncpg.exceptions import QueryCanceledError
from sqlalchemy import ColumnElement, Label, Select, delete, func, or_, select, text, true, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from core_collection_service.devices.models import Device
from core_collection_service.orm import written_limit
from core_collection_service.pictures.models import Picture
from core_collection_service.retention.models import RetentionRule
from lightbox_shared.anonymous_storage.repository import CountStored
from lightbox_shared.database import ReadSession, WriteSession

EVERY_DEVICE: Final = ""
"""The device id of a rule for all devices that have no rule of their own."""

Sessions = ReadSession | WriteSession


@dataclass(frozen=True, slots=True)
class Rule:
    """How long pictures are kept, and how many bytes of a device; None stands for no limit."""

    collection: str
    device_id: str
    max_age_seconds: int | None
    max_bytes: int | None


class ExpiredOfDevice(NamedTuple):
    """The pictures of one device that a rule lets expire."""

    pictures: int
    """How many."""
    size: int
    """Bytes as they were sent."""
    first_taken_at: datetime | None
    """The oldest timestamp among them; None if there are none."""


_RULE: Final = (
    RetentionRule.collection,
    RetentionRule.device_id,
    RetentionRule.max_age_seconds,
    RetentionRule.max_bytes,
)


async def clock(session: Sessions) -> datetime:
    """The time of the database's clock, by which pictures are received."""
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def limit_time(session: WriteSession, seconds: float) -> None:
    """Let each further statement of this transaction end after so long, with an error that `was_out_of_time` knows."""
    milliseconds = max(1, int(seconds * 1000))  # 0 would be no limit
    await session.execute(select(func.set_config("statement_timeout", str(milliseconds), True)))


def was_out_of_time(error: DBAPIError) -> bool:
    """Whether the database ended a statement because of its time limit (SQLSTATE 57014)."""
    return bool(getattr(error.orig, "sqlstate", None) == QueryCanceledError.sqlstate)


async def rules(session: Sessions) -> list[Rule]:
    """All rules, by collection, its default first."""
    ordered = select(*_RULE).order_by(RetentionRule.collection, RetentionRule.device_id)
    return [Rule(*row) for row in await session.execute(ordered)]


async def rules_after(session: ReadSession, after: tuple[str, str], limit: int) -> list[Rule]:
    """The first rules behind `after`, by collection and device id; `("", "")` is before all of them."""
    key = (RetentionRule.collection, RetentionRule.device_id)
    statement = select(*_RULE).where(tuple_(*key) > after).order_by(*key).limit(limit)
    return [Rule(*row) for row in await session.execute(statement)]


async def rule_of(session: Sessions, collection: str, device_id: str) -> Rule | None:
    """The rule that a device has of its own, or, for `EVERY_DEVICE`, the default rule of the collection."""
    of_device = (RetentionRule.collection == collection, RetentionRule.device_id == device_id)
    row = (await session.execute(select(*_RULE).where(*of_device))).one_or_none()
    return None if row is None else Rule(*row)


async def lock_rules(session: WriteSession) -> None:
    """Let no other transaction change a rule until the end of this one; they can still be read."""
    await session.execute(text("LOCK TABLE retention_rules IN SHARE ROW EXCLUSIVE MODE"))


async def rule_for(session: Sessions, collection: str, device_id: str) -> Rule | None:
    """The rule for a device: its own, or else the default rule of the collection."""
    found = await session.execute(
        select(*_RULE)
        .where(RetentionRule.collection == collection, RetentionRule.device_id.in_([device_id, EVERY_DEVICE]))
        .order_by(RetentionRule.device_id.desc())
        .limit(1)
    )
    row = found.one_or_none()
    return None if row is None else Rule(*row)


async def put_rule(session: WriteSession, rule: Rule) -> None:
    """Add a rule, or replace the one for the same device."""
    limits = {"max_age_seconds": rule.max_age_seconds, "max_bytes": rule.max_bytes}
    statement = insert(RetentionRule).values(collection=rule.collection, device_id=rule.device_id, **limits)
    key = [RetentionRule.collection, RetentionRule.device_id]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_=limits))


async def delete_rule(session: WriteSession, collection: str, device_id: str) -> bool:
    """Delete the rule for a device, and return whether there was one."""
    of_device = (RetentionRule.collection == collection, RetentionRule.device_id == device_id)
    deleted = await session.execute(delete(RetentionRule).where(*of_device).returning(RetentionRule.device_id))
    return deleted.one_or_none() is not None


async def candidates(session: Sessions, rule: Rule, cutoff: datetime | None, after: str, limit: int) -> list[str]:
    """Ids greater than `after` of devices under this rule that may have expired pictures, found by their summaries."""
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
    """How many bytes a device has, None if it has no pictures. Its row stays locked until the end of the
    transaction."""
    of_device = (Device.collection == collection, Device.device_id == device_id)
    found: int | None = await session.scalar(select(Device.bytes).where(*of_device).with_for_update())
    return found


def expired_by_age(collection: str, device_id: str, cutoff: datetime, limit: int) -> Select[Any]:
    """The ids of the pictures of a device that were received first, and before `cutoff`."""
    statement = select(Picture.id).where(*_of(collection, device_id), Picture.received_at < cutoff)
    return statement.order_by(Picture.received_at).limit(written_limit(limit))


async def received_before(
    session: Sessions, collection: str, device_id: str, cutoff: datetime, limit: int
) -> Sequence[int]:
    """The ids that `expired_by_age` selects."""
    found: Sequence[int] = (await session.scalars(expired_by_age(collection, device_id, cutoff, limit))).all()
    return found


async def devices_without_rule(
    session: ReadSession, age: timedelta, after: tuple[str, str], limit: int
) -> list[tuple[str, str]]:
    """Collection and id of devices behind `after` in this order, whose first picture is older than `age`, and that no
    rule is about."""
    of_device = RetentionRule.device_id.in_([Device.device_id, EVERY_DEVICE])
    ruled = select(RetentionRule.device_id).where(RetentionRule.collection == Device.collection, of_device)
    statement = select(Device.collection, Device.device_id).where(
        tuple_(Device.collection, Device.device_id) > after, Device.first_seen_at < func.now() - age, ~ruled.exists()
    )
    found = await session.execute(statement.order_by(Device.collection, Device.device_id).limit(limit))
    return [(row.collection, row.device_id) for row in found]


async def anonymous_before(
    session: Sessions, collection: str, device_id: str, age: timedelta, limit: int
) -> Sequence[int]:
    """The ids of the pictures of a device that were sent without a credential and are older than `age`."""
    statement = select(Picture.id).where(
        *_of(collection, device_id), Picture.anonymous_bytes.is_not(None), Picture.received_at < func.now() - age
    )
    found: Sequence[int] = (
        await session.scalars(statement.order_by(Picture.received_at).limit(written_limit(limit)))
    ).all()
    return found


def counted_anonymous() -> CountStored:
    """What is counted for pictures that were sent without a credential."""
    counted = func.count(Picture.anonymous_bytes).label("pictures")
    size: Label[Any] = func.coalesce(func.sum(Picture.anonymous_bytes), 0).label("bytes")
    return select(counted, size).where(Picture.anonymous_bytes.is_not(None))


async def oldest(session: Sessions, collection: str, device_id: str, limit: int) -> list[tuple[int, int]]:
    """Id and size of the pictures with the oldest timestamps, without the newest picture."""
    newest = select(func.max(Picture.taken_at)).where(*_of(collection, device_id)).scalar_subquery()
    statement = select(Picture.id, Picture.size).where(*_of(collection, device_id), Picture.taken_at < newest)
    found = await session.execute(statement.order_by(Picture.taken_at).limit(limit))
    return [(row.id, row.size) for row in found]


async def count_expired(
    session: Sessions, rule: Rule, device_id: str, cutoff: datetime | None, *, anonymous_only: bool = False
) -> ExpiredOfDevice:
    """The pictures of a device that are expired by the rule; with `anonymous_only` those among them that were sent
    without a credential. Reads all rows of the device."""
    kept_by_age = true() if cutoff is None else Picture.received_at >= cutoff
    newer = func.sum(Picture.size).filter(kept_by_age).over(order_by=Picture.taken_at.desc())
    seen = (
        select(
            Picture.taken_at,
            Picture.size,
            Picture.anonymous_bytes,
            kept_by_age.label("kept_by_age"),
            newer.label("size_up_to_it"),
        )
        .where(*_of(rule.collection, device_id))
        .subquery()
    )
    expired: ColumnElement[bool] = ~seen.c.kept_by_age
    if rule.max_bytes is not None:
        # The newest of those that are kept by age stays, however large it is.
        expired = or_(expired, (seen.c.size_up_to_it > rule.max_bytes) & (seen.c.size_up_to_it > seen.c.size))
    if anonymous_only:
        expired = expired & seen.c.anonymous_bytes.is_not(None)
    figures = (func.count(), func.coalesce(func.sum(seen.c.size), 0), func.min(seen.c.taken_at))
    count, size, first = (await session.execute(select(*figures).select_from(seen).where(expired))).one()
    return ExpiredOfDevice(count, int(size), first)


def _of(collection: str, device_id: str) -> tuple[Any, ...]:
    return Picture.collection == collection, Picture.device_id == device_id

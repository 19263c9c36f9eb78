"""The queries of login throttling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from auth_service.login_throttling.models import FamiliarAddress, Guess
from auth_service.login_throttling.policy import FIRST_WAIT, LONGEST_WAIT, Bucket
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Statements, WriteSession

# One round trip: the account, whether the address is familiar to it, and the count with the decision whether the
# attempt is let through. See `count_guess` in migration 0002.
_COUNT: Final = text(
    """
    SELECT account.id, account.password_hash, account.password_changed_at, account.authority, familiar.last_seen_at,
           counted.bucket, counted.nth, counted.wait
      FROM (SELECT 1) AS attempt
      LEFT JOIN accounts AS account ON account.username_key = :name
      LEFT JOIN familiar_addresses AS familiar ON familiar.account_id = account.id AND familiar.address = :address
      LEFT JOIN LATERAL count_guess(
        familiar.account_id IS NOT NULL, :keys, :of_familiar, :limits, :refused_from, :leaks, :first_wait, :longest_wait
      ) AS counted ON true
    """
)
# Buckets are locked in the order of their keys, as `count_guess` does, so that no two transactions wait for each other.
_FORGIVE: Final = text(
    """
    WITH locked AS MATERIALIZED (SELECT bucket FROM guesses WHERE bucket = ANY (:keys) ORDER BY bucket FOR UPDATE)
    UPDATE guesses SET failures = CASE WHEN :wholly THEN 0 ELSE greatest(0, guesses.failures - 1) END
      FROM locked WHERE guesses.bucket = locked.bucket
    """
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """The account that an attempt names, as it was when the attempt was counted."""

    id: int
    password_hash: str | None
    password_changed_at: datetime
    authority: Authority


@dataclass(frozen=True, slots=True)
class Counted:
    """The count of an attempt."""

    account: Candidate | None
    """None if there is no account of this name."""
    last_seen_at: datetime | None
    """When the account signed in from this address last; None if the address is new to it."""
    failures: Mapping[bytes, int]
    """By key. If the attempt is let through: the failures in each bucket, this attempt included. If not: the failures
    in the buckets that refuse it."""
    wait: float
    """0 if the attempt is let through; else the seconds until the next one may be."""


async def count(session: Statements, name: str | None, address: str | None, buckets: Sequence[Bucket]) -> Counted:
    """Count an attempt as a failure before it is known whether it is one. `name` is the key of a username, or None for
    a name that no account can have."""
    values = {
        "name": name,
        "address": address,
        "keys": [each.key for each in buckets],
        "of_familiar": [each.is_familiar for each in buckets],
        "limits": [each.limit for each in buckets],
        "refused_from": [each.refused_from for each in buckets],
        "leaks": [each.leak_seconds for each in buckets],
        "first_wait": FIRST_WAIT,
        "longest_wait": LONGEST_WAIT,
    }
    rows = (await session.execute(_COUNT, values)).all()
    first = rows[0]
    return Counted(
        account=None if first.id is None else _candidate(first),
        last_seen_at=first.last_seen_at,
        failures={bytes(row.bucket): row.nth for row in rows if row.bucket is not None},
        wait=max(row.wait or 0.0 for row in rows),
    )


def _candidate(row: Row[Any]) -> Candidate:
    return Candidate(row.id, row.password_hash, row.password_changed_at, Authority(row.authority))


async def forgive(session: Statements, keys: Sequence[bytes], *, wholly: bool) -> None:
    """Take back an attempt that was not a failure; with `wholly`, all failures before it as well."""
    await session.execute(_FORGIVE, {"keys": list(keys), "wholly": wholly})


async def remember(session: WriteSession, account_id: int, address: str) -> None:
    """Store that an account signed in from an address."""
    statement = insert(FamiliarAddress).values(account_id=account_id, address=address)
    key = (FamiliarAddress.account_id, FamiliarAddress.address)
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_={"last_seen_at": func.now()}))


async def delete_untouched(session: WriteSession, age: timedelta, limit: int) -> int:
    """Delete up to `limit` buckets that have not changed for longer than `age`. Returns how many it deleted."""
    old = select(Guess.bucket).where(Guess.changed_at < func.now() - age).limit(limit)
    chosen = old.with_for_update(skip_locked=True)
    deleted = await session.execute(delete(Guess).where(Guess.bucket.in_(chosen)).returning(Guess.bucket))
    return len(deleted.all())


async def delete_unseen(session: WriteSession, age: timedelta, limit: int) -> int:
    """Delete up to `limit` familiar addresses without a sign-in for longer than `age`. Returns how many it deleted."""
    row = FamiliarAddress
    old = select(row.account_id, row.address).where(row.last_seen_at < func.now() - age).limit(limit)
    chosen = old.with_for_update(skip_locked=True).cte("old")
    statement = delete(row).where(row.account_id == chosen.c.account_id, row.address == chosen.c.address)
    deleted = await session.execute(statement.returning(row.account_id))
    return len(deleted.all())

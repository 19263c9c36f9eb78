"""All SQL about guesses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from auth_service.accounts.registration import Candidate
from auth_service.login_throttling.models import FamiliarAddress, Guess
from auth_service.login_throttling.policy import FIRST_WAIT, LONGEST_WAIT, Bucket
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Statements, WriteSession

# One round trip: who it is about, whether the address is familiar, and the count, with the decision whether this
# attempt may be made at all. See `count_guess` in migration 0002.
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
# Always in the order of the keys, like `count_guess`, so that no two transactions wait for each other.
_FORGIVE: Final = text(
    """
    WITH locked AS MATERIALIZED (SELECT bucket FROM guesses WHERE bucket = ANY (:keys) ORDER BY bucket FOR UPDATE)
    UPDATE guesses SET failures = CASE WHEN :wholly THEN 0 ELSE greatest(0, guesses.failures - 1) END
      FROM locked WHERE guesses.bucket = locked.bucket
    """
)


@dataclass(frozen=True, slots=True)
class Counted:
    """An attempt as the database sees it. `failures` has, by key, how many it makes where it was let through; where
    not, `wait` is how many seconds the next one has to, and `failures` has how many there are in what refused it."""

    account: Candidate | None
    familiar_since: datetime | None
    failures: Mapping[bytes, int]
    wait: float


async def count(session: Statements, name: str | None, address: str | None, buckets: Sequence[Bucket]) -> Counted:
    """Count an attempt as a failure, before it is known to be one. `name` is the key of a username; None where no
    account can have it."""
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
        familiar_since=first.last_seen_at,
        failures={bytes(row.bucket): row.nth for row in rows if row.bucket is not None},
        wait=max(row.wait or 0.0 for row in rows),
    )


def _candidate(row: Row[Any]) -> Candidate:
    return Candidate(row.id, row.password_hash, row.password_changed_at, Authority(row.authority))


async def forgive(session: Statements, keys: Sequence[bytes], *, wholly: bool) -> None:
    """Take an attempt back that was no failure; `wholly`: and all failures before it."""
    await session.execute(_FORGIVE, {"keys": list(keys), "wholly": wholly})


async def remember(session: WriteSession, account_id: int, address: str) -> None:
    """Note that an account signed in from an address."""
    statement = insert(FamiliarAddress).values(account_id=account_id, address=address)
    key = (FamiliarAddress.account_id, FamiliarAddress.address)
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_={"last_seen_at": func.now()}))


async def delete_untouched(session: WriteSession, age: timedelta, most: int) -> int:
    """Delete up to `most` buckets that nothing was counted in for so long; how many it were."""
    old = select(Guess.bucket).where(Guess.changed_at < func.now() - age).limit(most).with_for_update(skip_locked=True)
    deleted = await session.execute(delete(Guess).where(Guess.bucket.in_(old)).returning(Guess.bucket))
    return len(deleted.all())


async def delete_unseen(session: WriteSession, age: timedelta, most: int) -> int:
    """Delete up to `most` familiar addresses that nobody has signed in from for so long; how many it were."""
    row = FamiliarAddress
    old = select(row.account_id, row.address).where(row.last_seen_at < func.now() - age).limit(most)
    chosen = old.with_for_update(skip_locked=True).cte("old")
    statement = delete(row).where(row.account_id == chosen.c.account_id, row.address == chosen.c.address)
    deleted = await session.execute(statement.returning(row.account_id))
    return len(deleted.all())

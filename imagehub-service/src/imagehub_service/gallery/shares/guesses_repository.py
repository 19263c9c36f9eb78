"""The statements that count wrong passwords of shared links, in leaky buckets.

An attempt is counted before its password is verified, so that many at the same time are not more than one after the
other; the right password takes it back.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, DateTime, Double, LargeBinary, bindparam, text

from lightbox_shared.database import Statements

# A bucket that is full stays as it is: its failures leak away while attempts are refused.
_COUNT: Final = text(
    """
    INSERT INTO share_guesses AS old (bucket, failures, changed_at) VALUES (:bucket, 1, :now)
    ON CONFLICT (bucket) DO UPDATE
      SET failures = greatest(0, old.failures - extract(epoch FROM :now - old.changed_at) / :leak) + 1,
          changed_at = :now
      WHERE old.failures - extract(epoch FROM :now - old.changed_at) / :leak + 1 <= :most
    RETURNING bucket
    """
)
_WAIT: Final = text(
    "SELECT (failures + 1 - :most) * :leak - extract(epoch FROM :now - changed_at) FROM share_guesses"
    " WHERE bucket = :bucket"
)
_FORGIVE: Final = text("UPDATE share_guesses SET failures = greatest(0, failures - 1) WHERE bucket = :bucket")
_FORGET: Final = text("DELETE FROM share_guesses WHERE changed_at < :before")
_TYPES: Final = (
    bindparam("bucket", type_=LargeBinary),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("leak", type_=Double),
    bindparam("most", type_=BigInteger),
)


async def count(session: Statements, bucket: bytes, now: datetime, *, most: int, leak_seconds: float) -> float:
    """Count an attempt as a failure; one of them leaks away in `leak_seconds`. Returns 0 if the attempt is let through,
    since there are at most `most` of them, else in how many seconds the next one is."""
    values = {"bucket": bucket, "now": now, "leak": leak_seconds, "most": most}
    if (await session.execute(_COUNT.bindparams(*_TYPES), values)).scalar() is not None:
        return 0.0
    wait = (await session.execute(_WAIT.bindparams(*_TYPES), values)).scalar()
    return max(float(wait or 0), 1.0)


async def forgive(session: Statements, bucket: bytes) -> None:
    """Take back an attempt that was right."""
    await session.execute(_FORGIVE, {"bucket": bucket})


async def forget(session: Statements, before: datetime) -> None:
    """Delete the buckets that have not changed since this time."""
    await session.execute(_FORGET, {"before": before})

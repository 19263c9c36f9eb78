"""The rules of throttling: every attempt is counted before its password is looked at, so that a thousand at the same
time get no further than a thousand one after the other, and taken back when the password was right. What these fill a
bucket with until then is no reason to refuse others: they wait, and are counted again."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import anyio

from auth_service.accounts.names import LONGEST_TYPED_USERNAME, username_key
from auth_service.accounts.registration import Candidate
from auth_service.audit.trail import NOBODY, Action, record
from auth_service.login_throttling import repository
from auth_service.login_throttling.errors import TooManyFailures
from auth_service.login_throttling.in_flight import LONGEST_WAIT_SECONDS, InFlight
from auth_service.login_throttling.policy import Bucket, Policy
from auth_service.login_throttling.repository import Counted
from auth_service.request_source import RequestSource
from lightbox_shared.addresses import partition
from lightbox_shared.database import Database, WriteSession

REMEMBER_AGAIN_AFTER: Final = timedelta(days=1)
SETTLING: Final = 0.05
"""Seconds before a refusal is judged: what the database let through just before it is known here by then."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that may be tried: whom it is about, and where it was counted, with how many failures it would make."""

    account: Candidate | None
    source: RequestSource
    counted: tuple[tuple[Bucket, int], ...]
    familiar_since: datetime | None

    @property
    def keys(self) -> list[bytes]:
        """Of the buckets."""
        return [bucket.key for bucket, _ in self.counted]

    @property
    def address_to_remember(self) -> str | None:
        """Where the sign-in comes from, if it succeeds; None while that is known well enough."""
        known = self.familiar_since
        return (
            None if known is not None and known > datetime.now(UTC) - REMEMBER_AGAIN_AFTER else _counted_as(self.source)
        )

    @property
    def delay(self) -> float:
        """Seconds that a wrong answer waits."""
        return max((bucket.delay(failures) for bucket, failures in self.counted), default=0.0)

    @property
    def wait(self) -> float:
        """Seconds that the next attempt has to wait if this one fails; 0 where it may follow at once."""
        return max((bucket.wait(failures) for bucket, failures in self.counted), default=0.0)

    @property
    def is_over(self) -> bool:
        """Whether there were too many before this one, which was let through because its address is familiar, or
        because the wait was over."""
        return any(failures > bucket.limit for bucket, failures in self.counted)


class LoginThrottling:
    """Slows who guesses."""

    def __init__(
        self, database: Database, policy: Policy, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    ) -> None:
        """`sleep` waits for some seconds before a wrong password is answered."""
        self._database = database
        self._policy = policy
        self._sleep = sleep
        self._under_way = InFlight()

    async def begin(self, username: str, source: RequestSource) -> Attempt:
        """Count an attempt, in a transaction of its own. Whoever asks says at once that it is `in_flight`. Raises
        `TooManyFailures`."""
        name = username_key(username) if len(username) <= LONGEST_TYPED_USERNAME else username
        address = _counted_as(source)
        buckets = self._policy.buckets(name, address)
        # What is not printable is in no name, and some of it not in PostgreSQL's texts either.
        possible = len(name) <= LONGEST_TYPED_USERNAME and name.isprintable()
        found = await self._count(name if possible else None, address, buckets)
        counted = tuple((each, found.failures[each.key]) for each in buckets if each.key in found.failures)
        return Attempt(found.account, source, counted, found.familiar_since)

    def in_flight(self, attempt: Attempt) -> AbstractContextManager[None]:
        """While the block runs, what the attempt was counted as is not certain."""
        return self._under_way.one(attempt.keys)

    async def _count(self, name: str | None, address: str | None, buckets: tuple[Bucket, ...]) -> Counted:
        until, keys = anyio.current_time() + LONGEST_WAIT_SECONDS, [each.key for each in buckets]
        while True:
            with self._under_way.watched(keys) as uncertain:
                async with self._database.autocommit() as connection:
                    found = await repository.count(connection, name, address, buckets)
                if not found.wait:
                    return found
                await anyio.sleep(SETTLING)
            full = [each for each in buckets if each.key in found.failures]
            is_certain = any(found.failures[each.key] - uncertain[each.key] >= each.refused_from for each in full)
            seen = Counter({each.key: uncertain[each.key] for each in full})
            if is_certain or not await self._under_way.change(seen, until):
                raise TooManyFailures(found.wait)

    async def failed(self, attempt: Attempt, reason: str | None = None) -> None:
        """Write down that the password was wrong, and let time pass. Raises `TooManyFailures` for one too many."""
        account_id = None if attempt.account is None else attempt.account.id
        write = partial(record, source=attempt.source, actor=NOBODY, account_id=account_id)
        details: dict[str, Any] = {} if reason is None else {"reason": reason}
        async with self._database.writing() as session:
            await write(session, Action.SIGN_IN_FAILED, **details)
            for bucket, failures in attempt.counted:
                if failures >= bucket.limit:  # each starts a wait
                    await write(session, Action.SIGN_IN_SLOWED, counted=bucket.what, failures=failures)
        await self._sleep(attempt.delay)
        if attempt.is_over:
            raise TooManyFailures(attempt.wait)

    async def withdraw(self, attempt: Attempt) -> None:
        """Take an attempt back whose password nobody had time to look at."""
        async with self._database.autocommit() as connection:
            await repository.forgive(connection, attempt.keys, wholly=False)

    async def waiting(self, attempt: Attempt) -> None:
        """Take an attempt back whose password was right, and write down that its account is not approved yet."""
        account_id = None if attempt.account is None else attempt.account.id
        async with self._database.writing() as session:
            await repository.forgive(session, attempt.keys, wholly=False)
            failed, reason = Action.SIGN_IN_FAILED, "awaiting-approval"
            await record(session, failed, attempt.source, actor=NOBODY, account_id=account_id, reason=reason)

    async def remember(self, session: WriteSession, account_id: int, source: RequestSource) -> None:
        """Make an address familiar to an account."""
        address = _counted_as(source)
        if address is not None:
            await repository.remember(session, account_id, address)


def _counted_as(source: RequestSource) -> str | None:
    return None if source.address is None else partition(source.address)

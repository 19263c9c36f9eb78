"""The rules of login throttling.

Every attempt is counted as a failure before its password is verified, so that a thousand attempts at the same time get
no further than a thousand one after the other. It is taken back if the password was right. Until then it is in flight:
an attempt that is refused only because of others in flight waits for these, and is counted again.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import anyio

from auth_service.accounts.usernames import LONGEST_TYPED_USERNAME, username_key
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.login_throttling import repository
from auth_service.login_throttling.errors import TooManyFailures
from auth_service.login_throttling.in_flight import LONGEST_WAIT_SECONDS, InFlight
from auth_service.login_throttling.policy import Bucket, Policy
from auth_service.login_throttling.repository import Candidate, Counted
from auth_service.request_source import UNKNOWN_ACTOR, RequestSource
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.requests.addresses import partition

REMEMBER_AGAIN_AFTER: Final = timedelta(days=1)
SETTLING: Final = 0.05
"""Seconds before a refusal is examined: by then this process knows of what the database let through just before."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in that was let through."""

    account: Candidate | None
    """The account that it names, if there is one."""
    source: RequestSource
    counted: tuple[tuple[Bucket, int], ...]
    """The buckets in which it was counted, and the failures in each of them if this attempt fails."""
    last_seen_at: datetime | None
    """When the account signed in from this address last; None if the address is new to it."""

    @property
    def keys(self) -> list[bytes]:
        """The keys of the buckets."""
        return [bucket.key for bucket, _ in self.counted]

    @property
    def is_familiar(self) -> bool:
        """Whether the account has signed in from this address before."""
        return self.last_seen_at is not None

    @property
    def address_to_remember(self) -> str | None:
        """The address to store if the attempt succeeds; None if it was stored less than a day ago."""
        last = self.last_seen_at
        is_stored = last is not None and last > datetime.now(UTC) - REMEMBER_AGAIN_AFTER
        return None if is_stored else _counted_as(self.source)

    @property
    def delay(self) -> float:
        """Seconds by which the answer is delayed if the attempt fails."""
        return max((bucket.delay(failures) for bucket, failures in self.counted), default=0.0)

    @property
    def wait(self) -> float:
        """Seconds that the next attempt has to wait if this one fails; 0 if it may follow at once."""
        return max((bucket.wait(failures) for bucket, failures in self.counted), default=0.0)

    @property
    def is_over_limit(self) -> bool:
        """Whether there were too many failures before; the attempt was let through because its address is familiar, or
        because the wait was over."""
        return any(failures > bucket.limit for bucket, failures in self.counted)


class LoginThrottling:
    """Counts attempts to sign in, and refuses and delays them."""

    def __init__(
        self, database: Database, policy: Policy, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    ) -> None:
        """`sleep` waits for some seconds before a wrong password is answered."""
        self._database = database
        self._policy = policy
        self._sleep = sleep
        self._in_flight = InFlight()

    async def begin(self, username: str, source: RequestSource) -> Attempt:
        """Count an attempt, in a transaction of its own. Enter `in_flight` directly afterwards. Raises
        `TooManyFailures`."""
        name = username_key(username) if len(username) <= LONGEST_TYPED_USERNAME else username
        address = _counted_as(source)
        buckets = self._policy.buckets(name, address)
        # No name contains characters that are not printable, and PostgreSQL can't store some of them.
        possible = len(name) <= LONGEST_TYPED_USERNAME and name.isprintable()
        found = await self._count(name if possible else None, address, buckets)
        counted = tuple((each, found.failures[each.key]) for each in buckets if each.key in found.failures)
        return Attempt(found.account, source, counted, found.last_seen_at)

    def in_flight(self, attempt: Attempt) -> AbstractContextManager[None]:
        """While the block runs, it is not known yet whether the attempt fails."""
        return self._in_flight.one(attempt.keys)

    async def _count(self, name: str | None, address: str | None, buckets: tuple[Bucket, ...]) -> Counted:
        until, keys = anyio.current_time() + LONGEST_WAIT_SECONDS, [each.key for each in buckets]
        while True:
            with self._in_flight.watched(keys) as uncertain:
                async with self._database.autocommit() as connection:
                    found = await repository.count(connection, name, address, buckets)
                if not found.wait:
                    return found
                await anyio.sleep(SETTLING)
            full = [each for each in buckets if each.key in found.failures]
            is_certain = any(found.failures[each.key] - uncertain[each.key] >= each.refused_from for each in full)
            seen = Counter({each.key: uncertain[each.key] for each in full})
            if is_certain or not await self._in_flight.change(seen, until):
                raise TooManyFailures(found.wait)

    async def failed(self, attempt: Attempt, reason: str | None = None) -> None:
        """Record that the attempt failed, and wait for its delay. `reason` is for the audit trail, where it is another
        one than a wrong password. Raises `TooManyFailures` if the limit was reached before."""
        account_id = None if attempt.account is None else attempt.account.id
        write = partial(record, source=attempt.source, actor=UNKNOWN_ACTOR, account_id=account_id)
        details: dict[str, Any] = {} if reason is None else {"reason": reason}
        async with self._database.writing() as session:
            await write(session, Action.SIGN_IN_FAILED, **details)
            for bucket, failures in attempt.counted:
                if failures >= bucket.limit:  # each of these starts a wait
                    await write(session, Action.SIGN_IN_SLOWED, counted=bucket.what, failures=failures)
        await self._sleep(attempt.delay)
        if attempt.is_over_limit:
            raise TooManyFailures(attempt.wait)

    async def withdraw(self, attempt: Attempt) -> None:
        """Take back an attempt whose password was not verified."""
        async with self._database.autocommit() as connection:
            await repository.forgive(connection, attempt.keys, wholly=False)

    async def awaits_approval(self, attempt: Attempt) -> None:
        """Take back an attempt whose password was right, and record that its account waits for approval."""
        account_id = None if attempt.account is None else attempt.account.id
        async with self._database.writing() as session:
            await repository.forgive(session, attempt.keys, wholly=False)
            failed, reason = Action.SIGN_IN_FAILED, "awaiting-approval"
            await record(session, failed, attempt.source, actor=UNKNOWN_ACTOR, account_id=account_id, reason=reason)

    async def remember(self, session: WriteSession, account_id: int, source: RequestSource) -> None:
        """Make an address familiar to an account."""
        address = _counted_as(source)
        if address is not None:
            await repository.remember(session, account_id, address)


def _counted_as(source: RequestSource) -> str | None:
    return None if source.address is None else partition(source.address)

"""Keeping the copies of accounts up to date. auth-service tells changes by a cursor, so that none is missed while this
service, or that one, was down."""

import anyio

from annotation_service.accounts import repository
from annotation_service.accounts.models import READERS, Account
from annotation_service.clients.accounts import AccountSource
from lightbox_shared.database import Database


class KnownAccounts:
    """The accounts that are known here, and where their changes come from."""

    def __init__(self, database: Database, source: AccountSource) -> None:
        self._database = database
        self._source = source
        self._reading = anyio.Lock()

    async def refresh(self) -> None:
        """Read the changes since the last time. Raises `Unavailable` if auth-service does not answer."""
        async with self._reading:
            more = True
            while more:
                async with self._database.reading() as session:
                    behind = await repository.cursor(session)
                found = await self._source.changes(behind)
                accounts = {each.id: each for each in found.accounts}  # the last change of each counts
                if accounts or found.next_cursor != behind:
                    async with self._database.writing() as session:
                        await repository.store(
                            session, list(accounts.values()), behind=behind, cursor=found.next_cursor
                        )
                more = found.more

    async def is_reader(self, account_id: int) -> bool:
        """Whether an account can have jobs. An account that can't, as far as is known, is asked for again, since its
        authority may have changed a moment ago."""
        async with self._database.reading() as session:
            known = await repository.find(session, account_id)
        if not reads(known):
            await self.refresh()
            async with self._database.reading() as session:
                known = await repository.find(session, account_id)
        return reads(known)


def reads(account: Account | None) -> bool:
    """Whether this account can have jobs."""
    return account is not None and not account.deleted and account.authority in READERS

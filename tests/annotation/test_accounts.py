"""The copies of accounts, and how they follow auth-service."""

import asyncio
from collections.abc import Sequence

from support.annotation import Lab

from annotation_service.accounts import repository
from annotation_service.accounts.service import KnownAccounts
from annotation_service.clients.accounts import AccountChanges, ChangedAccount
from lightbox_shared.auth.principal import Authority

DOCTOR, GUEST, EXPERT = int(Authority.DOCTOR), int(Authority.GUEST), int(Authority.EXPERT)


def account(account_id: int, authority: int = DOCTOR, *, deleted: bool = False) -> ChangedAccount:
    name = "" if deleted else f"account-{account_id}"
    return ChangedAccount(id=account_id, username=name, nickname=None, authority=authority, deleted=deleted)


class Changes:
    """A source that tells one change a page; the cursor is how many it has told."""

    def __init__(self, *changes: ChangedAccount) -> None:
        self.changes_so_far: Sequence[ChangedAccount] = changes
        self.asked: list[str | None] = []

    async def changes(self, cursor: str | None) -> AccountChanges:
        self.asked.append(cursor)
        told = int(cursor or 0)
        page = self.changes_so_far[told : told + 1]
        more = len(self.changes_so_far) > told + len(page)
        return AccountChanges(accounts=list(page), next_cursor=str(told + len(page)), more=more)


async def test_all_pages_are_read_and_none_twice(lab: Lab) -> None:
    source = Changes(account(7), account(8, GUEST), account(7, EXPERT), account(9, deleted=True))
    known = KnownAccounts(lab.database, source)
    await known.refresh()
    assert source.asked == [None, "1", "2", "3"]
    assert await known.is_reader(7)
    assert not await known.is_reader(8)
    assert not await known.is_reader(9)
    source.asked.clear()
    await KnownAccounts(lab.database, source).refresh()
    assert source.asked == ["4"]
    async with lab.database.reading() as session:
        found = await repository.find(session, 7)
    assert found is not None
    assert (found.username, found.authority) == ("account-7", EXPERT)


async def test_an_account_that_is_no_doctor_as_far_as_is_known_is_asked_for(lab: Lab) -> None:
    source = Changes(account(7, GUEST))
    known = KnownAccounts(lab.database, source)
    assert not await known.is_reader(7)
    source.changes_so_far = (*source.changes_so_far, account(7, DOCTOR))
    assert await known.is_reader(7)
    source.asked.clear()
    assert await known.is_reader(7)
    assert source.asked == []


class Slow(Changes):
    """A source that answers the first question late, when another replica has stored more."""

    def __init__(self, *changes: ChangedAccount) -> None:
        super().__init__(*changes)
        self.asked_once = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def changes(self, cursor: str | None) -> AccountChanges:
        found = await super().changes(cursor)
        if len(self.asked) == 1:
            self.asked_once.set()
            await self.may_answer.wait()
        return found


async def test_an_older_copy_does_not_replace_a_newer_one(lab: Lab) -> None:
    source = Slow(account(7, DOCTOR))
    first, second = KnownAccounts(lab.database, source), KnownAccounts(lab.database, source)
    slow = asyncio.create_task(first.refresh())
    await source.asked_once.wait()
    source.changes_so_far = (account(7, DOCTOR), account(7, GUEST))
    await second.refresh()
    source.may_answer.set()
    await slow
    assert not await first.is_reader(7)
    async with lab.database.reading() as session:
        assert await repository.cursor(session) == "2"


async def test_the_name_of_a_deleted_account_stays(lab: Lab) -> None:
    source = Changes(account(7), account(7, Authority.NONE, deleted=True))
    await KnownAccounts(lab.database, source).refresh()
    async with lab.database.reading() as session:
        found = await repository.find(session, 7)
    assert found is not None
    assert (found.username, found.deleted) == ("account-7", True)

"""The list of revoked sessions."""

from dataclasses import dataclass, field

import pytest
from support.gateway import Platform, until

from gateway.clients.auth import RevocationPage
from gateway.revocations import FORGET_EVERY_SECONDS, Revocations
from lightbox_shared.errors import Unavailable


@dataclass
class Feed:
    """A feed of given pages. An exception in the list is raised."""

    pages: list[RevocationPage | Exception]
    asked: list[str | None] = field(default_factory=list)

    async def after(self, cursor: str | None) -> RevocationPage:
        self.asked.append(cursor)
        page = self.pages.pop(0) if self.pages else RevocationPage(cursor or "", {})
        if isinstance(page, Exception):
            raise page
        return page


async def test_before_the_first_poll_nothing_is_believed() -> None:
    revocations = Revocations(Feed([OSError("down")]))
    await revocations.poll()
    with pytest.raises(Unavailable):
        revocations.is_revoked(1)
    await revocations.poll()
    assert not revocations.is_revoked(1)


async def test_all_pages_are_read_and_the_cursor_kept() -> None:
    feed = Feed([RevocationPage("a", {1: 100}), RevocationPage("b", {2: 100})])
    revocations = Revocations(feed, clock=lambda: 50)
    await revocations.poll()
    assert revocations.is_revoked(1)
    assert revocations.is_revoked(2)
    assert feed.asked == [None, "a", "b"]


async def test_what_is_known_survives_an_outage_which_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    feed = Feed([RevocationPage("a", {1: 100}), RevocationPage("a", {}), OSError("x"), OSError("x"), OSError("x")])
    revocations = Revocations(feed, clock=lambda: 50)
    for _ in range(5):
        await revocations.poll()
    assert revocations.is_revoked(1)
    told = capsys.readouterr().out
    assert told.count("can't be fetched") == 1
    assert told.count("fetched again") == 1


async def test_the_expired_are_forgotten() -> None:
    now = 50.0
    revocations = Revocations(Feed([RevocationPage("a", {1: 100, 2: 1000})]), clock=lambda: now)
    await revocations.poll()
    now += FORGET_EVERY_SECONDS + 1
    await revocations.poll()
    assert not revocations.is_revoked(1)
    assert revocations.is_revoked(2)


async def test_a_new_service_token_is_fetched_when_ours_is_refused(platform: Platform) -> None:
    await until(lambda: len(platform.auth.polls) > 1)
    assert platform.auth.polls[0] is None
    assert platform.auth.polls[1] == "0"
    given = platform.auth.tokens_given
    platform.auth.refuse_tokens_once = True
    polls = len(platform.auth.polls)
    await until(lambda: len(platform.auth.polls) > polls + 1)
    assert platform.auth.tokens_given == given + 1

"""Checks that the audit trail is as it was written.

The chain is computed again, by other code than the trigger that made it. This finds an entry that was changed, removed
or inserted, unless all hashes after it were computed anew. An attacker who can write the whole database can do that
too; only the hash of an entry that was noted elsewhere (`known`) reveals it.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from auth_service.audit import repository
from auth_service.audit.models import AuditHead
from auth_service.audit.repository import Link
from lightbox_shared.database import WriteSession

GENESIS: Final = bytes(32)
"""What stands for the hash of the previous entry in the first entry."""
MOST_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome. If there are no problems, `entries` and `head` can be noted elsewhere, for the next verification."""

    entries: int
    """The number of entries that were read."""
    head: str
    """The hash of the last entry, hexadecimal."""
    problems: list[str]
    """Sentences: the first 20 problems, and how many more there are."""


@dataclass(slots=True)
class _Chain:
    """The part of the chain that was read so far."""

    known: tuple[int, str] | None
    entries: int = 0
    last: int = 0
    hash: bytes = GENESIS
    problems: list[str] = field(default_factory=list)
    unreported: int = 0

    def follow(self, link: Link) -> None:
        """Check the next entry. After one that was changed, the check goes on from the stored hashes, so that one
        problem is reported once."""
        missing = link.sequence > self.last + 1
        if missing:
            self.report(f"{_entries(self.last + 1, link.sequence - 1)} missing")
        if link.sequence < 1:
            self.report(f"entry {link.sequence} does not belong to the trail")
            return
        if link_hash(link) != link.hash:
            self.report(f"entry {link.sequence} was changed")
        elif not missing and link.previous_hash != self.hash:
            follows = f"does not follow entry {self.last}" if self.last else "is not the first that there was"
            self.report(f"entry {link.sequence} {follows}")
        if self.known is not None and link.sequence == self.known[0] and link.hash.hex() != self.known[1].lower():
            self.report(f"entry {link.sequence} is not the one whose hash was noted")
        self.entries += 1
        self.last, self.hash = link.sequence, link.hash

    def end(self, head: AuditHead | None) -> None:
        """Compare the last entry with the stored end of the chain, and with the entry that was noted elsewhere."""
        if head is None:
            self.report("the end of the trail is not noted any more")
        elif head.entries > self.last:
            self.report(f"the end of the trail was cut: {_entries(self.last + 1, head.entries)} missing")
        elif head.entries < self.last:
            self.report(f"the trail ends with entry {head.entries}, and goes on until entry {self.last}")
        elif head.hash != self.hash:
            self.report(f"the trail ends with another entry than entry {self.last}")
        if self.known is not None and self.known[0] > self.last:
            self.report(f"entry {self.known[0]}, whose hash was noted, is missing")

    def report(self, problem: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
        else:
            self.unreported += 1

    def outcome(self) -> Verification:
        problems = [*self.problems, f"and {self.unreported} more"] if self.unreported else self.problems
        return Verification(self.entries, self.hash.hex(), problems)


def link_hash(link: Link) -> bytes:
    """The hash that an entry must have, given the hash of the previous one that is stored in it."""
    return hashlib.sha256(link.previous_hash + f"{link.sequence} {link.entry}".encode()).digest()


async def verify(session: WriteSession, known: tuple[int, str] | None = None) -> Verification:
    """Read the whole trail as it is at one moment. Call it first in the transaction.

    `known` is the number of an entry and its hash (hexadecimal), as they were noted elsewhere before.
    """
    await repository.freeze(session)
    chain = _Chain(known)
    async for links in repository.chain(session):
        for link in links:
            chain.follow(link)
    chain.end(await repository.head(session))
    return chain.outcome()


def _entries(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"

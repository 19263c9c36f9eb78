"""Whether the audit trail is as it was written.

The chain is computed again, by other code than the trigger that made it: whoever changes, removes or inserts an entry
without computing all hashes after it is found. Somebody who can write the whole database can compute those too; only a
hash that was noted elsewhere shows that, and is given as `known`.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from auth_service.audit import repository
from auth_service.audit.models import AuditHead
from auth_service.audit.repository import Link
from lightbox_shared.database import WriteSession

GENESIS: Final = bytes(32)
"""What the first entry names as the hash before it."""
MOST_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. Where there are no problems, note `entries` and `head` somewhere else, for the next time."""

    entries: int
    head: str
    """The hash of the last entry, hexadecimal."""
    problems: list[str]
    """Sentences; the first 20 and how many more."""


@dataclass(slots=True)
class _Chain:
    """The chain as far as it was read."""

    known: tuple[int, str] | None
    entries: int = 0
    last: int = 0
    hash: bytes = GENESIS
    problems: list[str] = field(default_factory=list)
    untold: int = 0

    def follow(self, link: Link) -> None:
        """Take the next entry. One problem is told once: after a changed entry the stored hashes are gone on from."""
        missing = link.sequence > self.last + 1
        if missing:
            self.tell(f"{_entries(self.last + 1, link.sequence - 1)} missing")
        if link.sequence < 1:
            self.tell(f"entry {link.sequence} does not belong to the trail")
            return
        if link_hash(link) != link.hash:
            self.tell(f"entry {link.sequence} was changed")
        elif not missing and link.previous_hash != self.hash:
            follows = f"does not follow entry {self.last}" if self.last else "is not the first that there was"
            self.tell(f"entry {link.sequence} {follows}")
        if self.known is not None and link.sequence == self.known[0] and link.hash.hex() != self.known[1].lower():
            self.tell(f"entry {link.sequence} is not the one whose hash was noted")
        self.entries += 1
        self.last, self.hash = link.sequence, link.hash

    def end(self, head: AuditHead | None) -> None:
        """Compare the last entry with the end that the trail has, and with what was noted."""
        if head is None:
            self.tell("the end of the trail is not noted any more")
        elif head.entries > self.last:
            self.tell(f"the end of the trail was cut: {_entries(self.last + 1, head.entries)} missing")
        elif head.entries < self.last:
            self.tell(f"the trail ends with entry {head.entries}, and goes on until entry {self.last}")
        elif head.hash != self.hash:
            self.tell(f"the trail ends with another entry than entry {self.last}")
        if self.known is not None and self.known[0] > self.last:
            self.tell(f"entry {self.known[0]}, whose hash was noted, is missing")

    def tell(self, problem: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
        else:
            self.untold += 1

    def outcome(self) -> Verification:
        problems = [*self.problems, f"and {self.untold} more"] if self.untold else self.problems
        return Verification(self.entries, self.hash.hex(), problems)


def link_hash(link: Link) -> bytes:
    """The hash that an entry must have, after the one that it names."""
    return hashlib.sha256(link.previous_hash + f"{link.sequence} {link.entry}".encode()).digest()


async def verify(session: WriteSession, known: tuple[int, str] | None = None) -> Verification:
    """Read the whole trail, as it is at one moment, in a transaction in which nothing was done yet. `known` is the
    number and the hash (hexadecimal) of an entry that were noted earlier and elsewhere."""
    await repository.freeze(session)
    chain = _Chain(known)
    async for links in repository.chain(session):
        for link in links:
            chain.follow(link)
    chain.end(await repository.head(session))
    return chain.outcome()


def _entries(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"

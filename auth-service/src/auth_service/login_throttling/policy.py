"""How much guessing passwords costs.

Failures are counted in leaking buckets. With NIST SP 800-63B (at most 100 consecutive failures an account, a wait that
grows from 30 s) and OWASP (count by account, not by address alone; let nobody lock somebody else out):

- an address from which an account has not signed in before is a stranger to it. Its failures count for the account's
  name, whether or not there is such an account, and for the address. Where either has `limit` failures, strangers are
  refused unheard for a while;
- a familiar address has a bucket of its own with each account, which nobody at another address can fill. From `limit`
  failures on a wrong password there is answered like a refusal, and the right one still works, until `MOST_FAILURES`.
  Then nobody there is heard for `LONGEST_WAIT`, in which `LONGEST_WAIT / FAMILIAR_LEAK` failures leak away: so many
  attempts fit in after it, and the right password among them empties the bucket.

Known limits: who sits at an address that an account has used can tell from this difference that the account exists;
can keep its owner out there, and only there, with a hundred guesses at first and then fifteen at the end of each wait,
if the owner is not among these; and can guess once a minute there, where strangers can once in a quarter of an hour.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

FIRST_WAIT: Final = 30.0
LONGEST_WAIT: Final = 900.0
"""Seconds in which nothing is let through, after `limit` failures, doubled with each further one; and at most."""
FIRST_DELAY: Final = 0.25
LONGEST_DELAY: Final = 4.0
"""Seconds that a wrong answer takes longer, likewise."""
FREE_SHARE: Final = 0.3
"""The share of the limit that delays nothing: people mistype."""
EMPTY_AFTER: Final = 9000.0
"""Seconds in which as many failures as the limit leak away: of ten, one in a quarter of an hour."""
MOST_FAILURES: Final = 100
FAMILIAR_LEAK: Final = 60.0
"""Seconds in which one failure leaks away at a familiar address, whatever the limit: were it as slow as elsewhere, one
attempt at the end of each wait would keep a full bucket full."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted together. `what` is a word for the audit trail."""

    key: bytes
    what: str
    limit: int
    refused_from: int
    is_familiar: bool = False

    @property
    def leak_seconds(self) -> float:
        """How long one failure takes to leak away."""
        return FAMILIAR_LEAK if self.is_familiar else EMPTY_AFTER / self.limit

    def delay(self, failures: int) -> float:
        """How many seconds a wrong answer waits that is the `failures`th."""
        delayed = failures - int(self.limit * FREE_SHARE)
        return 0.0 if delayed <= 0 else min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(delayed - 1, 32))

    def wait(self, failures: int) -> float:
        """How many seconds nobody is heard after the `failures`th; `count_guess` (migration 0002) does the same."""
        excess = failures - self.limit
        return 0.0 if excess < 0 else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(excess, 32))


@dataclass(frozen=True, slots=True)
class Policy:
    """The two limits that are settings; without `per_address` addresses are not counted."""

    per_account: int
    per_address: int | None

    def buckets(self, name: str, address: str | None) -> tuple[Bucket, ...]:
        """Those that an attempt may concern: those of strangers first, and that of a familiar address."""
        found = [Bucket(_key("account", name), "account", self.per_account, self.per_account)]
        if address is not None:
            if self.per_address is not None:
                found.append(Bucket(_key("address", address), "address", self.per_address, self.per_address))
            pair = _key("familiar address", address, name)
            found.append(Bucket(pair, "familiar-address", self.per_account, MOST_FAILURES, is_familiar=True))
        return tuple(found)


def _key(*parts: str) -> bytes:
    """SHA-256, so that a bucket of whatever length is short, and neither names nor addresses lie about."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()

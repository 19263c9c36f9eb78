"""How failed sign-ins are counted, and what they cost.

Failures are counted in leaky buckets, by the rules of NIST SP 800-63B (at most 100 consecutive failures for an account,
a wait that grows from 30 s) and OWASP (count by account, not by address alone; do not let an attacker lock an owner
out):

- An address is new to an account that has not signed in from it before. The failures from new addresses count for the
  account's name, whether or not there is such an account, and for the address. When either has `limit` failures,
  attempts from new addresses are refused for a while, without looking at the password.
- An address that is familiar to an account has a bucket of its own with that account, which attempts from other
  addresses can't fill. From `limit` failures on, a wrong password is answered like a refusal, and the right one still
  works, until `MOST_FAILURES`. Then all attempts from there are refused for `LONGEST_WAIT`, in which
  `LONGEST_WAIT / FAMILIAR_LEAK` failures leak away: as many attempts are possible afterwards, and the right password
  among them empties the bucket.

Known limits. An attacker at an address from which an account has signed in can tell from this difference that the
account exists. The attacker can keep the owner from signing in there, and only there, with a hundred wrong guesses at
first and fifteen at the end of each wait, unless the owner is among these fifteen. And the attacker can guess once a
minute there, instead of once in a quarter of an hour.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from auth_service.config import MOST_FAILED_LOGINS

FIRST_WAIT: Final = 30.0
LONGEST_WAIT: Final = 900.0
"""Seconds in which attempts are refused: after `limit` failures, doubled with each further one; and at most."""
FIRST_DELAY: Final = 0.25
LONGEST_DELAY: Final = 4.0
"""Seconds by which the answer to a wrong password is delayed: at first, doubled with each further failure; and at
most."""
FREE_SHARE: Final = 0.3
"""The share of the limit that delays nothing, since people mistype their passwords."""
EMPTY_AFTER: Final = 9000.0
"""Seconds in which as many failures as the limit leak away: with a limit of ten, one in a quarter of an hour."""
MOST_FAILURES: Final = MOST_FAILED_LOGINS
FAMILIAR_LEAK: Final = 60.0
"""Seconds in which one failure leaks away at a familiar address, independent of the limit. If it were as slow as
elsewhere, one attempt at the end of each wait would keep a full bucket full."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Failures that are counted together."""

    key: bytes
    what: str
    """What is counted, as the audit trail calls it."""
    limit: int
    """Failures from which on wrong passwords start a wait."""
    refused_from: int
    """Failures from which on attempts are refused during a wait."""
    is_familiar: bool = False

    @property
    def leak_seconds(self) -> float:
        """Seconds in which one failure leaks away."""
        return FAMILIAR_LEAK if self.is_familiar else EMPTY_AFTER / self.limit

    def delay(self, failures: int) -> float:
        """Seconds by which the answer to the `failures`th wrong password is delayed."""
        delayed = failures - int(self.limit * FREE_SHARE)
        return 0.0 if delayed <= 0 else min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(delayed - 1, 32))

    def wait(self, failures: int) -> float:
        """Seconds in which attempts are refused after the `failures`th failure; `count_guess` (migration 0002) computes
        the same."""
        excess = failures - self.limit
        return 0.0 if excess < 0 else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(excess, 32))


@dataclass(frozen=True, slots=True)
class Policy:
    """The two limits that are settings; if `per_address` is None, addresses are not counted."""

    per_account: int
    per_address: int | None

    def buckets(self, name: str, address: str | None) -> tuple[Bucket, ...]:
        """The buckets that may count an attempt: first those for new addresses, then that of a familiar address."""
        found = [Bucket(_key("account", name), "account", self.per_account, self.per_account)]
        if address is not None:
            if self.per_address is not None:
                found.append(Bucket(_key("address", address), "address", self.per_address, self.per_address))
            pair = _key("familiar address", address, name)
            found.append(Bucket(pair, "familiar-address", self.per_account, MOST_FAILURES, is_familiar=True))
        return tuple(found)


def _key(*parts: str) -> bytes:
    """SHA-256, so that keys are short, and the table has neither names nor addresses."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()

"""Which password hashes are accepted, those of imported accounts included.

A sign-in costs what the stored hash says that it costs. So the parameters are bounded: a single row of an imported file
could keep a core busy for an hour at each sign-in otherwise.
"""

import base64
import re
from typing import Final

LONGEST_HASH: Final = 512
LONGEST_SALT: Final = 128
BCRYPT_COSTS: Final = range(4, 16)
PBKDF2_ITERATIONS: Final = range(1, 2_000_001)
ARGON2_MEMORY: Final = range(8, 256 * 1024 + 1)
"""KiB."""
ARGON2_PASSES: Final = range(1, 11)
ARGON2_LANES: Final = range(1, 17)

_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_PBKDF2: Final = re.compile(r"pbkdf2_sha256\$(\d{1,9})\$([^$]*)\$[A-Za-z0-9+/]{43}=")
_ARGON2: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)
_WERKZEUG: Final = re.compile(r"pbkdf2:sha256:(\d{1,9})\$([^$]+)\$([0-9a-f]{64})")


def hash_problem(stored: str) -> str | None:
    """Why a stored hash is not accepted, as half a sentence that quotes nothing of it; None if it is accepted."""
    if len(stored) <= LONGEST_HASH:
        if found := _BCRYPT.fullmatch(stored):
            return _outside("the cost of bcrypt", found[1], BCRYPT_COSTS)
        if found := _PBKDF2.fullmatch(stored):
            if len(found[2]) > LONGEST_SALT:
                return f"its salt is longer than {LONGEST_SALT} characters"
            return _outside("the number of iterations of PBKDF2", found[1], PBKDF2_ITERATIONS)
        if found := _ARGON2.fullmatch(stored):
            return (
                _outside("the memory of argon2id in KiB", found[1], ARGON2_MEMORY)
                or _outside("the passes of argon2id", found[2], ARGON2_PASSES)
                or _outside("the lanes of argon2id", found[3], ARGON2_LANES)
            )
    return "it is of no known kind"


def is_bcrypt(stored: str) -> bool:
    """Whether a stored hash is one of bcrypt."""
    return _BCRYPT.fullmatch(stored) is not None


def from_werkzeug(stored: str) -> str:
    """Werkzeug's `pbkdf2:sha256:<iterations>$<salt>$<hexadecimal>` in Django's notation; any other hash unchanged."""
    found = _WERKZEUG.fullmatch(stored)
    if found is None:
        return stored
    iterations, salt, digest = found.groups()
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(bytes.fromhex(digest)).decode()}"


def _outside(parameter: str, number: str, allowed: range) -> str | None:
    return None if int(number) in allowed else f"{parameter} is not between {allowed.start} and {allowed.stop - 1}"

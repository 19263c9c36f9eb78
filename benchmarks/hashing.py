"""The limit of logins: verifying passwords on all cores, without a service.

`python -m benchmarks.hashing <seconds>` prints the number of verifications a second.
"""

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from passlib.context import CryptContext

from auth_service.passwords.hashing import Passwords

PASSWORD = "correct horse battery staple"


async def a_hash() -> str:
    """A hash of `PASSWORD`, made by the code of the service."""
    passwords = await Passwords.start()
    try:
        return await passwords.hash(PASSWORD)
    finally:
        passwords.close()


def _loop(stored: str, until: float) -> int:
    context = CryptContext(["argon2"])
    verified = 0
    while time.perf_counter() < until:
        assert context.verify(PASSWORD, stored)
        verified += 1
    return verified


def main(seconds: float) -> None:
    """Verify passwords in one thread for each core; hashing releases the GIL."""
    stored = asyncio.run(a_hash())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as threads:
        begin = time.perf_counter()
        verified = sum(threads.map(lambda _: _loop(stored, begin + seconds), range(cores)))
        print(verified / (time.perf_counter() - begin))


if __name__ == "__main__":
    main(float(sys.argv[1]))

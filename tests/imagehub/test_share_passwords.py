"""What counts as a wrong password of a shared link."""

import time

import pytest
from support.imagehub import Hub

from imagehub_service.gallery.shares.errors import TooManyGuesses, WrongPassword
from imagehub_service.gallery.shares.passwords import PER_ADDRESS, SharePasswords
from lightbox_shared.auth.passwords import HashingThreads
from lightbox_shared.errors import Unavailable

ADDRESS = "203.0.113.1"


async def test_a_password_that_could_not_be_verified_is_no_guess(hub: Hub) -> None:
    threads = HashingThreads(most_waiting=1, busy="busy")
    idle = SharePasswords(hub.database, threads, time.time)
    busy = SharePasswords(hub.database, HashingThreads(most_waiting=0, busy="busy"), time.time)
    stored = await idle.hash("correct horse")
    for _ in range(2 * PER_ADDRESS):
        with pytest.raises(Unavailable):
            await busy.check(1, ADDRESS, "correct horse", stored)
    await idle.check(1, ADDRESS, "correct horse", stored)
    for _ in range(PER_ADDRESS):
        with pytest.raises(WrongPassword):
            await idle.check(1, ADDRESS, "wrong horse", stored)
    with pytest.raises(TooManyGuesses):
        await idle.check(1, ADDRESS, "correct horse", stored)
    threads.close()

"""The time that an answer takes does not reveal whether a name exists."""

import statistics
import time
from typing import Any

import pytest
from support.asgi import client_of, running
from support.auth_service import MakeSettings, set_passwords
from support.login_throttling import ELSEWHERE, WRONG, Lab

from auth_service.app import create_app
from auth_service.passwords.hashing import Passwords

pytestmark = pytest.mark.real_hashes


class SkipsUnknown(Passwords):
    """A mistake that the measurement has to notice: for an unknown name nothing is hashed."""

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        return (False, None) if stored is None else await super().verify(password, stored)


async def _ratio(app: Any, known: str, times: int) -> float:
    """The median time of answers for an unknown name, divided by that for a wrong password. Both are measured in
    turn."""
    async with client_of(app) as client:
        lab = Lab(client, app.state["database"])
        took: dict[bool, list[float]] = {True: [], False: []}
        for number in range(times):
            for is_known in (True, False) if number % 2 else (False, True):
                await lab.execute("UPDATE guesses SET failures = 0")  # so that no answer is delayed
                before = time.perf_counter()
                answer = await lab.log_in(known if is_known else "nobody", "guess", ELSEWHERE)
                took[is_known].append(time.perf_counter() - before)
                assert (answer.status_code, answer.json()) == (400, WRONG)
    return statistics.median(took[False]) / statistics.median(took[True])


async def test_the_time_does_not_tell_whether_a_name_exists(make_settings: MakeSettings) -> None:
    async with running(create_app(make_settings(failed_logins_per_address="off"))) as app:
        async with client_of(app) as client:
            known = await Lab(client, app.state["database"]).sign_up()
        assert 0.8 < await _ratio(app, known, 60) < 1.25
        # The measurement notices a difference if there is one.
        passwords = await SkipsUnknown.start()
        set_passwords(app, passwords)
        assert await _ratio(app, known, 20) < 0.6
        passwords.close()

"""Guesses and right passwords at the same time: guesses gain nothing by it, and right passwords work."""

from collections import Counter
from collections.abc import AsyncIterator

import anyio
import pytest
from support.asgi import client_of, running
from support.auth_service import MakeSettings
from support.login_throttling import ELSEWHERE, LIMIT, PASSWORD, Lab

from auth_service.app import create_app
from auth_service.login_throttling.in_flight import MOST_WAITING, InFlight

pytestmark = pytest.mark.real_hashes


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    settings = make_settings(failed_logins_per_account=LIMIT, failed_logins_per_address="off")
    async with running(create_app(settings)) as app, client_of(app) as client:
        yield Lab(client, app.state["database"], app)


async def test_of_many_guesses_at_once_no_more_are_verified_than_one_after_the_other(lab: Lab) -> None:
    for name in (await lab.sign_up(), "nobody"):
        statuses: Counter[int] = Counter()

        async def guess(number: int, name: str = name, statuses: Counter[int] = statuses) -> None:
            answer = await lab.log_in(name, f"guess {number}", f"198.51.100.{number}")
            statuses[answer.status_code] += 1

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(guess, number)
        assert statuses == {400: LIMIT, 429: 50 - LIMIT}


async def test_attempts_with_many_addresses_and_names_do_not_deadlock(make_settings: MakeSettings) -> None:
    """Each attempt locks two buckets, always in the same order."""
    settings = make_settings(failed_logins_per_account=100, failed_logins_per_address=1000)
    async with running(create_app(settings)) as app, client_of(app) as client:
        lab = Lab(client, app.state["database"])
        statuses: Counter[int] = Counter()

        async def guess(number: int) -> None:
            answer = await lab.log_in(f"name-{number % 5}", "guess", f"198.51.100.{number % 7}")
            statuses[answer.status_code] += 1

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(guess, number)
        assert statuses == {400: 100}
        assert await lab.rows("SELECT count(*), sum(round(failures)) FROM guesses") == [(12, 200)]


async def test_right_and_wrong_passwords_at_once_do_not_deadlock(make_settings: MakeSettings) -> None:
    """A sign-in locks the buckets until it is committed, while other attempts count in them."""
    settings = make_settings(failed_logins_per_account=100, failed_logins_per_address=1000)
    async with running(create_app(settings)) as app, client_of(app) as client:
        lab = Lab(client, app.state["database"])
        names = [await lab.sign_up() for _ in range(3)]
        statuses: Counter[int] = Counter()

        async def attempt(number: int) -> None:
            password = PASSWORD if number % 2 else "guess"
            answer = await lab.log_in(names[number % 3], password, f"198.51.100.{number % 5}")
            statuses[answer.status_code] += 1

        async with anyio.create_task_group() as tasks:
            for number in range(60):
                tasks.start_soon(attempt, number)
        assert statuses == {200: 30, 400: 30}


async def test_right_passwords_at_the_same_time_are_no_failures(make_settings: MakeSettings) -> None:
    """More than the limit at once, from new addresses: with the limit of an account and with that of an address."""
    for settings in (
        make_settings(failed_logins_per_account=LIMIT, failed_logins_per_address=None),
        make_settings(failed_logins_per_account=100, failed_logins_per_address=LIMIT),
    ):
        async with running(create_app(settings)) as app, client_of(app) as client:
            lab = Lab(client, app.state["database"])
            names = [await lab.sign_up() for _ in range(3)]
            statuses: Counter[int] = Counter()

            async def log_in(
                number: int, lab: Lab = lab, names: list[str] = names, to: Counter[int] = statuses
            ) -> None:
                to[(await lab.log_in(names[number % 3], address=ELSEWHERE)).status_code] += 1

            async with anyio.create_task_group() as tasks:
                for number in range(24):
                    tasks.start_soon(log_in, number)
            assert statuses == {200: 24}
            assert set(await lab.rows("SELECT failures FROM guesses")) == {(0.0,)}
            assert not app.state["services"].logins._throttling._in_flight._attempts


async def test_guesses_gain_nothing_from_waiting_for_right_passwords(lab: Lab) -> None:
    name = await lab.sign_up()
    statuses: Counter[int] = Counter()

    async def attempt(number: int) -> None:
        password = PASSWORD if number % 4 == 0 else f"guess {number}"
        statuses[(await lab.log_in(name, password, f"198.51.100.{number}")).status_code] += 1

    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(attempt, number)
    assert statuses[400] == LIMIT
    assert statuses[400] + statuses[200] + statuses[429] == 40


async def test_waiting_for_other_attempts_is_bounded() -> None:
    in_flight, seen = InFlight(), Counter({b"full": 1})
    answers: list[bool] = []

    async def wait(until: float) -> None:
        answers.append(await in_flight.change(seen, until))

    with in_flight.one([b"full", b"other"]):
        await wait(anyio.current_time() + 0.2)
        assert answers == [False]
        async with anyio.create_task_group() as tasks:
            for _ in range(MOST_WAITING):
                tasks.start_soon(wait, anyio.current_time() + 600)
            await anyio.wait_all_tasks_blocked()
            await wait(anyio.current_time() + 600)
            assert answers == [False, False]  # refused at once, while the others still wait
            tasks.cancel_scope.cancel()
    await wait(anyio.current_time() + 600)
    assert answers == [False, False, True]
    assert in_flight.among([b"full", b"other"]) == {}

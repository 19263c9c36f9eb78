"""Guessing passwords is slowed down and then refused, for existing and unknown names, without locking owners out."""

import json
from collections import Counter
from collections.abc import AsyncIterator

import anyio
import pytest
from sqlalchemy import event
from support.asgi import client_of, running
from support.auth_service import MakeSettings, services_of, set_passwords
from support.login_throttling import ELSEWHERE, HOME, LIMIT, LOG_IN, PASSWORD, SLOW_DOWN, Lab

from auth_service.app import create_app
from auth_service.login_throttling.policy import LONGEST_DELAY, MOST_FAILURES, Bucket, Policy
from auth_service.logins.chexray import CLIENT
from auth_service.logins.errors import WrongPassword
from auth_service.oauth.clients import PUBLIC_GRANTS, OAuthClient
from auth_service.oauth.errors import InvalidGrant
from auth_service.passwords.hashing import Passwords
from auth_service.request_source import RequestSource
from lightbox_shared.errors import Unavailable


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    settings = make_settings(failed_logins_per_account=LIMIT, failed_logins_per_address="off")
    async with running(create_app(settings)) as app, client_of(app) as client:
        yield Lab(client, app.state["database"], app)


async def test_an_attack_from_elsewhere_does_not_lock_the_owner_out(lab: Lab, slept: list[float]) -> None:
    name = await lab.sign_up()
    assert await lab.fail(name) == [400] * LIMIT
    assert slept == [0.25, 0.5]
    for number in range(5):
        answer = await lab.log_in(name, address=f"203.0.113.{number}")
        assert (answer.status_code, answer.json()) == (429, SLOW_DOWN)  # even with the right password
        assert 0 < int(answer.headers["retry-after"]) <= 30
    assert (await lab.log_in(name)).status_code == 200
    assert (await lab.log_in(name, address=ELSEWHERE)).status_code == 429


async def test_unknown_names_are_answered_like_known_ones(lab: Lab) -> None:
    for name in (await lab.sign_up(), "nobody", "anonymous", "x" * 5000, "two words"):
        statuses = await lab.fail(name, times=LIMIT + 2)
        assert (name, statuses) == (name, [400] * LIMIT + [429, 429])


async def test_at_a_familiar_address_the_right_password_always_works(lab: Lab) -> None:
    name = await lab.sign_up()
    assert await lab.fail(name, HOME, times=LIMIT) == [400] * LIMIT
    answer = await lab.log_in(name, "guess")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, SLOW_DOWN, "60")
    assert (await lab.log_in(name)).status_code == 200
    assert (await lab.log_in(name, "guess")).status_code == 400  # the right one has reset the count


async def test_at_a_familiar_address_there_are_at_most_a_hundred_failures(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.fail(name, HOME, times=1)
    await lab.execute("UPDATE guesses SET failures = :most - 1", most=MOST_FAILURES)
    assert (await lab.log_in(name)).status_code == 200
    await lab.fail(name, HOME, times=1)
    await lab.execute("UPDATE guesses SET failures = :most", most=MOST_FAILURES)
    for password in (PASSWORD, "guess"):
        answer = await lab.log_in(name, password)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    await lab.pass_time(901)
    assert (await lab.log_in(name)).status_code == 200


@pytest.mark.real_hashes
async def test_a_full_familiar_bucket_is_not_kept_full_by_one_guess_per_wait(lab: Lab, slept: list[float]) -> None:
    """Fifteen attempts are possible after each wait, and the right password among them empties the bucket."""
    name = await lab.sign_up()
    await lab.fail(name, HOME, times=1)
    await lab.execute("UPDATE guesses SET failures = :most", most=MOST_FAILURES)
    await lab.pass_time(901)
    assert await lab.fail(name, HOME, times=1) == [429]  # the password is verified, and wrong
    assert (await lab.log_in(name)).status_code == 200
    assert await lab.rows("SELECT failures FROM guesses") == [(0.0,)]

    await lab.execute("UPDATE guesses SET failures = :most", most=MOST_FAILURES)
    await lab.pass_time(901)
    slept.clear()
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(lab.log_in, name, "guess")
    assert slept == [LONGEST_DELAY] * 15
    assert await lab.rows("SELECT ceil(failures)::int FROM guesses") == [(MOST_FAILURES,)]
    failed = await lab.rows("SELECT 1 FROM audit_entries WHERE action = 'sign-in-failed'")
    assert len(failed) == 1 + 1 + 15
    assert (await lab.log_in(name)).status_code == 429


async def test_what_fails_after_a_right_password_is_no_attempt_to_guess_it(lab: Lab) -> None:
    name = await lab.sign_up()
    logins = services_of(lab.app).logins
    for _ in range(3):
        with pytest.raises(LookupError):
            async with logins.verified(name, PASSWORD, RequestSource(ELSEWHERE)):
                raise LookupError
    assert {failures for (failures,) in await lab.rows("SELECT failures FROM guesses")} <= {0.0}


async def test_the_wait_grows_and_ends(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.fail(name)
    waits = []
    await lab.execute("UPDATE guesses SET changed_at = now()")
    for _ in range(8):
        wait = int((await lab.log_in(name, address=ELSEWHERE)).headers["retry-after"])
        waits.append(wait)
        await lab.pass_time(wait)
        # An attempt that is let through counts, and starts the next wait. Nothing leaks away here.
        await lab.execute("UPDATE guesses SET failures = failures + 1, changed_at = now()")
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    await lab.pass_time(901)
    assert (await lab.log_in(name, address=ELSEWHERE)).status_code == 200


@pytest.mark.real_hashes
async def test_after_the_wait_one_attempt_is_let_through(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.fail(name)
    await lab.pass_time(31)
    statuses: Counter[int] = Counter()

    async def guess() -> None:
        statuses[(await lab.log_in(name, "guess", ELSEWHERE)).status_code] += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(guess)
    assert statuses == {429: 10}
    assert len(await lab.rows("SELECT 1 FROM audit_entries WHERE action = 'sign-in-failed'")) == LIMIT + 1


async def test_failures_leak_away(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.fail(name)
    leak = Bucket(b"", "", LIMIT, LIMIT).leak_seconds
    await lab.pass_time(1.5 * leak)
    await lab.fail(name, times=1)
    [(failures,)] = await lab.rows("SELECT failures FROM guesses")
    assert LIMIT - 0.51 < failures <= LIMIT - 0.5
    await lab.pass_time(1000 * leak)
    await lab.fail(name, times=1)
    assert await lab.rows("SELECT failures FROM guesses") == [(1.0,)]


async def test_a_sign_in_from_a_new_address_is_no_failure_and_makes_it_familiar(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.fail(name, times=1)
    assert (await lab.log_in(name, address="203.0.113.9")).status_code == 200
    assert [round(failures) for (failures,) in await lab.rows("SELECT failures FROM guesses")] == [1]
    await lab.fail(name, times=LIMIT - 1)
    assert (await lab.log_in(name, address=ELSEWHERE)).status_code == 429
    assert (await lab.log_in(name, address="203.0.113.9")).status_code == 200


async def test_an_ipv6_subscriber_is_one_address(lab: Lab) -> None:
    name = await lab.sign_up("2001:db8:1:2::1")
    await lab.fail(name)
    assert (await lab.log_in(name, address="2001:db8:1:3::1")).status_code == 429
    assert (await lab.log_in(name, address="2001:db8:1:2:ffff::9")).status_code == 200


async def test_an_address_is_written_once_a_day(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.execute("UPDATE familiar_addresses SET last_seen_at = now() - interval '23 hours'")
    before = await lab.rows("SELECT last_seen_at FROM familiar_addresses")
    await lab.log_in(name)
    assert await lab.rows("SELECT last_seen_at FROM familiar_addresses") == before
    await lab.execute("UPDATE familiar_addresses SET last_seen_at = now() - interval '25 hours'")
    await lab.log_in(name)
    assert await lab.rows("SELECT last_seen_at > now() - interval '1 minute' FROM familiar_addresses") == [(True,)]


async def test_a_laboratory_behind_one_address(make_settings: MakeSettings) -> None:
    settings = make_settings(failed_logins_per_account=LIMIT, failed_logins_per_address=4)
    async with running(create_app(settings)) as app, client_of(app) as client:
        lab = Lab(client, app.state["database"])
        at_home, new = await lab.sign_up(), await lab.sign_up(ELSEWHERE)
        statuses = [(await lab.log_in(f"name-{number}", "guess")).status_code for number in range(6)]
        assert statuses == [400] * 4 + [429] * 2
        assert (await lab.log_in(new)).status_code == 429  # no further names are let through from here
        assert (await lab.log_in(at_home)).status_code == 200  # an account that has signed in from here before
        assert (await lab.log_in(new, address=ELSEWHERE)).status_code == 200
        # This name was refused at the first address, and not counted.
        assert (await lab.log_in("name-5", "guess", ELSEWHERE)).status_code == 400


async def test_an_attempt_that_was_not_verified_is_not_a_failure(make_settings: MakeSettings) -> None:
    class Busy:
        async def verify(self, *_: object) -> None:
            raise Unavailable

    async with running(create_app(make_settings(failed_logins_per_account=LIMIT))) as app, client_of(app) as client:
        lab = Lab(client, app.state["database"])
        name = await lab.sign_up()
        set_passwords(app, Busy())
        assert {(await lab.log_in(name, address=ELSEWHERE)).status_code for _ in range(LIMIT + 1)} == {503}
        set_passwords(app, app.state["services"].passwords)
        assert (await lab.log_in(name, address=ELSEWHERE)).status_code == 200


async def test_the_entries_of_the_audit_trail(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.fail(name, times=LIMIT + 3)
    await lab.fail("nobody-of-this-name", times=1)
    await lab.log_in(name)
    rows = await lab.rows(
        "SELECT action, actor, account_id, entry FROM audit_entries WHERE action LIKE 'sign%' ORDER BY 1"
    )
    assert Counter(row[:3] for row in rows) == {
        ("sign-in-failed", "nobody", 3): LIMIT,
        ("sign-in-failed", "nobody", None): 1,
        ("sign-in-slowed", "nobody", 3): 1,
        ("signed-in", "account:3", 3): 1,
    }
    for *_, entry in rows:
        assert "nobody-of-this-name" not in entry
        assert "guess" not in entry
        assert name not in entry


async def test_each_wait_is_in_the_audit_trail(lab: Lab) -> None:
    """So an attack of hours is visible in the audit trail."""
    name = await lab.sign_up()
    await lab.fail(name)
    for _ in range(2):
        await lab.pass_time(61)
        await lab.execute("UPDATE guesses SET failures = :limit", limit=LIMIT)
        assert await lab.fail(name, times=3) == [429] * 3  # one of them is verified
    rows = await lab.rows("SELECT entry FROM audit_entries WHERE action = 'sign-in-slowed'")
    details = [json.loads(entry)["details"] for (entry,) in rows]
    assert [each["counted"] for each in details] == ["account"] * 3
    assert sorted(each["failures"] for each in details) == [LIMIT, LIMIT + 1, LIMIT + 1]


@pytest.mark.parametrize("with_refresh_token", [False, True])
async def test_a_password_that_is_changed_meanwhile_leaves_a_trace(lab: Lab, with_refresh_token: bool) -> None:
    """Also where more belongs to the transaction of the sign-in, which is rolled back."""
    name = await lab.sign_up()
    services, source = services_of(lab.app), RequestSource(ELSEWHERE)

    class ChangesMeanwhile(Passwords):
        async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
            found = await super().verify(password, stored)
            await lab.execute("UPDATE accounts SET password_changed_at = now() + interval '1 hour'")
            return found

    passwords = await ChangesMeanwhile.start()
    set_passwords(lab.app, passwords)
    if with_refresh_token:
        client = OAuthClient("lightbox", PUBLIC_GRANTS)
        with pytest.raises(InvalidGrant):
            await services.grants.by_password(client, username=name, password=PASSWORD, scope=None, source=source)
        assert await lab.rows("SELECT 1 FROM refresh_tokens") == []
    else:
        with pytest.raises(WrongPassword):
            await services.logins.log_in(name, PASSWORD, CLIENT, source)
    passwords.close()
    rows = await lab.rows("SELECT entry FROM audit_entries WHERE action = 'sign-in-failed'")
    assert [json.loads(entry)["details"] for (entry,) in rows] == [{"reason": "password-changed"}]
    assert await lab.rows("SELECT failures FROM guesses") == [(1.0,)]


async def test_failing_logins_log_neither_name_nor_password(
    make_settings: MakeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(create_app(make_settings(failed_logins_per_account=1))) as app, client_of(app) as client:
        lab = Lab(client, app.state["database"])
        name = await lab.sign_up()
        for typed in (name, "nobody-of-this-name"):
            assert await lab.fail(typed, times=2) == [400, 429]
    said = capsys.readouterr()
    assert said.out.count(LOG_IN) == 4
    for secret in (name, "nobody-of-this-name", "guess 0", "guess 1", PASSWORD):
        assert secret not in said.out + said.err


def test_delays_and_waits() -> None:
    account, address, familiar = Policy(10, 50).buckets("ada", HOME)
    assert [account.delay(failures) for failures in range(1, 10)] == [0, 0, 0, 0.25, 0.5, 1, 2, 4, 4]
    assert [address.delay(failures) for failures in (15, 16, 17, 5000)] == [0, 0.25, 0.5, 4]
    assert [account.wait(failures) for failures in (9, 10, 11, 15, 5000)] == [0, 30, 60, 900, 900]
    assert (account.leak_seconds, address.leak_seconds, familiar.leak_seconds) == (900, 180, 60)
    assert (familiar.wait(10), familiar.refused_from, familiar.is_familiar) == (30, MOST_FAILURES, True)
    assert len({account.key, address.key, familiar.key}) == 3
    assert [each.what for each in Policy(10, None).buckets("ada", HOME)] == ["account", "familiar-address"]
    assert [each.what for each in Policy(10, 50).buckets("ada", None)] == ["account"]


@pytest.mark.parametrize(("value", "expected"), [("off", None), ("0", None), (0, None), ("OFF", None), ("7", 7)])
def test_the_limit_of_an_address_can_be_switched_off(
    make_settings: MakeSettings, value: object, expected: int | None
) -> None:
    assert make_settings(failed_logins_per_address=value).failed_logins_per_address == expected


async def test_a_refusal_is_one_statement_and_writes_nothing(lab: Lab) -> None:
    name = await lab.sign_up()
    await lab.fail(name)
    before = await lab.rows("SELECT failures, changed_at FROM guesses"), await lab.rows("SELECT hash FROM audit_head")
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(lab.database.engine.sync_engine, "before_cursor_execute", note)
    assert (await lab.log_in(name, "guess", ELSEWHERE)).status_code == 429
    event.remove(lab.database.engine.sync_engine, "before_cursor_execute", note)
    assert len(statements) == 1
    assert before == (
        await lab.rows("SELECT failures, changed_at FROM guesses"),
        await lab.rows("SELECT hash FROM audit_head"),
    )

"""Signing keys get a successor by their age: one of several replicas makes it, and no token is rejected."""

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import anyio
import pytest
from pydantic import ValidationError
from sqlalchemy import text
from support.auth_service import SECRET_KEY, MakeSettings

from auth_service.keys.encryption import KeyCipher
from auth_service.keys.rotation import LONGEST_TOKEN_LIFETIME, RETIREMENT_LEEWAY, SIGNS_AFTER, rotate, rotate_if_older
from auth_service.keys.service import REFRESH_SECONDS, SigningKeys
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.jwks import REFRESH_SECONDS as VERIFIERS_REFRESH_SECONDS
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.principal import Authority
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import Database
from lightbox_shared.errors import InvalidToken

AGE = timedelta(days=90)


@dataclass
class Clock:
    """A clock that a test puts forward, from the present on: claims are checked against the real time."""

    now: float = field(default_factory=lambda: float(int(time.time())))

    def __call__(self) -> float:
        return self.now

    def skip(self, passed: timedelta) -> None:
        self.now += passed.total_seconds()


@dataclass
class Replica:
    """An auth-service with its keys, and the times at which others fetched them."""

    keys: SigningKeys
    clock: Clock
    fetched_at: list[float] = field(default_factory=list)

    def token(self, lifetime: timedelta = LONGEST_TOKEN_LIFETIME) -> str:
        now = int(self.clock.now)
        end = now + int(lifetime.total_seconds())
        issuer = TokenIssuer(self.keys, issuer="lightbox", clock=self.clock)
        return issuer.for_account(7, Authority.DOCTOR, session_id=1, client_id="chexray", issued_at=now, expires_at=end)

    async def fetch(self) -> dict[str, Any]:
        self.fetched_at.append(self.clock.now)
        return self.keys.published.document

    def kids(self) -> list[str]:
        return [key["kid"] for key in self.keys.published.document["keys"]]


@dataclass
class Verifier:
    """A service that fetches the keys from one replica when its own are five minutes old. It does not remember verified
    tokens."""

    key_set: KeySet
    clock: Clock

    async def accepts(self, token: str) -> bool:
        verifier = TokenVerifier(self.key_set, issuer="lightbox", clock=self.clock)
        try:
            return (await verifier.verify(token)).account_id == 7
        except InvalidToken:
            return False


@dataclass
class Platform:
    """Replicas on one database, each with a verifier of its own."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    replicas: list[Replica] = field(default_factory=list)
    verifiers: list[Verifier] = field(default_factory=list)

    async def add(self, rotate_after: timedelta | None = AGE) -> Replica:
        keys = SigningKeys(self.database, KeyCipher(SECRET_KEY), rotate_after=rotate_after, clock=self.clock)
        await keys.start()
        replica = Replica(keys, self.clock)
        self.replicas.append(replica)
        self.verifiers.append(Verifier(KeySet(replica.fetch, clock=self.clock), self.clock))
        return replica

    async def everybody_accepts(self, token: str) -> bool:
        return all([await verifier.accepts(token) for verifier in self.verifiers])

    async def rotations(self) -> list[dict[str, Any]]:
        query = text("SELECT entry FROM audit_entries WHERE action = 'signing-key-rotated' ORDER BY sequence")
        async with self.database.reading() as session:
            return [json.loads(entry) for entry in (await session.execute(query)).scalars()]


@pytest.fixture
def url(fresh_database: Callable[[str], str]) -> str:
    """The address of a migrated, empty database."""
    return fresh_database("auth_service")


@pytest.fixture
async def platform(url: str) -> AsyncIterator[Platform]:
    database = Database(url, pool_size=6)
    yield Platform(database)
    await database.dispose()


async def test_a_key_gets_a_successor_when_it_is_old_enough(platform: Platform) -> None:
    replica = await platform.add()
    [old] = replica.kids()
    platform.clock.skip(AGE - timedelta(seconds=1))
    await replica.keys.refresh_and_rotate()
    assert replica.kids() == [old]
    platform.clock.skip(timedelta(seconds=1))
    await replica.keys.refresh_and_rotate()
    new, also = replica.kids()
    assert also == old != new
    assert replica.keys.signer().kid == old
    await replica.keys.refresh_and_rotate()
    assert replica.kids() == [new, old]
    platform.clock.skip(SIGNS_AFTER)
    assert replica.keys.signer().kid == new

    [entry] = await platform.rotations()
    assert (entry["actor"], entry["account_id"], entry["details"]["kid"]) == ("service:auth-service", None, new)
    assert entry["details"].keys() == {"kid", "signs_from"}


async def test_by_command_only(platform: Platform) -> None:
    replica = await platform.add(rotate_after=None)
    platform.clock.skip(AGE * 100)
    await replica.keys.refresh_and_rotate()
    assert len(replica.kids()) == 1
    await rotate(platform.database, KeyCipher(SECRET_KEY), replica.keys._now())
    await replica.keys.refresh_and_rotate()
    assert len(replica.kids()) == 2
    assert [entry["actor"] for entry in await platform.rotations()] == ["command-line"]


async def test_a_rotation_by_command_counts(platform: Platform) -> None:
    replica = await platform.add()
    platform.clock.skip(AGE - timedelta(days=1))
    await rotate(platform.database, KeyCipher(SECRET_KEY), replica.keys._now())
    platform.clock.skip(timedelta(days=2))
    await replica.keys.refresh_and_rotate()
    assert len(await platform.rotations()) == 1
    platform.clock.skip(AGE)
    await replica.keys.refresh_and_rotate()
    assert len(await platform.rotations()) == 2


async def test_replicas_that_rotate_at_the_same_time_make_one_key(platform: Platform) -> None:
    replicas = [await platform.add() for _ in range(4)]
    platform.clock.skip(AGE)
    async with anyio.create_task_group() as tasks:
        for replica in replicas:
            tasks.start_soon(replica.keys.refresh_and_rotate)
    assert len(await platform.rotations()) == 1
    for replica in replicas:
        await replica.keys.refresh_and_rotate()
        assert replica.kids() == replicas[0].kids()
    assert len(replicas[0].kids()) == 2


async def test_the_age_is_checked_again_under_the_lock(platform: Platform) -> None:
    """One replica has read the keys, and another one rotates before it."""
    fast = await platform.add()
    platform.clock.skip(AGE)
    await fast.keys.refresh_and_rotate()
    assert await rotate_if_older(platform.database, KeyCipher(SECRET_KEY), fast.keys._now(), AGE) is None
    await fast.keys.refresh_and_rotate()
    assert len(fast.kids()) == 2
    assert len(await platform.rotations()) == 1


async def test_no_token_is_rejected_while_replicas_and_verifiers_refresh_at_different_times(
    platform: Platform,
) -> None:
    """Two replicas refresh alternately, each verifier knows what its own replica published when it last asked: five
    minutes ago at worst, and then what that replica had read up to 20 s before."""
    first, second = await platform.add(), await platform.add()
    step = timedelta(seconds=REFRESH_SECONDS / 2)
    signers: list[str] = []
    tokens: list[str] = []

    async def minutes(count: int) -> None:
        for number in range(int(timedelta(minutes=count) / step)):
            platform.clock.skip(step)
            await (first, second)[number % 2].keys.refresh_and_rotate()
            for replica in (first, second):
                token = replica.token()
                assert await platform.everybody_accepts(token)
                kid = replica.keys.signer().kid
                if kid not in signers:
                    signers.append(kid)
                    tokens.append(token)

    await minutes(1)
    platform.clock.skip(AGE - timedelta(minutes=2))
    await minutes(20)
    assert len(signers) == 2
    assert len(await platform.rotations()) == 1
    # No verifier met an unknown key: they fetched the keys only when theirs were five minutes old.
    for replica in (first, second):
        fetches = pairwise(replica.fetched_at)
        assert all(later - earlier > VERIFIERS_REFRESH_SECONDS for earlier, later in fetches)

    # Every token of the former key has expired before the key retires.
    platform.clock.skip(LONGEST_TOKEN_LIFETIME - timedelta(minutes=20))
    for replica in (first, second):
        await replica.keys.refresh_and_rotate()
        assert replica.kids() == signers[::-1]
    assert await platform.everybody_accepts(tokens[1])
    platform.clock.skip(RETIREMENT_LEEWAY + timedelta(minutes=20))
    for replica in (first, second):
        await replica.keys.refresh_and_rotate()
        assert replica.kids() == signers[:0:-1]
    assert await platform.everybody_accepts(first.token())


async def test_a_replica_that_was_asleep_signs_with_a_key_that_is_still_published(platform: Platform) -> None:
    """A replica that can't reach its database signs with the key that it knows, for as long as the leeway."""
    awake, asleep = await platform.add(), await platform.add()
    platform.clock.skip(AGE)
    await awake.keys.refresh_and_rotate()
    platform.clock.skip(SIGNS_AFTER + RETIREMENT_LEEWAY - timedelta(minutes=1))
    await awake.keys.refresh_and_rotate()
    late = asleep.token()
    assert asleep.keys.signer().kid != awake.keys.signer().kid
    platform.clock.skip(LONGEST_TOKEN_LIFETIME - timedelta(seconds=1))
    await awake.keys.refresh_and_rotate()
    assert await platform.verifiers[0].accepts(late)


async def test_made_up_kids_do_not_cost_the_good_tokens(platform: Platform) -> None:
    """The keys are fetched at most once a minute, and tokens with a known key do not wait for that."""
    replica = await platform.add()
    arrived, answer = anyio.Event(), anyio.Event()

    async def slow_fetch() -> dict[str, Any]:
        document = await replica.fetch()
        if len(replica.fetched_at) > 1:
            arrived.set()
            await answer.wait()
        return document

    keys = KeySet(slow_fetch, clock=platform.clock)
    verifier = Verifier(keys, platform.clock)
    good = replica.token()
    assert await verifier.accepts(good)
    platform.clock.skip(timedelta(minutes=2))
    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(keys.find, f"made up {number}")
        with anyio.fail_after(10):
            await arrived.wait()
            for _ in range(20):
                assert await verifier.accepts(good)
        answer.set()
    assert len(replica.fetched_at) == 2
    for number in range(59):
        platform.clock.skip(timedelta(seconds=1))
        assert await keys.find(f"another {number}") is None
        assert await verifier.accepts(good)
    assert len(replica.fetched_at) == 2
    platform.clock.skip(timedelta(seconds=1))
    assert await keys.find("one more") is None
    assert len(replica.fetched_at) == 3


@pytest.mark.parametrize(("days", "age"), [(90, AGE), (1, timedelta(days=1)), (0, None)])
def test_the_setting(make_settings: MakeSettings, days: int, age: timedelta | None) -> None:
    assert make_settings(key_rotation_days=days).key_rotation == age
    assert make_settings().key_rotation == AGE


def test_verifiers_refresh_often_enough() -> None:
    assert timedelta(seconds=VERIFIERS_REFRESH_SECONDS + REFRESH_SECONDS) < SIGNS_AFTER


@pytest.mark.parametrize("days", ["-1", "3651", "1.5", "often"])
def test_settings_that_make_no_sense(make_settings: MakeSettings, days: str) -> None:
    with pytest.raises(ValidationError, match="key_rotation_days"):
        make_settings(key_rotation_days=days)

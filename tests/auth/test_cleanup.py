"""Which rows the cleanup deletes, and which it leaves."""

from collections.abc import Mapping

import anyio
from sqlalchemy import text

from auth_service.accounts import repository as accounts
from auth_service.cleanup import _LOCK, Cleanup
from auth_service.keys import repository as keys
from lightbox_shared.database import Database, try_lock

FILL = (
    """
    INSERT INTO accounts (username, username_key, authority)
      SELECT 'user-' || n, 'user-' || n, 100 FROM generate_series(1, 3) AS n
    """,
    """
    INSERT INTO sessions (account_id, client_id, expires_at, token_seconds)
      SELECT 3, 'chexray', now() - n * interval '10 hours', 60 FROM generate_series(-1, 10) AS n
    """,
    """
    INSERT INTO refresh_tokens (session_id, token_hash, expires_at)
      SELECT id, 'r' || id::text::bytea, now() FROM sessions
    """,
    """
    INSERT INTO api_keys (session_id, account_id, name, hint, key_hash)
      SELECT id, account_id, 'key', 'lbx_', 'k' || id::text::bytea FROM sessions
    """,
    """
    INSERT INTO guesses (bucket, failures, changed_at)
      SELECT n::text::bytea, 1, now() - n * interval '10 hours' FROM generate_series(0, 10) AS n
    """,
    """
    INSERT INTO familiar_addresses (account_id, address, last_seen_at)
      SELECT 3, '192.0.2.' || n, now() - n * interval '40 days' FROM generate_series(0, 10) AS n
    """,
    """
    INSERT INTO oauth_clients (client_id, name, first_party, redirect_uris, post_logout_redirect_uris, scopes,
                               allowed_origins)
      VALUES ('app', 'App', false, '{}', '{}', '{}', '{}')
    """,
    """
    INSERT INTO authorization_codes (code_hash, client_id, account_id, signed_in_session_id, signed_in_at, redirect_uri,
                                     code_challenge, expires_at)
      SELECT n::text::bytea, 'app', 3, 1, now(), '', '', now() - n * interval '12 days' FROM generate_series(0, 10) AS n
    """,
    """
    INSERT INTO passkey_challenges (challenge, expires_at)
      SELECT n::text::bytea, now() + (3 - n) * interval '1 minute' FROM generate_series(0, 10) AS n
    """,
    """
    INSERT INTO signing_keys (kid, private_key, public_jwk, signs_from, retires_at)
      SELECT 'key-' || n, '', '{}', now(), CASE WHEN n > 0 THEN now() - n * interval '40 days' END
        FROM generate_series(0, 10) AS n
    """,
)
TABLES = (
    "sessions",
    "refresh_tokens",
    "api_keys",
    "guesses",
    "familiar_addresses",
    "signing_keys",
    "authorization_codes",
    "passkey_challenges",
)


async def _fill(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(text("DELETE FROM signing_keys"))
        for statement in FILL:
            await session.execute(text(statement))


async def _counts(database: Database) -> Mapping[str, int]:
    async with database.reading() as session:
        found = [await session.scalar(text(f"SELECT count(*) FROM {table}")) for table in TABLES]  # noqa: S608
    return dict(zip(TABLES, found, strict=True))


async def test_old_rows_are_deleted(database: Database) -> None:
    await _fill(database)
    assert set((await _counts(database)).values()) == {11, 12}
    deleted = await Cleanup(database, batch=3).clean()  # so that it takes several batches
    deletions = {"sessions": 8, "guesses": 8, "familiar_addresses": 8, "signing_keys": 8, "authorization_codes": 8}
    deletions["passkey_challenges"] = 8
    assert deleted == deletions
    assert await _counts(database) == {
        "sessions": 4,
        "refresh_tokens": 4,
        "api_keys": 4,
        "guesses": 3,
        "familiar_addresses": 3,
        "signing_keys": 3,
        "authorization_codes": 3,
        "passkey_challenges": 3,
    }
    async with database.reading() as session:
        oldest = text("SELECT min(expires_at) > now() - interval '1 day' FROM sessions")
        assert await session.scalar(oldest)
        assert await session.scalar(text("SELECT count(*) FROM signing_keys WHERE retires_at IS NULL")) == 1
    assert set((await Cleanup(database).clean()).values()) == {0}


async def test_one_replica_at_a_time(database: Database) -> None:
    await _fill(database)
    before = await _counts(database)
    async with database.writing() as session:
        assert await try_lock(session, _LOCK)
        assert set((await Cleanup(database).clean()).values()) == {0}
        assert await _counts(database) == before
    assert set((await Cleanup(database).clean()).values()) == {8}


async def test_locked_rows_are_left(database: Database) -> None:
    await _fill(database)
    async with database.writing() as session:
        await session.execute(text("SELECT * FROM guesses FOR UPDATE"))
        await session.execute(text("SELECT * FROM sessions FOR UPDATE"))
        with anyio.fail_after(10):
            deleted = await Cleanup(database).clean()
    assert (deleted["guesses"], deleted["sessions"], deleted["familiar_addresses"]) == (0, 0, 8)


def test_every_lock_has_a_number_of_its_own() -> None:
    """Two locks with the same number would block each other."""
    numbers = [_LOCK, keys._LOCK, accounts._BOOTSTRAP_LOCK, accounts._AUTHORITIES_LOCK]
    assert len(set(numbers)) == len(numbers)

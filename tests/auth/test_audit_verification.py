"""What the verification of the audit trail finds after changes that an owner of the database made."""

import hashlib
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text

from auth_service.audit.entries import Action
from auth_service.audit.repository import BATCH
from auth_service.audit.service import record
from auth_service.audit.verification import GENESIS, Verification, verify
from auth_service.request_source import RequestSource
from lightbox_shared.database import Database

SOURCE = RequestSource("192.0.2.1")
ENTRIES = 9

RECHAIN = """
    UPDATE audit_entries SET previous_hash = :previous,
        hash = sha256(:previous || convert_to(sequence || ' ' || entry, 'UTF8'))
    WHERE sequence = :sequence RETURNING hash
"""


@pytest.fixture
def url(fresh_database: Callable[[str], str]) -> str:
    """The address of a migrated, empty database."""
    return fresh_database("auth_service")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database whose trail has nine sign-ins, of the accounts 2 to 10."""
    database = Database(url, pool_size=4)
    async with database.writing() as session:
        for number in range(ENTRIES):
            await record(session, Action.SIGNED_IN, SOURCE, account_id=number + 2)
    yield database
    await database.dispose()


async def tamper(database: Database, *statements: str) -> None:
    """Run statements while the triggers are disabled, which a superuser can do."""
    async with database.writing() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            assert (await session.execute(text(statement))).rowcount != 0  # type: ignore[attr-defined]


async def rechain(database: Database, first: int) -> None:
    """Compute the hashes of an entry, of all later ones and of the end of the chain, as the trigger does."""
    async with database.writing() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        rows = (await session.execute(text("SELECT sequence, hash FROM audit_entries ORDER BY sequence"))).all()
        previous = next((row.hash for row in reversed(rows) if row.sequence < first), GENESIS)
        for row in rows:
            if row.sequence >= first:
                values = {"previous": previous, "sequence": row.sequence}
                previous = (await session.execute(text(RECHAIN), values)).scalar_one()
        values = {"entries": rows[-1].sequence, "hash": previous}
        await session.execute(text("UPDATE audit_head SET entries = :entries, hash = :hash"), values)


async def verified(database: Database, known: tuple[int, str] | None = None) -> Verification:
    async with database.writing() as session:
        return await verify(session, known)


async def test_an_unchanged_trail(database: Database) -> None:
    found = await verified(database)
    assert (found.entries, found.problems) == (ENTRIES, [])
    assert (await verified(database, (found.entries, found.head))).problems == []
    assert (await verified(database, (found.entries, found.head.upper()))).problems == []
    previous = bytes(32)
    async with database.reading() as session:
        for row in (await session.execute(text("SELECT * FROM audit_entries ORDER BY sequence"))).all():
            previous = hashlib.sha256(previous + f"{row.sequence} ".encode() + row.entry.encode()).digest()
    assert found.head == previous.hex()


async def test_an_empty_trail(url: str) -> None:
    database = Database(url, pool_size=1)
    try:
        assert await verified(database) == Verification(0, "0" * 64, [])
        assert await verified(database, (0, "0" * 64)) == Verification(0, "0" * 64, [])
    finally:
        await database.dispose()


TAMPERED: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "changed text": (
        ("UPDATE audit_entries SET entry = replace(entry, '192.0.2.1', '192.0.2.9') WHERE sequence = 4",),
        ["entry 4 was changed"],
    ),
    "changed actor": (
        ("UPDATE audit_entries SET entry = jsonb_set(entry::jsonb, '{actor}', '\"nobody\"') WHERE sequence = 1",),
        ["entry 1 was changed"],
    ),
    "merely another notation": (
        ("UPDATE audit_entries SET entry = entry || ' ' WHERE sequence = 9",),
        ["entry 9 was changed"],
    ),
    "changed hash": (
        ("UPDATE audit_entries SET hash = sha256('x') WHERE sequence = 4",),
        ["entry 4 was changed", "entry 5 does not follow entry 4"],
    ),
    "changed link": (
        ("UPDATE audit_entries SET previous_hash = sha256('x') WHERE sequence = 4",),
        ["entry 4 was changed"],
    ),
    "changed with a hash that fits": (
        (
            "UPDATE audit_entries SET entry = replace(entry, '192.0.2.1', '192.0.2.9') WHERE sequence = 4",
            (
                "UPDATE audit_entries SET hash = sha256(previous_hash || convert_to(sequence || ' ' || entry, 'UTF8'))"
                " WHERE sequence = 4"
            ),
        ),
        ["entry 5 does not follow entry 4"],
    ),
    "the last, with a hash that fits": (
        (
            "UPDATE audit_entries SET entry = replace(entry, '192.0.2.1', '192.0.2.9') WHERE sequence = 9",
            (
                "UPDATE audit_entries SET hash = sha256(previous_hash || convert_to(sequence || ' ' || entry, 'UTF8'))"
                " WHERE sequence = 9"
            ),
        ),
        ["the trail ends with another entry than entry 9"],
    ),
    "one removed": (("DELETE FROM audit_entries WHERE sequence = 5",), ["entry 5 is missing"]),
    "some removed": (
        ("DELETE FROM audit_entries WHERE sequence IN (3, 4, 7)",),
        ["entries 3 to 4 are missing", "entry 7 is missing"],
    ),
    "the first removed": (("DELETE FROM audit_entries WHERE sequence = 1",), ["entry 1 is missing"]),
    "removed, and closed up": (
        (
            "DELETE FROM audit_entries WHERE sequence = 5",
            "UPDATE audit_entries SET sequence = -sequence WHERE sequence > 5",
            "UPDATE audit_entries SET sequence = -sequence - 1 WHERE sequence < 0",
        ),
        [
            *(f"entry {number} was changed" for number in (5, 6, 7, 8)),
            "the end of the trail was cut: entry 9 is missing",
        ],
    ),
    "the end removed": (
        ("DELETE FROM audit_entries WHERE sequence > 7",),
        ["the end of the trail was cut: entries 8 to 9 are missing"],
    ),
    "all removed": (
        ("DELETE FROM audit_entries",),
        ["the end of the trail was cut: entries 1 to 9 are missing"],
    ),
    "texts swapped": (
        (
            (
                "UPDATE audit_entries AS a SET entry = b.entry FROM audit_entries AS b"
                " WHERE (a.sequence, b.sequence) IN ((3, 4), (4, 3))"
            ),
        ),
        ["entry 3 was changed", "entry 4 was changed"],
    ),
    "rows swapped": (
        (
            "UPDATE audit_entries SET sequence = 99 WHERE sequence = 3",
            "UPDATE audit_entries SET sequence = 3 WHERE sequence = 4",
            "UPDATE audit_entries SET sequence = 4 WHERE sequence = 99",
        ),
        ["entry 3 was changed", "entry 4 was changed", "entry 5 does not follow entry 4"],
    ),
    "added before the first": (
        (
            (
                "INSERT INTO audit_entries (sequence, entry, previous_hash, hash)"
                " SELECT 0, entry, previous_hash, hash FROM audit_entries WHERE sequence = 1"
            ),
        ),
        ["entry 0 does not belong to the trail"],
    ),
    "added at the end": (
        (
            (
                "INSERT INTO audit_entries (sequence, entry, previous_hash, hash) SELECT 10, entry, hash,"
                " sha256(hash || convert_to('10 ' || entry, 'UTF8')) FROM audit_entries WHERE sequence = 9"
            ),
        ),
        ["the trail ends with entry 9, and goes on until entry 10"],
    ),
    "the end forgotten": (("DELETE FROM audit_head",), ["the end of the trail is not noted any more"]),
    "another first": (
        (
            (
                "UPDATE audit_entries SET previous_hash = sha256('x'),"
                " hash = sha256(sha256('x') || convert_to(sequence || ' ' || entry, 'UTF8')) WHERE sequence = 1"
            ),
        ),
        ["entry 1 is not the first that there was", "entry 2 does not follow entry 1"],
    ),
}


@pytest.mark.parametrize(("statements", "problems"), TAMPERED.values(), ids=TAMPERED)
async def test_changes_that_are_found(database: Database, statements: tuple[str, ...], problems: list[str]) -> None:
    await tamper(database, *statements)
    assert (await verified(database)).problems == problems


async def test_changes_that_only_a_noted_hash_reveals(database: Database) -> None:
    """An owner of the database can compute all hashes anew, but not change one that was noted elsewhere."""
    note = await verified(database)
    async with database.writing() as session:
        await record(session, Action.SIGNED_IN, SOURCE, account_id=77)
    known = (note.entries, note.head)
    assert (await verified(database, known)).problems == []

    await tamper(database, "UPDATE audit_entries SET entry = replace(entry, '192.0.2.1', '::1') WHERE sequence = 4")
    await rechain(database, 4)
    assert (await verified(database)).problems == []
    assert (await verified(database, known)).problems == ["entry 9 is not the one whose hash was noted"]

    await tamper(database, "DELETE FROM audit_entries WHERE sequence > 6")
    await rechain(database, 6)
    assert (await verified(database)).problems == []
    assert (await verified(database, known)).problems == ["entry 9, whose hash was noted, is missing"]


async def test_a_trail_with_many_problems(database: Database) -> None:
    async with database.writing() as session:
        for _ in range(40):
            await record(session, Action.SIGNED_IN, SOURCE, account_id=2)
    await tamper(database, "UPDATE audit_entries SET entry = entry || ' '")
    found = await verified(database)
    assert found.entries == 49
    assert found.problems == [*(f"entry {number} was changed" for number in range(1, 21)), "and 29 more"]


async def test_a_trail_of_several_batches(database: Database) -> None:
    more = f"""INSERT INTO audit_entries (entry)
               SELECT json_build_object('number', n)::text FROM generate_series(1, {2 * BATCH}) AS n"""  # noqa: S608
    async with database.writing() as session:
        await session.execute(text(more))
    found = await verified(database)
    assert (found.entries, found.problems) == (ENTRIES + 2 * BATCH, [])
    await tamper(database, f"DELETE FROM audit_entries WHERE sequence = {BATCH}")  # noqa: S608
    assert (await verified(database)).problems == [f"entry {BATCH} is missing"]


async def test_entries_that_are_appended_meanwhile(database: Database) -> None:
    """The verification reads one snapshot, so the end of the chain fits the entries that it read before."""
    async with database.writing() as session:
        found = await verify(session)
        async with database.writing() as other:
            await record(other, Action.SIGNED_IN, SOURCE, account_id=2)
        entries = (await session.execute(text("SELECT entries FROM audit_head"))).scalar_one()
    assert entries == found.entries == ENTRIES
    assert (await verified(database)).entries == ENTRIES + 1

"""Folders with many files, out of the copy of a drive."""

from datetime import UTC, datetime

from sqlalchemy import text
from support.imagehub import Hub

from imagehub_service.drives.listed_files import files_of
from imagehub_service.drives.onedrive import copies_repository as repository

COPY = text("INSERT INTO onedrive_copies (account_id, root_id) VALUES (:account, 'r')")
ITEMS = text(
    "INSERT INTO onedrive_items (account_id, id, parent_id, name, size, is_folder, created_at, modified_at,"
    " enumeration) SELECT :account, :kind || i, :parent || i % :parents, :kind || lpad(i::text, 5, '0'), i, :is_folder,"
    " '2024-02-29T12:30:00.25+00', '2024-03-01T00:00:00+00', 1 FROM generate_series(0, :count - 1) i"
)
LEVELS = (
    {"kind": "f", "parent": "r", "parents": 1, "is_folder": True, "count": 3},
    {"kind": "x", "parent": "f", "parents": 2, "is_folder": False, "count": 3001},
    {"kind": "deeper", "parent": "f", "parents": 1, "is_folder": True, "count": 2},
)


async def test_a_folder_is_one_row_however_many_files_it_has(hub: Hub) -> None:
    async with hub.database.writing() as session:
        for account in (7, 8):  # the files of another administrator have the same ids
            await session.execute(COPY, {"account": account})
            for level in LEVELS:
                await session.execute(ITEMS, {"account": account, **level})
    async with hub.database.reading() as session:
        rows = await repository.folders_with_files(session, 7, "r0")
    assert [(row.id, row.name, row.size) for row in rows] == [(f"f{each}", f"f0000{each}", each) for each in range(3)]
    listed = [files_of(row.files) for row in rows]
    assert [[file.id for file in files] for files in listed] == [
        [f"x{each}" for each in range(0, 3001, 2)],
        [f"x{each}" for each in range(1, 3001, 2)],
        [],
    ]
    last = listed[0][-1]
    assert (last.name, last.size) == ("x03000", 3000)
    assert last.created_at == datetime(2024, 2, 29, 12, 30, 0, 250_000, tzinfo=UTC)
    assert last.modified_at == datetime(2024, 3, 1, tzinfo=UTC)

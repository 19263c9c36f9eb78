"""What was there before a migration is counted and kept by it."""

import httpx
import pytest
from alembic import command
from sqlalchemy import Connection, text, update
from support import pictures
from support.databases import Databases
from support.gateway import Key
from support.inference import account_headers

from inference_service.xrays.models import XRay
from inference_service.xrays.service import FINDINGS
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import alembic_config, migrate

PACKAGE = "inference_service"
ROWS = """
INSERT INTO blobs (sha256, size, data) VALUES ('a', 100, 'x'), ('b', 7, 'x');
INSERT INTO predictions (account_id, input_sha256, media_type, model_name, model_version, model_sha256,
                         preprocessing_version, thresholds, scores)
SELECT account, 'a', 'image/png', 'm', 1, 'h', '1', '{}', '{}' FROM unnest(ARRAY[1, 1, 7, 1]) AS account;
INSERT INTO xrays (account_id, title, picture_sha256, media_type, findings, prediction_id)
VALUES (1, '', 'a', 'image/png', '{}', 1), (1, '', 'b', 'image/png', '{}', 2), (7, '', 'a', 'image/png', '{}', 3)
"""

FILES = "SELECT pg_relation_filenode('predictions'), pg_relation_filenode('xrays')"


def back_to(connection: Connection, revision: str) -> None:
    config = alembic_config(PACKAGE)
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


@pytest.mark.parametrize("filled", [True, False])
async def test_anonymous_uploads_that_are_there_count(databases: Databases, filled: bool) -> None:
    with databases.empty() as url:
        database = Database(url)
        await migrate(database.engine, PACKAGE)
        async with database.engine.begin() as connection:
            await connection.run_sync(back_to, "0003")
            for statement in ROWS.split(";") if filled else ():
                await connection.execute(text(statement))
        await migrate(database.engine, PACKAGE)
        async with database.reading() as session:
            total = (await session.execute(text("SELECT pictures, bytes FROM anonymous_total"))).one()
            xrays = (await session.scalars(text("SELECT anonymous_bytes FROM xrays ORDER BY id"))).all()
            predictions = (await session.scalars(text("SELECT anonymous_bytes FROM predictions ORDER BY id"))).all()
        await database.dispose()
    if filled:
        assert tuple(total) == (3, 1124 + 1031 + 1024)
        assert list(xrays) == [1124, 1031, None]
        assert list(predictions) == [None, None, None, 1024]  # those of X-rays count with them
    else:
        assert tuple(total) == (0, 0)


async def test_titles_move_to_the_predictions_and_back(databases: Databases) -> None:
    with databases.empty() as url:
        database = Database(url)
        await migrate(database.engine, PACKAGE)
        async with database.engine.begin() as connection:
            await connection.run_sync(back_to, "0004")
            for statement in ROWS.split(";"):
                await connection.execute(text(statement))
            await connection.execute(text("UPDATE xrays SET title = 'Röntgen ' || id"))
            files_before = (await connection.execute(text(FILES))).all()
        await migrate(database.engine, PACKAGE)
        async with database.reading() as session:
            assert (await session.execute(text(FILES))).all() == files_before  # no table is written anew
            found = (await session.execute(text("SELECT title, folded_title FROM predictions ORDER BY id"))).all()
            kept = (await session.scalars(text("SELECT picture_sha256 FROM predictions ORDER BY id"))).all()
        async with database.engine.begin() as connection:
            await connection.run_sync(back_to, "0004")
            titles = (await connection.execute(text("SELECT title FROM xrays ORDER BY id"))).scalars().all()
        await database.dispose()
    names = [f"Röntgen {number}" for number in (1, 2, 3)]
    assert [tuple(row) for row in found] == [*((name, name.lower()) for name in names), ("", "")]
    assert list(kept) == [None, None, b"a", None]  # those of anonymous X-rays go with the X-rays
    assert list(titles) == names


async def test_processes_of_the_version_before_go_on(client: httpx.AsyncClient, key: Key, database: Database) -> None:
    """While replicas are replaced one by one, old ones write titles of X-rays beside the new ones."""
    client.headers.update(account_headers(key, 7))
    async with database.writing() as session:
        for statement in ROWS.replace("'', 'a', 'image/png'", "'Röntgen', 'a', 'image/png'").split(";"):
            await session.execute(text(statement))
        await session.execute(update(XRay).values(findings=dict.fromkeys(FINDINGS, 0.5)))
    xray = (await client.post("/api/chexray/xray", json={"xray_id": 3})).json()
    assert (xray["title"], xray["userperson"]) == ("Röntgen", 7)
    new = await client.post("/api/chexray/upload", data={"title": "PA"}, files={"image": ("x", pictures.png())})
    assert new.json()["title"] == "PA"
    async with database.reading() as session:  # as old ones read it
        assert await session.scalar(text("SELECT title FROM xrays ORDER BY id DESC LIMIT 1")) == ""

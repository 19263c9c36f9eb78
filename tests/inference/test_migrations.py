"""What was there before a migration is counted by it."""

import pytest
from alembic import command
from sqlalchemy import Connection, text
from support.databases import Databases

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


def back_to_0003(connection: Connection) -> None:
    config = alembic_config(PACKAGE)
    config.attributes["connection"] = connection
    command.downgrade(config, "0003")


@pytest.mark.parametrize("filled", [True, False])
async def test_anonymous_uploads_that_are_there_count(databases: Databases, filled: bool) -> None:
    with databases.empty() as url:
        database = Database(url)
        await migrate(database.engine, PACKAGE)
        async with database.engine.begin() as connection:
            await connection.run_sync(back_to_0003)
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

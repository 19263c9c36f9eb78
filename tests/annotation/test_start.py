"""The service starts on an empty database, and its tables are those of its models."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from support.annotation import Lab

from annotation_service.orm import Base
from lightbox_shared.auth.principal import Authority


async def test_the_migrations_make_the_tables_of_the_models(lab: Lab) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": False}
        context = MigrationContext.configure(connection, opts=options)
        return [each for each in compare_metadata(context, Base.metadata) if "alembic_version" not in str(each)]

    async with lab.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_it_is_ready(lab: Lab) -> None:
    assert (await lab.http.get("/readyz")).json()["status"] == "ready"
    assert (await lab.person(Authority.DOCTOR)).id >= 100
    assert await lab.image() > 0

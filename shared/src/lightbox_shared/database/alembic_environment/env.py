"""The script that Alembic runs, on a connection of `lightbox_shared.database.migrate`, which holds the lock."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes["target_metadata"],
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()

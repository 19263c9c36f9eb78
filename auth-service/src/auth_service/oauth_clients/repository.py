"""The queries on registered OAuth clients."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.oauth_clients.models import RegisteredClient
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest


async def insert_new(session: WriteSession, values: Mapping[str, object]) -> RegisteredClient | None:
    """Add a client; None if its client_id is taken."""
    statement = insert(RegisteredClient).values(values).on_conflict_do_nothing().returning(RegisteredClient)
    return (await session.execute(statement)).scalar_one_or_none()


async def find(session: ReadSession | WriteSession, row_id: int) -> RegisteredClient | None:
    """The client with the id of a row."""
    return await session.get(RegisteredClient, row_id)


async def find_by_client_id(session: ReadSession | WriteSession, client_id: str) -> RegisteredClient | None:
    """The client with a client_id."""
    statement = select(RegisteredClient).where(RegisteredClient.client_id == client_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_shared(session: WriteSession, client_id: str) -> RegisteredClient | None:
    """The client with a client_id, which no other transaction changes or deletes until the end of this one."""
    statement = select(RegisteredClient).where(RegisteredClient.client_id == client_id)
    return (await session.execute(statement.with_for_update(read=True))).scalar_one_or_none()


async def page(session: ReadSession, request: PageRequest | None) -> Sequence[RegisteredClient]:
    """The clients, newest first: all, or those of a page and one more if there is a next page."""
    statement = select(RegisteredClient).order_by(RegisteredClient.id.desc())
    if request is not None:
        statement = statement.limit(request.limit + 1)
        if request.after is not None:
            statement = statement.where(RegisteredClient.id < request.after)
    return (await session.execute(statement)).scalars().all()


async def change(session: WriteSession, row_id: int, values: Mapping[str, object]) -> RegisteredClient | None:
    """Change columns of a client, and return it; None if there is none."""
    statement = update(RegisteredClient).where(RegisteredClient.id == row_id)
    statement = statement.values({**values, "modified_at": func.now()}).returning(RegisteredClient)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def remove(session: WriteSession, row_id: int) -> RegisteredClient | None:
    """Delete a client with its codes and consents, and return it; None if there is none."""
    statement = delete(RegisteredClient).where(RegisteredClient.id == row_id).returning(RegisteredClient)
    return (await session.execute(statement)).scalar_one_or_none()


async def origins(session: ReadSession) -> list[str]:
    """The origins of all clients."""
    each = func.unnest(RegisteredClient.allowed_origins).label("origin")
    return sorted((await session.execute(select(each).distinct())).scalars())

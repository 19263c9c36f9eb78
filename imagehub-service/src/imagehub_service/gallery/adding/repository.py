"""The queries on additions."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, Integer, Select, Text, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from imagehub_service.gallery.adding.models import UNFINISHED, Addition, AdditionFolder, AdditionItem, AdditionState
from imagehub_service.gallery.adding.models import ItemState as State
from lightbox_shared.concurrency import background_jobs
from lightbox_shared.concurrency.background_jobs import Mine
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.responses.pagination import PageRequest

BATCH_ITEMS: Final = 500
SHOWN_ERRORS: Final = 1000
FORGOTTEN_AT_ONCE: Final = 50


class WantedFolder(NamedTuple):
    """A folder of which pictures are to be added, to a group or with None to a new one."""

    folder_id: str
    folder_name: str
    group_id: int | None
    files: Sequence[tuple[str, str]]
    """Ids and names."""


class Progress(NamedTuple):
    """An addition, and what its other tables say about it."""

    addition: Addition
    current: str | None
    """The name of the first file that is not finished."""
    groups: Sequence[int]
    """The groups that pictures were added to."""


async def add(session: WriteSession, account_id: int, folders: Sequence[WantedFolder]) -> int:
    """Insert an addition that waits for its process, and return its id. The files take one statement, however
    many they are."""
    files = [(number, *file) for number, folder in enumerate(folders) for file in folder.files]
    statement = insert(Addition).values(total=len(files), created_by=account_id).returning(Addition.id)
    addition_id: int = (await session.execute(statement)).scalar_one()
    rows = [
        {
            "addition_id": addition_id,
            "number": number,
            "folder_id": folder.folder_id,
            "folder_name": folder.folder_name,
            "makes_group": folder.group_id is None,
            "group_id": folder.group_id,
        }
        for number, folder in enumerate(folders)
    ]
    await session.execute(insert(AdditionFolder), rows)
    folder_numbers, ids, file_names = ([each[place] for each in files] for place in range(3))
    items = select(
        cast(addition_id, Addition.id.type),
        func.generate_series(0, len(files) - 1),
        func.unnest(cast(folder_numbers, ARRAY(Integer))),
        func.unnest(cast(ids, ARRAY(Text))),
        func.unnest(cast(file_names, ARRAY(Text))),
    )
    columns = ["addition_id", "number", "folder_number", "file_id", "file_name"]
    await session.execute(insert(AdditionItem).from_select(columns, items))
    return addition_id


async def find(session: ReadSession, addition_id: int) -> Progress | None:
    """One addition."""
    found = (await session.execute(_progress().where(Addition.id == addition_id))).one_or_none()
    return None if found is None else Progress(*found)


async def page(session: ReadSession, page: PageRequest) -> Sequence[Progress]:
    """The additions of a page, newest first, and one more if there is a next page."""
    statement = _progress().order_by(Addition.id.desc()).limit(page.limit + 1)
    if page.after is not None:
        statement = statement.where(Addition.id < page.after)
    return [Progress(*row) for row in await session.execute(statement)]


def _progress() -> Select[Any]:
    current = (
        select(AdditionItem.file_name)
        .where(AdditionItem.addition_id == Addition.id, AdditionItem.state == State.PENDING)
        .order_by(AdditionItem.number)
        .limit(1)
    )
    groups = select(
        func.coalesce(
            func.array_agg(aggregate_order_by(AdditionFolder.group_id.distinct(), AdditionFolder.group_id)), []
        )
    ).where(AdditionFolder.addition_id == Addition.id, AdditionFolder.added > 0)
    return select(Addition, current.scalar_subquery(), groups.scalar_subquery())


async def errors(session: ReadSession, addition_id: int) -> Sequence[tuple[AdditionItem, AdditionFolder]]:
    """The first `SHOWN_ERRORS` pictures that could not be added, with their folders."""
    statement = (
        select(AdditionItem, AdditionFolder)
        .join(
            AdditionFolder,
            (AdditionFolder.addition_id == AdditionItem.addition_id)
            & (AdditionFolder.number == AdditionItem.folder_number),
        )
        .where(AdditionItem.addition_id == addition_id, AdditionItem.state == State.FAILED)
        .order_by(AdditionItem.number)
        .limit(SHOWN_ERRORS)
    )
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def folders(session: ReadSession, addition_id: int) -> dict[int, AdditionFolder]:
    """Its folders by their numbers."""
    statement = select(AdditionFolder).where(AdditionFolder.addition_id == addition_id)
    return {row.number: row for row in await session.scalars(statement)}


async def pending(session: ReadSession, addition_id: int, after: int) -> Sequence[AdditionItem]:
    """Pictures that are not finished, behind the one with the number `after`, in their order: `BATCH_ITEMS` at most."""
    statement = (
        select(AdditionItem)
        .where(
            AdditionItem.addition_id == addition_id, AdditionItem.state == State.PENDING, AdditionItem.number > after
        )
        .order_by(AdditionItem.number)
        .limit(BATCH_ITEMS)
    )
    return (await session.scalars(statement)).all()


async def take(session: WriteSession, dead_after_seconds: float) -> Addition | None:
    """The next addition that waits and may be taken up, or whose process has not been heard of for so long; from
    now on it is the caller's. None if there is nothing to do."""
    is_due = Addition.waits_until.is_(None) | (Addition.waits_until <= func.now())
    return await background_jobs.take(
        session, Addition, dead_after_seconds, is_due=is_due, columns={"waits_until": None}
    )


async def count_added(session: WriteSession, mine: Mine) -> bool:
    """One more picture is being added; False if the addition is not the caller's any more. It is locked until the
    transaction ends."""
    return await background_jobs.change(session, Addition, mine, {**_ALIVE, "added": Addition.added + 1})


async def mark_added(session: WriteSession, item: AdditionItem, group_id: int, picture_id: int) -> None:
    """A picture was made of an item, in this group of its folder."""
    folder = (AdditionFolder.addition_id == item.addition_id, AdditionFolder.number == item.folder_number)
    await session.execute(
        update(AdditionFolder).where(*folder).values(group_id=group_id, added=AdditionFolder.added + 1)
    )
    await session.execute(update(AdditionItem).where(*_same(item)).values(state=State.ADDED, picture_id=picture_id))


async def fail(session: WriteSession, mine: Mine, item: AdditionItem, sentence: Sentence) -> bool:
    """An item can't become a picture; False if the addition is not the caller's any more."""
    if not await background_jobs.change(session, Addition, mine, {**_ALIVE, "failed": Addition.failed + 1}):
        return False
    await session.execute(update(AdditionItem).where(*_same(item)).values(_failed(sentence)))
    return True


async def give_up(session: WriteSession, mine: Mine, sentence: Sentence) -> bool:
    """None of the items that are left is tried any more; False if the addition is not the caller's any more."""
    columns = {
        "state": AdditionState.FAILED,
        "failed": Addition.total - Addition.added,
        "finished_at": func.now(),
    }
    if not await background_jobs.change(session, Addition, mine, columns):
        return False
    left = (AdditionItem.addition_id == mine.id, AdditionItem.state == State.PENDING)
    await session.execute(update(AdditionItem).where(*left).values(_failed(sentence)))
    return True


def _failed(sentence: Sentence) -> dict[str, object]:
    columns = {"error": str(sentence), "error_code": sentence.code, "error_parameters": sentence.parameters}
    return {"state": State.FAILED, **columns}


async def finish(session: WriteSession, mine: Mine) -> bool:
    """All items are finished; False if the addition is not the caller's any more."""
    return await background_jobs.change(
        session, Addition, mine, {"state": AdditionState.DONE, "finished_at": func.now()}
    )


async def postpone(session: WriteSession, mine: Mine, item: AdditionItem, seconds: float) -> bool:
    """An item can't be prepared now: the addition waits for so long, and any process may take it up then. False if it
    is not the caller's any more."""
    columns = {
        "state": AdditionState.QUEUED,
        "interruptions": 0,
        "waits_until": func.now() + timedelta(seconds=seconds),
    }
    if not await background_jobs.change(session, Addition, mine, columns):
        return False
    await session.execute(update(AdditionItem).where(*_same(item)).values(postponed=AdditionItem.postponed + 1))
    return True


async def cancel(session: WriteSession, addition_id: int) -> bool:
    """End an addition. One that has ended already is forgotten. Whether there was one."""
    columns = {"state": AdditionState.CANCELLED, "finished_at": func.now()}
    unfinished = (Addition.id == addition_id, Addition.state.in_(UNFINISHED))
    statement = update(Addition).where(*unfinished).values(columns).returning(Addition.id)
    if (await session.execute(statement)).scalar() is not None:
        return True
    gone = delete(Addition).where(Addition.id == addition_id).returning(Addition.id)
    return (await session.execute(gone)).scalar() is not None


async def forget_old(session: WriteSession, kept_seconds: float) -> int:
    """Delete some additions that have ended so long ago; how many. Their pictures stay."""
    old = Addition.finished_at < func.now() - timedelta(seconds=kept_seconds)
    chosen = select(Addition.id).where(old).limit(FORGOTTEN_AT_ONCE).with_for_update(skip_locked=True)
    return len((await session.execute(delete(Addition).where(Addition.id.in_(chosen)).returning(Addition.id))).all())


_ALIVE: Final[Mapping[str, Any]] = {"heartbeat_at": func.now(), "interruptions": 0}


def _same(item: AdditionItem) -> tuple[Any, ...]:
    return AdditionItem.addition_id == item.addition_id, AdditionItem.number == item.number

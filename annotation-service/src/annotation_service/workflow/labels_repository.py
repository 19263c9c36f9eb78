"""The queries of the workflow on labels."""

from sqlalchemy import exists, func, or_, select, update

from annotation_service.workflow.models import Job, Label
from annotation_service.workflow.states import JobState
from lightbox_shared.database import WriteSession


async def carrier(session: WriteSession, label_id: int) -> int | None:
    """The open job that carries a label."""
    carries = (Job.label_id == label_id, Job.state < JobState.FINISHED)
    found: int | None = await session.scalar(select(Job.id).where(*carries))
    return found


async def empty(session: WriteSession, job_id: int) -> None:
    """Let a locked job carry no label."""
    changes = {"label_id": None, "version": Job.version + 1, "modified_at": func.now()}
    statement = update(Job).where(Job.id == job_id).values(changes)
    await session.execute(statement, execution_options={"synchronize_session": False})


async def lock_any_label(session: WriteSession, label_id: int) -> Label | None:
    """The label as it is now, locked until the end of the transaction."""
    return await session.get(Label, label_id, with_for_update={"key_share": True})


async def finish_label(session: WriteSession, label_id: int) -> None:
    """Close a label to changes, if it is not closed already."""
    open_label = update(Label).where(Label.id == label_id, Label.finished_at.is_(None))
    await session.execute(open_label.values(finished_at=func.now()))


async def is_ground_truth_candidate(session: WriteSession, image_id: int, label_id: int, author_id: int) -> bool:
    """Whether a label is that of a finished job of the image, or one of this author that no job carries."""
    of_a_job = exists().where(Job.image_id == image_id, Job.label_id == Label.id, Job.state == JobState.FINISHED)
    own = (Label.author_id == author_id) & ~exists().where(Job.label_id == Label.id)
    return bool(await session.scalar(select(exists().where(Label.id == label_id, or_(of_a_job, own)))))

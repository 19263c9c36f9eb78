"""The only code that changes the states of images and jobs: each function is one step of the transaction of its caller,
with its entries in the history.

The image is locked first, so that two doctors who finish at the same moment come one after the other: the second one
sees what the first one has done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func

from annotation_service.workflow import errors, repository
from annotation_service.workflow.models import Image, Job
from annotation_service.workflow.rules import Agreed, Disagreed, decide, is_image_transition
from annotation_service.workflow.states import ImageState, JobKind, JobState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a state changes, for the history."""

    reason: str
    account_id: int | None = None
    """Whose request it was; None for what follows from the rules."""


@dataclass(frozen=True, slots=True)
class JobEdit:
    """What a doctor wants to change in a job; None leaves a value as it is."""

    label_id: int | None = None
    state: JobState | None = None


@dataclass(frozen=True, slots=True)
class ImageEdit:
    """What an administrator wants to change in an image; None leaves a value as it is."""

    ground_truth_id: int | None = None
    states: tuple[frozenset[ImageState], ...] = ()
    """For each member that names a state, what it can mean: one name stands for both kinds of disagreement."""


async def create_job(
    session: WriteSession,
    image_id: int,
    account_id: int,
    cause: Cause,
    options: Mapping[str, Any] | None = None,
) -> Job:
    """Make a job for a reader of an image that is unassigned or running. `options` are further columns.

    Raises `NoSuchImage`, `ImageIsSettled` and `DoctorHasJob`.
    """
    image = await repository.lock_image(session, image_id)
    if image is None:
        raise errors.NoSuchImage
    if image.state not in {ImageState.UNASSIGNED, ImageState.RUNNING}:
        raise errors.ImageIsSettled
    values = {**(options or {}), "account_id": account_id, "kind": JobKind.READER}
    job = await _insert_job(session, image, values, cause)
    if job is None:
        raise errors.DoctorHasJob
    changes = await _missing_readers(session, image)
    if image.state == ImageState.UNASSIGNED:
        await _move_image(session, image, ImageState.RUNNING, cause, changes)
    elif changes:
        await repository.change_image(session, image.id, changes)
    return job


async def edit_job(session: WriteSession, image: Image, job: Job, edit: JobEdit, account_id: int) -> Job:
    """Put a label into a job of this account, begin it, or finish it. `image` and `job` are locked.

    Raises `NotTheDoctor`, `JobIsFinished`, `JobMovesBack`, `NoLabel`, and what a label is refused for.
    """
    if job.account_id != account_id:
        raise errors.NotTheDoctor
    state = JobState(job.state)
    if state is JobState.FINISHED:
        raise errors.JobIsFinished
    target = state if edit.state is None else edit.state
    if target < state:
        raise errors.JobMovesBack
    changes: dict[str, Any] = {}
    if edit.label_id is not None and edit.label_id != job.label_id:
        await _check_label(session, image, job, edit.label_id)
        changes["label_id"] = edit.label_id
    label_id = changes.get("label_id", job.label_id)
    if target is JobState.FINISHED and label_id is None:
        raise errors.NoLabel
    if not changes and target is state:
        return job
    changes |= await _move_job(session, job, target)
    changed = await repository.change_job(session, job.id, changes)
    if target is JobState.FINISHED and changed.label_id is not None:
        await repository.finish_label(session, changed.label_id)
        await _advance(session, image)
    return changed


async def delete_job(session: WriteSession, image: Image, job: Job, cause: Cause) -> None:
    """Delete a job that is locked with its image. Its label stays. What remains of the image's jobs is decided anew."""
    await repository.delete_job(session, job.id)
    await _record(session, job, job.state, None, cause)
    changes = await _missing_readers(session, image)
    if image.state == ImageState.RUNNING and not await repository.has_jobs(session, image.id):
        await _move_image(session, image, ImageState.UNASSIGNED, cause, changes)
        return
    if changes:
        image = await repository.change_image(session, image.id, changes)
    await _advance(session, image)


async def edit_image(session: WriteSession, image: Image, edit: ImageEdit, *, actor: int) -> Image:
    """Settle an image that is different, or correct the ground truth of one that is done. `image` is locked.

    What is as it was is not a change. Raises `ImageMovesWrongly` and `NotItsLabel`.
    """
    state = ImageState(image.state)
    label_id = edit.ground_truth_id
    changes_label = label_id is not None and label_id != image.ground_truth_id
    moves_to = [meant for meant in edit.states if state not in meant]  # clients send back what they were answered
    if not changes_label and not moves_to:
        return image
    may_be_settled = state in {ImageState.DIFFERENT, ImageState.DIFFERENT_AGAIN, ImageState.DONE}
    if label_id is None or not may_be_settled or any(ImageState.DONE not in meant for meant in moves_to):
        raise errors.ImageMovesWrongly
    if not await repository.is_ground_truth_candidate(session, image.id, label_id, actor):
        raise errors.NotItsLabel
    await repository.finish_label(session, label_id)
    reason = "settled by an administrator" if state is not ImageState.DONE else "ground truth corrected"
    return await _finish_image(session, image, label_id, Cause(reason, actor))


async def want_readers(session: WriteSession, image: Image, **changes: object) -> Image:
    """Change how many readers an image should have, and what goes with it. `image` is locked."""
    return await repository.change_image(session, image.id, changes)


async def _missing_readers(session: WriteSession, image: Image) -> dict[str, Any]:
    """The column with the readers that are missing now, for an image that asks for a number of readers."""
    if not image.wanted_readers or image.state not in {ImageState.UNASSIGNED, ImageState.RUNNING}:
        return {}
    readers = await repository.count_readers(session, image.id)
    return {"missing_readers": max(0, image.wanted_readers - readers)}


async def _check_label(session: WriteSession, image: Image, job: Job, label_id: int) -> None:
    label = await repository.lock_label(session, label_id)
    if label is None or label.author_id != job.account_id:
        raise errors.LabelOfSomeoneElse
    if label.finished_at is not None or await repository.label_in_use(session, label_id, job.id):
        raise errors.LabelInUse
    if label.scheme_id != image.scheme_id:
        raise errors.WrongScheme


async def _move_job(session: WriteSession, job: Job, target: JobState) -> dict[str, Any]:
    """Write the history of a job that moves to `target`, one state at a time; returns the columns that change."""
    changes: dict[str, Any] = {}
    for step in JobState:
        if job.state < step <= target:
            await _record(session, job, step - 1, step, Cause("the doctor's request", job.account_id))
            changes["state"] = step
            if step is JobState.LABELING:
                changes["started_at"] = job.started_at or func.now()  # a draft may have come before
            else:
                changes |= {"finished_at": func.now(), "leased_until": None, "draft": None, "draft_saved_at": None}
    return changes


async def _advance(session: WriteSession, image: Image) -> None:
    """Decide what follows for an image after one of its jobs has been finished or deleted."""
    open_jobs = await repository.count_open_jobs(session, image.id)
    found = [] if open_jobs else await repository.readings(session, image.id)
    state = ImageState(image.state)
    decision = decide(state, found, open_jobs=open_jobs, wanted_readers=image.wanted_readers)
    match decision:
        case Agreed(label_id):
            await _finish_image(session, image, label_id, Cause("the readers agree"))
        case Disagreed(again=False) if await _give_to(session, image, Authority.DOCTOR, JobKind.FURTHER):
            await _move_image(session, image, ImageState.DIFFERENT, Cause("the readers disagree"), {})
        case Disagreed(again):
            reason = "the readers still disagree" if again else "the readers disagree, and no further doctor is free"
            await _move_image(session, image, ImageState.DIFFERENT_AGAIN, Cause(reason), {})
            await _give_to(session, image, Authority.EXPERT, JobKind.EXPERT)


async def _give_to(session: WriteSession, image: Image, authority: Authority, kind: JobKind) -> bool:
    """Make a job for the free account of this authority that has the least to do; False if there is none."""
    account_id = await repository.free_reader(session, image, authority)
    if account_id is None:
        return False
    values = {"account_id": account_id, "kind": kind}
    return await _insert_job(session, image, values, Cause("the readers disagree")) is not None


async def _insert_job(session: WriteSession, image: Image, values: Mapping[str, Any], cause: Cause) -> Job | None:
    job = await repository.insert_job(session, {**values, "image_id": image.id})
    if job is not None:
        await _record(session, job, None, job.state, cause)
    return job


async def _finish_image(session: WriteSession, image: Image, label_id: int, cause: Cause) -> Image:
    changes = {"ground_truth_id": label_id, "missing_readers": 0}
    return await _move_image(session, image, ImageState.DONE, cause, changes)


async def _move_image(
    session: WriteSession, image: Image, target: ImageState, cause: Cause, changes: Mapping[str, Any]
) -> Image:
    old = ImageState(image.state)
    if old is not target and not is_image_transition(old, target):
        raise AssertionError(f"an image can't go from {old.name} to {target.name}")
    await _record(session, image, old, target, cause)
    return await repository.change_image(session, image.id, {"state": target, **changes})


async def _record(session: WriteSession, of: Image | Job, old: int | None, new: int | None, cause: Cause) -> None:
    job_id, image_id = (of.id, of.image_id) if isinstance(of, Job) else (None, of.id)
    await repository.add_transition(
        session,
        image_id=image_id,
        job_id=job_id,
        from_state=old,
        to_state=new,
        account_id=cause.account_id,
        reason=cause.reason,
    )

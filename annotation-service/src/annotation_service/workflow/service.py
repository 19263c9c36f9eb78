"""The only code that changes the states of images and jobs: each function is one step of the transaction of its caller,
with its entries in the history.

The image is locked first, so that two doctors who finish at the same moment come one after the other: the second one
sees what the first one has done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from annotation_service.workflow import errors, labels_repository, repository
from annotation_service.workflow.assigning_repository import OpenJob
from annotation_service.workflow.models import Image, Job, Label
from annotation_service.workflow.repository import LockedJob
from annotation_service.workflow.rules import (
    Agreed,
    Disagreed,
    JobLabel,
    decide,
    is_image_transition,
    readings_of,
)
from annotation_service.workflow.states import ImageState, JobKind, JobState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, WriteSession

BY_DOCTOR: Final = "the doctor's request"


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
    seconds: float | None = None
    """How long the doctor worked on it, where it is finished."""


ONLY_BEGIN: Final = JobEdit(state=JobState.LABELING)


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
    if not ImageState(image.state).takes_readers:
        raise errors.ImageIsSettled
    values = {**(options or {}), "account_id": account_id, "kind": JobKind.READER}
    job = await insert_job(session, image, values, cause)
    if job is None:
        raise errors.DoctorHasJob
    changes = await _missing_readers(session, image)
    if image.state == ImageState.UNASSIGNED:
        await _move_image(session, image, ImageState.RUNNING, cause, changes)
    elif changes:
        await repository.change_image(session, image.id, changes)
    return job


async def begin_job(database: Database, job_id: int, account_id: int) -> Job | None:
    """Begin an unlabeled job of this account, in a transaction of its own, which is one statement; None if there is no
    such job."""
    async with database.autocommit() as connection:
        return await repository.begin_job(connection, job_id, account_id, BY_DOCTOR)


async def lock_to_edit(session: WriteSession, job_id: int, edit: JobEdit) -> LockedJob:
    """The job with its image, and with the label that the doctor puts into it. Raises `NoSuchJob`."""
    found = None
    if edit.label_id is not None:
        found = await repository.lock_with_label(session, job_id, edit.label_id)
    found = found or await repository.lock_image_of_job(session, job_id)
    if found is None:
        raise errors.NoSuchJob
    return found


async def edit_job(session: WriteSession, locked: LockedJob, edit: JobEdit, account_id: int) -> Job:
    """Put a label into a job of this account, begin it, or finish it.

    Raises `NotTheDoctor`, `JobIsFinished`, `JobMovesBack`, `NoLabel`, and what a label is refused for.
    """
    job = locked.job
    if job.account_id != account_id:
        raise errors.NotTheDoctor
    state = JobState(job.state)
    if state is JobState.FINISHED:
        raise errors.JobIsFinished
    target = state if edit.state is None else edit.state
    if target < state:
        raise errors.JobMovesBack
    label_id = job.label_id if edit.label_id is None else edit.label_id
    if target is JobState.FINISHED and label_id is None:
        raise errors.NoLabel
    if target is state and label_id == job.label_id:
        return job
    label = None
    if label_id is not None and (label_id != job.label_id or target is JobState.FINISHED):
        label = await _lock_label(session, locked, label_id)
    steps = [step for step in JobState if state < step <= target]
    history = [entry(job, step - 1, step, Cause(BY_DOCTOR, account_id)) for step in steps]
    seconds = edit.seconds if target is JobState.FINISHED else None
    stepped = await repository.step_job(session, job.id, target, label_id, history=history, seconds=seconds)
    if stepped is None:
        raise errors.LabelInUse
    changed, others = stepped
    if target is JobState.FINISHED and label is not None:
        own = JobLabel(job.id, target, job.kind, label.id, label.fields)
        await _follow(session, locked.image, [*others, own])
    return changed


async def take_label_out(session: WriteSession, label_id: int) -> None:
    """Let the open job that carries a label, if there is one, carry none: the label is about to be deleted."""
    job_id = await labels_repository.carrier(session, label_id)
    locked = None if job_id is None else await repository.lock_image_of_job(session, job_id)
    if locked is None or locked.job.label_id != label_id or locked.job.state == JobState.FINISHED:
        return  # no job carries it, or that has changed before it was locked
    await labels_repository.empty(session, locked.job.id)


async def delete_job(session: WriteSession, image: Image, job: Job, cause: Cause) -> None:
    """Delete a job that is locked with its image. Its label stays. What remains of the image's jobs is decided anew; an
    image without any begins again, unless it is done."""
    await repository.delete_jobs(session, [job.id])
    await repository.record(session, [entry(job, job.state, None, cause)])
    if image.state != ImageState.DONE and not await repository.has_jobs(session, image.id):
        await _move_image(session, image, ImageState.UNASSIGNED, cause, {"missing_readers": image.wanted_readers})
        return
    changes = await _missing_readers(session, image)
    if changes:
        image = await repository.change_image(session, image.id, changes)
    await advance(session, image)


async def edit_image(session: WriteSession, image: Image, edit: ImageEdit, *, actor: int) -> Image:
    """Settle an image that is different, or correct the ground truth of one that is done. `image` is locked.

    What is as it was is not a change. Raises `ImageMovesWrongly`, `NotItsLabel` and `WrongScheme`.
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
    label = await labels_repository.lock_any_label(session, label_id)
    if label is None or not await labels_repository.is_ground_truth_candidate(session, image.id, label_id, actor):
        raise errors.NotItsLabel
    if label.scheme_id != image.scheme_id:
        raise errors.WrongScheme
    await labels_repository.finish_label(session, label_id)
    reason = "settled by an administrator" if state is not ImageState.DONE else "ground truth corrected"
    return await _finish_image(session, image, label_id, Cause(reason, actor))


async def want_readers(session: WriteSession, image: Image, *, wanted_readers: int, **options: object) -> Image:
    """Change how many readers an image should have, and the columns that go with it. `image` is locked. Those that have
    finished may be enough now."""
    image = await repository.change_image(session, image.id, {**options, "wanted_readers": wanted_readers})
    missing = await _missing_readers(session, image)
    if missing:
        image = await repository.change_image(session, image.id, missing)
    await advance(session, image)
    return image


async def _missing_readers(session: WriteSession, image: Image) -> dict[str, Any]:
    """The column with the readers that are missing now, if it changes."""
    if not ImageState(image.state).takes_readers:
        return {}
    readers = await repository.count_readers(session, image.id) if image.wanted_readers else 0
    missing = max(0, image.wanted_readers - readers)
    return {} if missing == image.missing_readers else {"missing_readers": missing}


async def _lock_label(session: WriteSession, locked: LockedJob, label_id: int) -> Label:
    """The label, locked, if the job can carry it."""
    label, is_in_use = locked.label, locked.label_is_in_use
    if label is None or label.id != label_id:
        label, is_in_use = await repository.lock_label(session, label_id, locked.job.id) or (None, False)
    if label is None or label.author_id != locked.job.account_id:
        raise errors.LabelOfSomeoneElse
    if label.finished_at is not None or is_in_use:
        raise errors.LabelInUse
    if label.scheme_id != locked.image.scheme_id:
        raise errors.WrongScheme
    return label


async def advance(session: WriteSession, image: Image) -> None:
    """Decide what follows for a locked image, whose jobs or wanted readers have changed."""
    await _follow(session, image, await repository.jobs_and_labels(session, image.id))


async def _follow(session: WriteSession, image: Image, jobs: Sequence[JobLabel]) -> None:
    """Do what follows for a locked image from its jobs."""
    found, open_jobs = readings_of(jobs)
    state = ImageState(image.state)
    match decide(state, found, open_jobs=open_jobs, wanted_readers=image.wanted_readers):
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
    values = {"account_id": account_id, "kind": kind, **repository.place_and_time(image, account_id)}
    return await insert_job(session, image, values, Cause("the readers disagree")) is not None


async def insert_job(session: WriteSession, image: Image, values: Mapping[str, Any], cause: Cause) -> Job | None:
    """Make a job for a locked image; None if the doctor has one for it already. Whether the image's state allows it is
    up to the caller."""
    job = await repository.insert_job(session, {**values, "image_id": image.id})
    if job is not None:
        await repository.record(session, [entry(job, None, job.state, cause)])
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
    return await repository.move_image(
        session,
        image.id,
        target,
        ground_truth_id=changes.get("ground_truth_id", image.ground_truth_id),
        missing_readers=changes.get("missing_readers", image.missing_readers),
        history=[entry(image, old, target, cause)],
    )


def entry(of: Image | Job | OpenJob, old: int | None, new: int | None, cause: Cause) -> dict[str, Any]:
    """An entry of the history."""
    job_id, image_id = (None, of.id) if isinstance(of, Image) else (of.id, of.image_id)
    return {
        "image_id": image_id,
        "job_id": job_id,
        "from_state": old,
        "to_state": new,
        "account_id": cause.account_id,
        "reason": cause.reason,
    }

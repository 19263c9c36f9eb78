"""Who may see and make jobs."""

from annotation_service.dependencies import is_admin
from annotation_service.jobs.errors import CannotListJobsOfOthers, CannotSeeJobOfOthers, no_such_image
from annotation_service.jobs.repository import JobFilter
from annotation_service.workflow import repository as workflow_repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.errors import NoSuchImage, NoSuchJob, NotTheDoctor
from annotation_service.workflow.models import Job
from annotation_service.workflow.repository import LockedJob
from annotation_service.workflow.service import Cause, JobEdit
from lightbox_shared.auth.principal import Principal
from lightbox_shared.database import ReadSession, WriteSession


async def see(session: ReadSession, caller: Principal, job_id: int) -> Job:
    """One job. Raises `NoSuchJob`, and `CannotSeeJobOfOthers` unless the caller is its doctor or an administrator."""
    job = await workflow_repository.find_job(session, job_id)
    if job is None:
        raise NoSuchJob
    if not is_admin(caller) and job.account_id != caller.account:
        raise CannotSeeJobOfOthers
    return job


def check_list(caller: Principal, jobs: JobFilter) -> None:
    """Raises `CannotListJobsOfOthers` unless the jobs are the caller's own, or the caller is an administrator."""
    if not is_admin(caller) and jobs.account_id != caller.account:
        raise CannotListJobsOfOthers


async def create(session: WriteSession, image_id: int, account_id: int, actor: int) -> Job:
    """Give an image to an account that can have jobs. Raises `InvalidRequest` for an unknown image, `ImageIsSettled`
    and `DoctorHasJob`."""
    try:
        return await workflow.create_job(session, image_id, account_id, Cause("assigned by hand", actor))
    except NoSuchImage as error:
        raise no_such_image() from error


async def lock(session: WriteSession, job_id: int) -> LockedJob:
    """The job and its image, locked until the end of the transaction. Raises `NoSuchJob`."""
    found = await workflow_repository.lock_image_of_job(session, job_id)
    if found is None:
        raise NoSuchJob
    return found


async def lock_own(session: WriteSession, job_id: int, edit: JobEdit, account_id: int) -> LockedJob:
    """A job of this account with what `edit` needs, locked. Raises `NoSuchJob` and `NotTheDoctor`."""
    locked = await workflow.lock_to_edit(session, job_id, edit)
    if locked.job.account_id != account_id:
        raise NotTheDoctor
    return locked

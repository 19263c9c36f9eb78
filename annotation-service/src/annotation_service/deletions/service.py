"""Deleting images and jobs at the request of an administrator.

It can't be undone, so it is written down in the audit trail first: where that can't be done, nothing is deleted. While
the audit trail is asked, no lock and no connection of the database is held, so all is checked once more afterwards.
"""

from typing import Final

from annotation_service.images import service as images
from annotation_service.jobs import service as jobs
from annotation_service.workflow import repository as workflow_repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.errors import NoSuchJob
from annotation_service.workflow.service import Cause
from lightbox_shared.audit import AuditTrail, Detail
from lightbox_shared.database import Database
from lightbox_shared.responses.versioned import check_version

IMAGE_DELETED: Final = "labelling-image-deleted"
JOB_DELETED: Final = "labelling-job-deleted"


class Deletions:
    """Deletes images and jobs, each in a transaction of its own."""

    def __init__(self, database: Database, audit: AuditTrail) -> None:
        self._database = database
        self._audit = audit

    async def delete_image(self, image_id: int, account_id: int, address: str, *, expected: str | None) -> None:
        """Delete an image without jobs, if `expected` (`If-Match`) names no other version. Raises `NoSuchImage`,
        `PreconditionFailed`, `ImageHasJobs`, and `Unavailable` if the audit trail does not answer."""
        async with self._database.reading() as session:
            image, _ = await images.find(session, image_id)
            check_version(expected, image)
            await images.check_deletion(session, image_id)
        details: dict[str, Detail] = {"image": image_id}
        await self._audit.record(IMAGE_DELETED, account_id, address, details)
        async with self._database.writing() as session:
            image = await images.lock(session, image_id)
            check_version(expected, image)
            await images.delete(session, image, account_id)

    async def delete_job(self, job_id: int, account_id: int, address: str, *, expected: str | None) -> None:
        """Take an image away from a doctor, if `expected` (`If-Match`) names no other version of the job. Raises
        `NoSuchJob`, `PreconditionFailed`, and `Unavailable` if the audit trail does not answer."""
        async with self._database.reading() as session:
            job = await workflow_repository.find_job(session, job_id)
        if job is None:
            raise NoSuchJob
        check_version(expected, job)
        details: dict[str, Detail] = {"job": job_id, "image": job.image_id, "account_id": job.account_id}
        await self._audit.record(JOB_DELETED, account_id, address, details)
        async with self._database.writing() as session:
            locked = await jobs.lock(session, job_id)
            check_version(expected, locked.job)
            cause = Cause("deleted by an administrator", account_id)
            await workflow.delete_job(session, locked.image, locked.job, cause)

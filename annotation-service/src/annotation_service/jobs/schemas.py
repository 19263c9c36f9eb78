"""Jobs on the wire."""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from annotation_service.fields import Id, JobStateField, OptionalId
from annotation_service.workflow.models import Job
from annotation_service.workflow.service import JobEdit
from lightbox_shared.responses.hal import Resource, self_link

JOBS_PATH = "/jobs"
LONGEST_WORK_SECONDS = 365 * 24 * 3600


def job_path(job_id: int) -> str:
    """The path of a job at the root."""
    return f"{JOBS_PATH}/{job_id}"


class JobFields(Resource):
    """What every description of a job has."""

    job_id: str = Field(examples=["1"])
    image_id: str = Field(examples=["123"])
    label_id: str | None = Field(examples=["12345"])
    account_id: str = Field(description="The doctor.", examples=["1234"])
    finished_date: str | None = Field(description="The day, in UTC.", examples=["2018-04-17"])
    job_state: str = Field(description="200 unlabeled, 201 labeling, 202 finished.", examples=["200"])

    @classmethod
    def values(cls, job: Job, prefix: str) -> dict[str, Any]:
        """The members from the row; paths begin with `prefix`."""
        links = self_link(
            prefix + job_path(job.id),
            image=f"{prefix}/images/{job.image_id}",
            account=f"{prefix}/accounts/{job.account_id}",
            draft=f"/api{job_path(job.id)}/draft",
        )
        if job.label_id is not None:
            links["label"] = {"href": f"{prefix}/label/{job.label_id}"}
        return {
            "job_id": str(job.id),
            "image_id": str(job.image_id),
            "label_id": None if job.label_id is None else str(job.label_id),
            "account_id": str(job.account_id),
            "finished_date": None if job.finished_at is None else day(job.finished_at),
            "job_state": str(job.state),
            "_links": links,
        }


class ListedJob(JobFields):
    """One job of a list."""

    nickname: str | None = Field(description="Of the doctor; without one the account's name.", examples=["Nick"])

    @classmethod
    def of(cls, job: Job, nickname: str | None, prefix: str) -> Self:
        """From the row, and the name of the doctor."""
        return cls(nickname=nickname, **cls.values(job, prefix))


class JobResource(JobFields):
    """One job."""

    message: str

    @classmethod
    def saying(cls, message: str, job: Job, prefix: str) -> Self:
        """From the row, with a message."""
        return cls(message=message, **cls.values(job, prefix))


class JobDeleted(Resource):
    """What is said of a job that was deleted."""

    message: str


class JobList(Resource):
    """A page of jobs."""

    message: str
    data: list[ListedJob]
    total: int = Field(description="Jobs on all pages.")
    offset: int
    limit: int


class NewJob(BaseModel):
    """An image for a doctor."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image_id": "123", "account_id": "1234"}]})

    image_id: Id
    account_id: Id


class EditedJob(BaseModel):
    """What a doctor changes in a job. Other fields are ignored, so that a client may send back what it was answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label_id": "12345", "job_state": "202"}]})

    label_id: OptionalId = None
    job_state: JobStateField = None
    seconds: float | None = Field(
        None,
        ge=0,
        le=LONGEST_WORK_SECONDS,
        description="With 202: how long the doctor worked on it, where that is less than since it was begun.",
    )

    @property
    def edit(self) -> JobEdit:
        """As the workflow has it."""
        return JobEdit(self.label_id, self.job_state, self.seconds)


def day(at: datetime) -> str:
    """The day of a time in UTC, such as 2018-04-17."""
    return at.astimezone(UTC).date().isoformat()

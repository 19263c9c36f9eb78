"""Assignments on the wire."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from annotation_service.assignments.models import Assignment, Next, Progress, Upcoming
from annotation_service.fields import Id, NamedStateField
from annotation_service.images.schemas import ListedImage
from annotation_service.jobs.schemas import JobFields
from annotation_service.workflow.states import JobKind
from lightbox_shared.errors.sentences import NO_ZONE, TIME_OUT_OF_RANGE, Sentence

MAX_IMAGES = 20_000
MAX_DOCTORS = 500
MAX_READERS = 50
MAX_DAYS = 3650


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(NO_ZONE)
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(TIME_OUT_OF_RANGE) from error


class Rule(BaseModel):
    """Images for which a model's score of a finding is in a range: those that it is unsure about. Images without a
    suggestion of the model are not among them."""

    model: Annotated[str, Field(max_length=200, description="`name`, or `name/version`.")]
    finding: Annotated[str, Field(max_length=200, description="As the model names it, such as `Edema`.")]
    between: Annotated[tuple[float, float], Field(description="The lowest and the highest score.")]

    @model_validator(mode="after")
    def _a_range(self) -> Self:
        low, high = self.between
        if not 0 <= low <= high <= 1:
            raise ValueError(Sentence("score-range", "between: Two scores from 0 to 1, the lower one first."))
        return self


class NewAssignment(BaseModel):
    """Which images get how many readers: those of `images`; or all that can get readers with this `state` and `scheme`,
    and a score in the range of `rule`, if they are not more than `images` could name. One of the four has to be
    there."""

    model_config = ConfigDict(
        extra="forbid",  # a mistyped `reader` must not result in one reader for each image
        json_schema_extra={
            "examples": [
                {"mode": "assigned", "readers": 3, "doctors": [7, 8, 9, 10], "images": [1, 2, 3]},
                {"mode": "queue", "readers": 2, "state": "unassigned", "scheme": "ophthalmology", "due_days": 14},
                {"readers": 1, "rule": {"model": "chest-findings", "finding": "Edema", "between": [0.4, 0.6]}},
            ]
        },
    )

    mode: Literal["assigned", "queue"] = "assigned"
    readers: Annotated[int, Field(ge=1, le=MAX_READERS)] = 1
    doctors: Annotated[
        list[Id] | None,
        Field(min_length=1, max_length=MAX_DOCTORS, description="By default all approved doctors, without experts."),
    ] = None
    images: Annotated[list[Id] | None, Field(min_length=1, max_length=MAX_IMAGES)] = None
    state: Annotated[NamedStateField, Field(description="`unassigned` or `running`; by default both.")] = None
    scheme: Annotated[str | None, Field(max_length=200, description="As `name` or `name/version`.")] = None
    rule: Rule | None = None
    due_at: Annotated[datetime, AfterValidator(_in_utc)] | None = None
    due_days: Annotated[int | None, Field(ge=1, le=MAX_DAYS, description="From now on, instead of `due_at`.")] = None
    shows_suggestions: Annotated[
        bool, Field(description="Whether doctors see what models suggest before they have finished.")
    ] = False

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        filters = [name for name in ("state", "scheme", "rule") if getattr(self, name) is not None]
        if self.images is not None and filters:
            raise ValueError(f"images: It says which images are meant, and so does {filters[0]}. Send one of them.")
        if self.images is None and not filters:
            raise ValueError("images: Say which images are meant, by images, state, scheme or rule.")
        return self

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.due_at is not None and self.due_days is not None:
            raise ValueError("due_days: There is a due_at as well. Send one of them.")
        return self


class Reassignment(BaseModel):
    """Whose open work goes to others."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [{"from": 7, "to": [8, 9]}]})

    from_account: Annotated[Id, Field(alias="from")]
    to: Annotated[
        list[Id] | None, Field(min_length=1, max_length=MAX_DOCTORS, description="By default all who may read.")
    ] = None


class Reassigned(BaseModel):
    """What became of the open jobs of an account."""

    given: int = Field(description="Jobs that others have now.")
    queued: int = Field(
        description="Jobs that came from the queue, or for which there is no one else: they wait there."
    )
    left: int = Field(description="Open jobs with a label, which stay.")


class AssignmentBody(BaseModel):
    """An assignment."""

    id: int
    mode: str
    readers: int
    doctors: list[int] | None
    images: int
    jobs: int = Field(description="Jobs that were made at once; in a queue they are made as doctors take them.")
    due_at: datetime | None
    shows_suggestions: bool
    order_seed: str = Field(description="A 64-bit number, as text: JavaScript can't hold it.")
    created_by: int
    created_at: datetime

    @classmethod
    def values(cls, row: Assignment) -> dict[str, Any]:
        """The members from the row."""
        return {
            "id": row.id,
            "mode": row.mode,
            "readers": row.readers,
            "doctors": row.doctors,
            "images": row.images,
            "jobs": row.jobs,
            "due_at": row.due_at,
            "shows_suggestions": row.shows_suggestions,
            "order_seed": str(row.order_seed),
            "created_by": row.created_by,
            "created_at": row.created_at,
        }

    @classmethod
    def of(cls, row: Assignment) -> Self:
        """From the row."""
        return cls(**cls.values(row))


class NewAssignmentBody(AssignmentBody):
    """An assignment that was made."""

    jobs_by_doctor: dict[str, int] = Field(description="New jobs by the id of the doctor.")

    @classmethod
    def made(cls, row: Assignment, jobs_by_doctor: Mapping[int, int]) -> Self:
        """From the row, and who got how many jobs."""
        return cls(**cls.values(row), jobs_by_doctor={str(each): count for each, count in jobs_by_doctor.items()})


class DoctorProgress(BaseModel):
    """The jobs of one doctor in an assignment."""

    account_id: int
    nickname: str | None = Field(description="Without one the account's name.")
    unlabeled: int
    labeling: int
    finished: int
    overdue: int = Field(description="Open jobs whose time is over.")


class AssignmentProgress(AssignmentBody):
    """An assignment and how far it has come."""

    images_by_state: dict[str, int]
    missing_readers: int = Field(description="Readers that images in the queue still want.")
    progress: list[DoctorProgress]

    @classmethod
    def progressed(cls, row: Assignment, progress: Progress) -> Self:
        """From the row and the counts."""
        return cls(
            **cls.values(row),
            images_by_state=progress.images_by_state,
            missing_readers=progress.missing_readers,
            progress=[DoctorProgress(**each) for each in progress.doctors],
        )


class AssignmentList(BaseModel):
    """A page of assignments, newest first."""

    assignments: list[AssignmentBody]
    next_cursor: str | None


class NextJob(BaseModel):
    """The job that a doctor is to do next, with all that its form needs."""

    job: JobFields
    image: ListedImage
    scheme: str = Field(description="The label scheme, as `name/version`.")
    draft: dict[str, Any] | None
    due_at: datetime | None
    leased_until: datetime | None = Field(description="When the job goes back to the queue without a draft.")
    open_jobs: int = Field(description="Open jobs of the doctor, this one included.")
    shows_suggestions: bool = Field(description="Whether the doctor sees what models suggest while labelling.")
    settles: bool = Field(description="Whether the label will be the ground truth, since the readers disagree.")

    @classmethod
    def of(cls, found: Next, prefix: str) -> Self:
        """From the rows."""
        return cls(
            job=JobFields(**JobFields.values(found.job, prefix)),
            image=ListedImage.of(found.image, found.picture, prefix),
            scheme=found.scheme,
            draft=found.job.draft,
            due_at=found.job.due_at,
            leased_until=found.job.leased_until,
            open_jobs=found.open_jobs,
            shows_suggestions=found.image.shows_suggestions,
            settles=found.job.kind == JobKind.EXPERT,
        )


class UpcomingImage(BaseModel):
    """An image that a doctor is likely to read next, so that its picture can be loaded in advance."""

    image: ListedImage
    scheme: str = Field(description="The label scheme, as `name/version`.")

    @classmethod
    def of(cls, found: Upcoming, prefix: str) -> Self:
        """From the rows."""
        return cls(image=ListedImage.of(found.image, found.picture, prefix), scheme=found.scheme)

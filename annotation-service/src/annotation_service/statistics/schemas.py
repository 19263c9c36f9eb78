"""Statistics on the wire."""

from typing import Any, Self

from pydantic import BaseModel, Field

from annotation_service.statistics.accuracy import DoctorAccuracy, FieldAccuracy
from annotation_service.statistics.agreement import Counts, FieldAgreement
from annotation_service.statistics.bootstrap import RESAMPLES, Measure
from annotation_service.statistics.models import Doctor, Progress
from annotation_service.statistics.two_readers import TwoReaders

DEFINITIONS = (
    "Intervals are 95 % percentile bootstrap intervals over images. An undefined measure is null, with the reason."
)


class MeasureBody(BaseModel):
    """A measure with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = Field(description="Why the value, or else the interval, is null.")

    @classmethod
    def of(cls, measure: Measure | None) -> Self | None:
        """From a measure; None where it does not apply."""
        if measure is None:
            return None
        return cls(value=measure.value, low=measure.low, high=measure.high, reason=measure.reason)


class TwoReadersBody(BaseModel):
    """Two doctors, or the first and the second reading of one."""

    doctors: tuple[int, int]
    images: int
    percent_agreement: MeasureBody | None
    cohen_kappa: MeasureBody | None = Field(description="Cohen 1960.")
    linear_weighted_kappa: MeasureBody | None = Field(description="Of ordered fields alone.")
    quadratic_weighted_kappa: MeasureBody | None = Field(description="Of ordered fields alone.")
    gwet_ac1: MeasureBody | None = Field(description="Gwet 2008; does not mislead where a finding is rare.")

    @classmethod
    def of(cls, found: TwoReaders) -> Self:
        """From the measures of a pair."""
        return cls(
            doctors=(found.first, found.second),
            images=found.images,
            percent_agreement=MeasureBody.of(found.percent_agreement),
            cohen_kappa=MeasureBody.of(found.cohen_kappa),
            linear_weighted_kappa=MeasureBody.of(found.linear_kappa),
            quadratic_weighted_kappa=MeasureBody.of(found.quadratic_kappa),
            gwet_ac1=MeasureBody.of(found.gwet_ac1),
        )


class CountsBody(BaseModel):
    """What qualifies: images that two doctors or more have read."""

    images: int
    readings: int
    doctors: int
    pairs: int = Field(description="Pairs of readings of one image by different doctors.")
    images_read_once: int

    @classmethod
    def of(cls, counts: Counts, read_once: int) -> Self:
        """From the counts of a field."""
        return cls(
            images=counts.images,
            readings=counts.readings,
            doctors=counts.doctors,
            pairs=counts.pairs,
            images_read_once=read_once,
        )


class FieldAgreementBody(BaseModel):
    """The agreement in one field."""

    field: str
    categories: list[Any]
    ordered: bool
    counts: CountsBody
    percent_agreement: MeasureBody | None
    fleiss_kappa: MeasureBody | None = Field(description="Fleiss 1971.")
    krippendorff_alpha: MeasureBody | None = Field(description="Krippendorff 2011, nominal.")
    ordinal_krippendorff_alpha: MeasureBody | None = Field(description="Of ordered fields alone.")
    gwet_ac1: MeasureBody | None
    pairs: list[TwoReadersBody]
    pairs_left_out: int
    same_doctor: list[TwoReadersBody] = Field(description="Doctors who have labelled a picture twice.")
    same_doctor_left_out: int

    @classmethod
    def of(cls, found: FieldAgreement) -> Self:
        """From the agreement in a field."""
        together = found.all_doctors
        return cls(
            field=found.field.name,
            categories=list(found.field.categories),
            ordered=found.field.is_ordered,
            counts=CountsBody.of(found.compared, found.read_once),
            percent_agreement=MeasureBody.of(together.percent_agreement),
            fleiss_kappa=MeasureBody.of(together.fleiss_kappa),
            krippendorff_alpha=MeasureBody.of(together.krippendorff_alpha),
            ordinal_krippendorff_alpha=MeasureBody.of(together.ordinal_krippendorff_alpha),
            gwet_ac1=MeasureBody.of(together.gwet_ac1),
            pairs=[TwoReadersBody.of(each) for each in found.pairs],
            pairs_left_out=found.pairs_left_out,
            same_doctor=[TwoReadersBody.of(each) for each in found.same_doctor],
            same_doctor_left_out=found.same_doctor_left_out,
        )


class AgreementBody(BaseModel):
    """How far doctors agree, field by field."""

    scheme: str
    resamples: int = RESAMPLES
    definitions: str = DEFINITIONS
    fields: list[FieldAgreementBody]


class FieldAccuracyBody(BaseModel):
    """How often a doctor finds the ground truth of a field."""

    field: str
    images: int
    correct: int | None
    accuracy: float | None
    low: float | None = Field(description="Wilson's 95 % interval.")
    high: float | None
    reason: str | None
    categories: list[Any]
    confusion: list[list[int]] = Field(description="Rows are the ground truth, columns the doctor's, by `categories`.")

    @classmethod
    def of(cls, found: FieldAccuracy) -> Self:
        """From the accuracy in a field."""
        return cls(
            field=found.field.name,
            images=found.images,
            correct=found.correct,
            accuracy=found.accuracy,
            low=found.low,
            high=found.high,
            reason=found.reason,
            categories=list(found.field.categories),
            confusion=found.confusion.tolist(),
        )


class ProgressBody(BaseModel):
    """The jobs of an account."""

    total_jobs: int
    unlabeled_jobs: int
    labeling_jobs: int
    finished_jobs: int

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """From the counts."""
        total = progress.unlabeled + progress.labeling + progress.finished
        return cls(
            total_jobs=total,
            unlabeled_jobs=progress.unlabeled,
            labeling_jobs=progress.labeling,
            finished_jobs=progress.finished,
        )


class DoctorBody(BaseModel):
    """What a doctor has done."""

    account_id: int
    name: str
    progress: ProgressBody
    median_seconds: float | None = Field(description="From the begin of a job to its end.")
    fields: list[FieldAccuracyBody]

    @classmethod
    def of(cls, doctor: Doctor, progress: Progress, found: DoctorAccuracy | None) -> Self:
        """From the counts and the accuracy of a doctor."""
        return cls(
            account_id=doctor.id,
            name=doctor.name,
            progress=ProgressBody.of(progress),
            median_seconds=progress.median_seconds,
            fields=[] if found is None else [FieldAccuracyBody.of(each) for each in found.fields],
        )


class DoctorsBody(BaseModel):
    """The doctors with finished jobs."""

    scheme: str
    doctors: list[DoctorBody]


class PerformanceBody(BaseModel):
    """How far an account has come, and how often it finds the ground truth, as TheYelda's later clients read it."""

    message: str
    data: dict[str, ProgressBody | dict[str, float]]

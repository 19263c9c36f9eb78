"""Agreement, accuracy, and how far doctors have come."""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter

from annotation_service.accounts import repository as accounts
from annotation_service.dependencies import Approved, is_admin
from annotation_service.state import ServicesDep
from annotation_service.statistics import repository
from annotation_service.statistics.errors import CannotSeePerformanceOfOthers, NoSuchAccount
from annotation_service.statistics.filters import FilterQuery, LabelFilter
from annotation_service.statistics.schemas import (
    AgreementBody,
    DoctorBody,
    DoctorsBody,
    FieldAgreementBody,
    PerformanceBody,
    ProgressBody,
)
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading
from lightbox_shared.openapi import errors
from lightbox_shared.requests.parameters import RowId

PERFORMANCE_FIELDS: Final = frozenset(
    {"quality", "dr", "stage", "dme", "hr", "age_dme", "rvo", "crao", "myopia", "od", "glaucoma", "others"}
)

router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])
seed_router = APIRouter(dependencies=[needs(Scope.ANNOTATE)])


@router.get("/api/agreement", summary="How far doctors agree")
async def retrieve_agreement(
    _caller: AdminOnly, labels: FilterQuery, services: ServicesDep, session: Reading
) -> AgreementBody:
    """For each field of a scheme: percent agreement, Fleiss' kappa, Krippendorff's alpha and Gwet's AC1 of all doctors,
    Cohen's kappa of each pair, and of doctors who labelled a picture twice, with intervals and counts. Labels of
    further readers and experts, who were asked because others differed, do not count."""
    scheme = await services.statistics.scheme(session, labels)
    found = await services.statistics.agreement(session, scheme, labels)
    return AgreementBody(scheme=str(scheme), fields=[FieldAgreementBody.of(each) for each in found])


@router.get("/api/agreement/doctors", summary="Progress, time and accuracy of each doctor")
async def list_doctor_statistics(
    _caller: AdminOnly, labels: FilterQuery, services: ServicesDep, session: Reading
) -> DoctorsBody:
    """The doctors with finished jobs, with a confusion matrix for each field against the ground truth. The filters are
    for the accuracy; progress is of all jobs."""
    scheme = await services.statistics.scheme(session, labels)
    found = {each.doctor: each for each in await services.statistics.accuracy(session, scheme, labels)}
    doctors = [
        DoctorBody.of(doctor, await repository.progress(session, doctor.id), found.get(doctor.id))
        for doctor in await repository.doctors(session)
    ]
    return DoctorsBody(scheme=str(scheme), doctors=doctors)


@seed_router.get(
    "/accounts/performance/{account_id}",
    summary="How an account does",
    responses=errors(CannotSeePerformanceOfOthers, NoSuchAccount),
)
async def yelda_performance(
    account_id: RowId, caller: Approved, services: ServicesDep, session: Reading
) -> PerformanceBody:
    """The progress of the account, and its accuracy in each field of the built-in scheme that has figures."""
    if not is_admin(caller) and caller.account != account_id:
        raise CannotSeePerformanceOfOthers
    if await accounts.find(session, account_id) is None:
        raise NoSuchAccount
    labels = replace(LabelFilter(), account_id=account_id)
    scheme = await services.statistics.scheme(session, labels)
    progress = ProgressBody.of(await repository.progress(session, account_id))
    data: dict[str, ProgressBody | dict[str, float]] = {"progress": progress}
    for doctor in await services.statistics.accuracy(session, scheme, labels):
        for each in doctor.fields:
            if each.accuracy is not None and each.field.name in PERFORMANCE_FIELDS:
                data[each.field.name] = {"accuracy": each.accuracy}
    return PerformanceBody(message="成功获取用户表现", data=data)

"""People who act on the same image at the same moment: the second one sees what the first one has done."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from support.annotation import Lab, Person, said

from annotation_service.workflow import repository
from annotation_service.workflow.models import Image, Job, Label, Transition
from annotation_service.workflow.service import Cause, create_job, take_label_out
from annotation_service.workflow.states import ImageState, JobKind, JobState

AT_ONCE = 32
"""Requests. The service has fewer connections to its database, so that some wait for those as well."""
IMAGES = 100

Request = Callable[[], Awaitable[httpx.Response]]


async def at_once(requests: Sequence[Request]) -> list[httpx.Response]:
    """The answers to requests that are sent at the same time, in the order of the requests."""
    answers: dict[int, httpx.Response] = {}
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def send(number: int) -> None:
        async with limiter:
            answers[number] = await requests[number]()

    async with anyio.create_task_group() as group:
        for number in range(len(requests)):
            group.start_soon(send, number)
    return [answers[number] for number in range(len(requests))]


async def images(lab: Lab, count: int) -> list[int]:
    picture_id = await lab.picture()
    async with lab.database.writing() as session:
        rows = [Image(picture_id=picture_id, created_by=2) for _ in range(count)]
        session.add_all(rows)
        await session.flush()
        return [row.id for row in rows]


async def jobs(lab: Lab, image_ids: Sequence[int], doctor: Person) -> list[int]:
    async with lab.database.writing() as session:
        return [(await create_job(session, each, doctor.id, Cause("test"))).id for each in image_ids]


async def labels(lab: Lab, count: int, doctor: Person, value: str) -> list[int]:
    async with lab.database.writing() as session:
        rows = [Label(author_id=doctor.id, scheme_id=1, fields={"dr": value}) for _ in range(count)]
        session.add_all(rows)
        await session.flush()
        return [row.id for row in rows]


def put_job(lab: Lab, job_id: int, doctor: Person, **body: Any) -> Request:
    return lambda: lab.http.put(f"/jobs/{job_id}", json=body, headers=doctor.headers)


async def rows(lab: Lab, table: type[Any]) -> list[Any]:
    async with lab.database.reading() as session:
        return list((await session.execute(select(table).order_by(table.id))).scalars())


async def test_two_doctors_who_disagree_finish_at_the_same_moment(lab: Lab) -> None:
    doctors = [await lab.doctor(), await lab.doctor()]
    free = [await lab.doctor(), await lab.doctor()]
    image_ids = await images(lab, IMAGES)
    work = []
    for doctor, value in zip(doctors, ("yes", "no"), strict=True):
        job_ids = await jobs(lab, image_ids, doctor)
        label_ids = await labels(lab, IMAGES, doctor, value)
        work.append(
            [
                put_job(lab, job_id, doctor, label_id=label_id, job_state=202)
                for job_id, label_id in zip(job_ids, label_ids, strict=True)
            ]
        )

    answers = await at_once([request for pair in zip(*work, strict=True) for request in pair])

    assert Counter(each.status_code for each in answers) == {200: 2 * IMAGES}
    assert {each.state for each in await rows(lab, Image)} == {ImageState.DIFFERENT}
    found = await rows(lab, Job)
    finished = [each for each in found if each.state == JobState.FINISHED]
    assert Counter(each.account_id for each in finished) == {each.id: IMAGES for each in doctors}
    assert len({each.label_id for each in finished}) == 2 * IMAGES, "no label is lost"
    further = [each for each in found if each.kind == JobKind.FURTHER]
    assert sorted(each.image_id for each in further) == image_ids, "one further job for each image"
    assert {each.account_id for each in further} <= {each.id for each in free}
    steps = Counter(
        (each.image_id, each.to_state)
        for each in await rows(lab, Transition)
        if each.job_id is None and each.from_state == ImageState.RUNNING
    )
    assert steps == {(each, ImageState.DIFFERENT): 1 for each in image_ids}, "one transition for each image"


async def test_two_doctors_who_agree_finish_at_the_same_moment(lab: Lab) -> None:
    doctors = [await lab.doctor(), await lab.doctor(), await lab.doctor()]
    image_ids = await images(lab, 20)
    work = []
    for doctor in doctors:
        job_ids = await jobs(lab, image_ids, doctor)
        label_ids = await labels(lab, len(image_ids), doctor, "yes")
        work.append(
            [
                put_job(lab, job_id, doctor, label_id=label_id, job_state=202)
                for job_id, label_id in zip(job_ids, label_ids, strict=True)
            ]
        )
    answers = await at_once([request for trio in zip(*work, strict=True) for request in trio])
    assert Counter(each.status_code for each in answers) == {200: 3 * len(image_ids)}
    assert {each.state for each in await rows(lab, Image)} == {ImageState.DONE}
    done = [each.image_id for each in await rows(lab, Transition) if each.to_state == ImageState.DONE]
    assert sorted(done) == image_ids


async def test_a_doctor_gets_an_image_once_when_it_is_given_twice_at_the_same_moment(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    image_ids = await images(lab, 20)
    requests: list[Request] = [
        lambda body=body: lab.http.post("/jobs", json=body, headers=admin.headers)  # type: ignore[misc]
        for image_id in image_ids
        for body in 2 * [{"image_id": image_id, "account_id": doctor.id}]
    ]
    answers = await at_once(requests)
    for first, second in zip(answers[::2], answers[1::2], strict=True):
        refused, made = sorted((first, second), key=lambda each: -each.status_code)
        assert made.status_code == 201
        assert said(refused) == (409, "该医生已有此图片的任务")
    assert len(await rows(lab, Job)) == len(image_ids)


async def test_a_job_that_is_finished_twice_at_the_same_moment(lab: Lab) -> None:
    doctor = await lab.doctor()
    job_ids = await jobs(lab, await images(lab, 20), doctor)
    label_ids = await labels(lab, 20, doctor, "yes")
    requests = [
        put_job(lab, job_id, doctor, label_id=label_id, job_state=202)
        for job_id, label_id in zip(job_ids, label_ids, strict=True)
        for _ in range(2)
    ]
    answers = await at_once(requests)
    for pair in zip(answers[::2], answers[1::2], strict=True):
        finished, refused = sorted(pair, key=lambda each: each.status_code)
        assert finished.status_code == 200
        assert said(refused) == (403, "用户无法修改已完成的任务")
    done = [each for each in await rows(lab, Transition) if each.to_state == JobState.FINISHED]
    assert sorted(each.job_id for each in done) == job_ids


async def test_a_label_that_is_deleted_while_its_job_is_finished(lab: Lab) -> None:
    doctor = await lab.doctor()
    job_ids = await jobs(lab, await images(lab, 40), doctor)
    label_ids = await labels(lab, 40, doctor, "yes")
    begun = [
        put_job(lab, job_id, doctor, label_id=label_id, job_state=201)
        for job_id, label_id in zip(job_ids, label_ids, strict=True)
    ]
    assert {each.status_code for each in await at_once(begun)} == {200}

    def delete(label_id: int) -> Request:
        return lambda: lab.http.delete(f"/label/{label_id}", headers=doctor.headers)

    requests = []
    for number, (job_id, label_id) in enumerate(zip(job_ids, label_ids, strict=True)):
        pair = [put_job(lab, job_id, doctor, job_state=202), delete(label_id)]
        requests += pair if number % 2 else pair[::-1]
    answers = await at_once(requests)
    for number, both in enumerate(zip(answers[::2], answers[1::2], strict=True)):
        finish, deletion = both if number % 2 else both[::-1]
        if finish.status_code == 200:
            assert said(deletion) == (401, "用户无法修改该标注信息")
        else:
            assert said(finish) == (409, "任务完成前需要标注信息")
            assert deletion.status_code == 204


async def test_a_label_is_taken_out_of_its_job_when_the_image_is_free(lab: Lab) -> None:
    """As in every step of the workflow, so that two of them never wait for each other."""
    doctor = await lab.doctor()
    [image_id] = await images(lab, 1)
    [job_id] = await jobs(lab, [image_id], doctor)
    [label_id, other_id] = await labels(lab, 2, doctor, "yes")
    assert (await put_job(lab, job_id, doctor, label_id=label_id)()).status_code == 200
    before = (await rows(lab, Job))[0].version

    async def take_out(label_id: int) -> None:
        async with lab.database.writing() as session:
            await session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            await take_label_out(session, label_id)

    async with lab.database.writing() as holder:
        assert await repository.lock_image(holder, image_id) is not None
        with pytest.raises(DBAPIError, match="lock timeout"):
            await take_out(label_id)
        await take_out(other_id)  # which no job carries
    assert (await rows(lab, Job))[0].label_id == label_id
    assert (await lab.http.delete(f"/label/{label_id}", headers=doctor.headers)).status_code == 204
    [job] = await rows(lab, Job)
    assert (job.label_id, job.version) == (None, before + 1)
    assert [row.id for row in await rows(lab, Label)] == [other_id]


async def test_an_image_that_is_deleted_while_it_is_given_to_a_doctor(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    image_ids = await images(lab, 20)

    def give(image_id: int) -> Request:
        body = {"image_id": image_id, "account_id": doctor.id}
        return lambda: lab.http.post("/jobs", json=body, headers=admin.headers)

    def delete(image_id: int) -> Request:
        return lambda: lab.http.delete(f"/images/{image_id}", headers=admin.headers)

    requests = []
    for number, image_id in enumerate(image_ids):
        pair = [give(image_id), delete(image_id)]
        requests += pair if number % 2 else pair[::-1]
    answers = await at_once(requests)
    for number, both in enumerate(zip(answers[::2], answers[1::2], strict=True)):
        given, deleted = both if number % 2 else both[::-1]
        assert (given.status_code, deleted.status_code) in {(201, 409), (400, 204)}


async def test_a_label_that_is_put_into_two_jobs_at_the_same_moment(lab: Lab) -> None:
    doctor = await lab.doctor()
    job_ids = await jobs(lab, await images(lab, 60), doctor)
    label_ids = await labels(lab, 30, doctor, "yes")
    requests = [
        put_job(lab, job_id, doctor, label_id=label_ids[number // 2], job_state=201)
        for number, job_id in enumerate(job_ids)
    ]
    answers = await at_once(requests)
    for pair in zip(answers[::2], answers[1::2], strict=True):
        carries, refused = sorted(pair, key=lambda each: each.status_code)
        assert carries.status_code == 200
        assert said(refused) == (409, "该标注信息已用于其他任务")


async def test_a_label_that_is_deleted_while_it_settles_an_image(lab: Lab) -> None:
    admin = await lab.admin()
    image_ids, label_ids = await images(lab, 30), await labels(lab, 30, admin, "yes")
    async with lab.database.writing() as session:
        await session.execute(update(Image).values(state=ImageState.DIFFERENT_AGAIN))

    def settle(image_id: int, label_id: int) -> Request:
        body = {"groundtruth_id": label_id, "state": "done"}
        return lambda: lab.http.put(f"/images/{image_id}", json=body, headers=admin.headers)

    def delete(label_id: int) -> Request:
        return lambda: lab.http.delete(f"/label/{label_id}", headers=admin.headers)

    requests: list[Request] = []
    for image_id, label_id in zip(image_ids, label_ids, strict=True):
        requests += [settle(image_id, label_id), delete(label_id)]
    answers = await at_once(requests)
    for settled, deleted in zip(answers[::2], answers[1::2], strict=True):
        assert (settled.status_code, deleted.status_code) in {(200, 401), (409, 204)}


async def test_more_labels_at_once_than_there_are_connections(lab: Lab) -> None:
    """No request waits for a second connection while it holds one: all would wait for each other. The service has just
    started, so each has to look the scheme up."""
    doctor = await lab.doctor()
    body = {"scheme": "ophthalmology", "dr": True}
    answers = await at_once([lambda: lab.http.post("/labels", json=body, headers=doctor.headers)] * AT_ONCE)
    assert {each.status_code for each in answers} == {201}

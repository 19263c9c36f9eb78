"""The queue: who gets which image, and when it goes back."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from support.annotation import Lab, Person
from support.assigning import (
    NEXT,
    assign,
    check_all,
    finish,
    images,
    jobs,
    let_leases_end,
    state_of,
    take,
    take_at_once,
)

from annotation_service.workflow.models import Image, Job
from lightbox_shared.auth.principal import Authority


async def test_every_reader_gets_every_image_in_an_own_order(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(3)]
    wanted = await images(lab, 6)
    answer = await assign(lab, mode="queue", readers=2, doctors=[each.id for each in doctors[:2]], images=wanted)
    assert (answer.status_code, answer.json()["jobs"]) == (201, 0)
    assert await take(lab, doctors[2]) is None
    seen: list[list[str]] = []
    for doctor in doctors[:2]:
        order = []
        while (found := await take(lab, doctor)) is not None:
            again = await take(lab, doctor)
            assert again is not None
            assert again["leased_until"] > found["leased_until"], "the doctor is still there"
            assert {**again, "leased_until": None} == {**found, "leased_until": None}
            assert found["job"]["job_state"] == "200"
            assert (found["image"]["id"], found["scheme"]) == (found["job"]["image_id"], "ophthalmology/1")
            assert (found["draft"], found["open_jobs"]) == (None, 1)
            order.append(found["job"]["image_id"])
            await finish(lab, doctor, found["job"])
        assert sorted(order, key=int) == [str(each) for each in wanted]
        listed = [job["image_id"] for job in await jobs(lab, account_id=doctor.id)]
        assert listed == order, "the order stays"
        seen.append(order)
    assert seen[0] != seen[1], "it is the same by chance once in 720 times"
    assert {each.state for each in await check_all(lab)} == {304}


async def test_an_image_is_not_decided_while_readers_are_missing(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, mode="queue", readers=2, images=[image_id])
    for doctor, state in ((ada, 301), (bob, 303)):
        found = await take(lab, doctor)
        assert found is not None
        await finish(lab, doctor, found["job"], doctor.id)
        assert await state_of(lab, image_id) == state
    await check_all(lab)


async def test_sixteen_doctors_at_once_never_get_more_readers_than_wanted(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(16)]
    await assign(lab, mode="queue", readers=3, images=await images(lab, 10))
    taken: Counter[str] = Counter()
    while any(found := await take_at_once(lab, [each for doctor in doctors for each in (doctor, doctor)])):
        mine: dict[str, set[str]] = {}
        for each in found:
            if each is not None:
                mine.setdefault(each["job"]["account_id"], set()).add(each["job"]["job_id"])
        assert {len(job_ids) for job_ids in mine.values()} == {1}, "a doctor who asks twice at once gets the same twice"
        open_jobs = {each["job"]["job_id"]: each["job"] for each in found if each is not None}
        people = {str(each.id): each for each in doctors}
        await asyncio.gather(*(finish(lab, people[each["account_id"]], each) for each in open_jobs.values()))
        taken.update(each["image_id"] for each in open_jobs.values())
    assert taken == {str(seen.image["id"]): 3 for seen in await check_all(lab) if seen.image}


async def test_no_doctor_goes_away_empty_handed_because_others_ask_at_the_same_moment(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(8)]
    await assign(lab, mode="queue", readers=8, images=await images(lab, 1))
    found = await take_at_once(lab, doctors)
    assert all(found)
    (seen,) = await check_all(lab)
    assert len(seen.jobs) == 8


async def test_an_image_goes_to_one_of_the_experts_who_ask_at_the_same_moment(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(2)]
    wanted = await images(lab, 3)
    await assign(lab, readers=2, images=wanted)
    for doctor in doctors:
        for job in await jobs(lab, account_id=doctor.id):
            await finish(lab, doctor, job, doctor.id)
    experts = [await lab.person(Authority.EXPERT) for _ in range(8)]
    found = [each for each in await take_at_once(lab, experts) if each is not None]
    assert sorted(int(each["job"]["image_id"]) for each in found) == wanted
    assert {each["image"]["image_state"] for each in found} == {303}
    assert all(each["leased_until"] for each in found)
    await let_leases_end(lab)
    others = [await take(lab, each) for each in [await lab.person(Authority.EXPERT) for _ in range(3)]]
    assert sorted(int(each["job"]["image_id"]) for each in others if each) == wanted, "they did not begin"
    people = {str(each.id): each for each in experts}
    for each in others:
        assert each is not None
        account_id = int(each["job"]["account_id"])
        expert = people.get(str(account_id)) or Person(account_id, lab.headers(account_id, Authority.EXPERT))
        await finish(lab, expert, each["job"], "settled")
    assert {each.state for each in await check_all(lab)} == {304}


async def test_a_lease_ends_without_a_draft_and_the_draft_is_not_lost(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, mode="queue", readers=1, images=[image_id])
    found = await take(lab, ada)
    assert found is not None
    path = f"/api/jobs/{found['job']['job_id']}/draft"
    draft = {"dr": True, "comment": "not sure"}
    await let_leases_end(lab)
    saved = await lab.http.put(path, json={"draft": draft}, headers=ada.headers)
    assert saved.json()["leased_until"] > saved.json()["saved_at"]
    await lab.services.queue.end_leases()
    assert await take(lab, bob) is None, "the draft has extended the lease"
    await let_leases_end(lab)
    given = await take(lab, bob)
    assert given is not None
    assert (given["job"]["image_id"], given["draft"]) == (str(image_id), None)
    assert await take(lab, ada) is None
    await let_leases_end(lab)
    back = await take(lab, ada)
    assert back is not None
    assert back["draft"] == draft
    (seen,) = await check_all(lab)
    reasons = [each["reason"] for each in seen.history if each["job_id"] is not None]
    assert reasons.count("the lease ended without a draft") == 2


async def test_what_a_doctor_has_let_go_back_comes_last(lab: Lab) -> None:
    ada = await lab.doctor()
    await assign(lab, mode="queue", readers=2, images=await images(lab, 4))
    first = await take(lab, ada)
    assert first is not None
    await let_leases_end(lab)
    await lab.services.queue.end_leases()
    order = []
    while (found := await take(lab, ada)) is not None:
        order.append(found["job"]["image_id"])
        await finish(lab, ada, found["job"])
    assert (len(order), order[-1]) == (4, first["job"]["image_id"])


async def test_a_job_with_a_label_stays_with_its_doctor(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    await assign(lab, mode="queue", readers=1, images=await images(lab, 1))
    found = await take(lab, ada)
    assert found is not None
    label = await lab.http.post("/labels", json={}, headers=ada.headers)
    path, label_id = f"/jobs/{found['job']['job_id']}", label.json()["label_id"]
    await lab.http.put(path, json={"label_id": label_id, "job_state": 201}, headers=ada.headers)
    await let_leases_end(lab)
    assert await lab.services.queue.end_leases() == 0
    assert await take(lab, bob) is None
    assert (await lab.http.put(path, json={"job_state": 202}, headers=ada.headers)).status_code == 200


async def test_replicas_end_a_lease_once(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(12)]
    await assign(lab, mode="queue", readers=3, images=await images(lab, 5))
    assert all(await take_at_once(lab, doctors))
    await let_leases_end(lab)
    ended = await asyncio.gather(*(lab.services.queue.end_leases() for _ in range(4)))
    assert sum(ended) == 12
    found = await check_all(lab)
    assert {(each.state, each.image["missing_readers"]) for each in found if each.image} == {(300, 3)}


async def test_leases_end_while_doctors_ask_and_finish(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(6)]
    await assign(lab, mode="queue", readers=2, images=await images(lab, 12))

    async def work(doctor: Person) -> None:
        while (found := await take(lab, doctor)) is not None:
            label = await lab.http.post("/labels", json={"dr": True}, headers=doctor.headers)
            body = {"label_id": label.json()["label_id"], "job_state": 202}
            answer = await lab.http.put(f"/jobs/{found['job']['job_id']}", json=body, headers=doctor.headers)
            assert answer.status_code in {200, 404}, answer.text  # the lease may have ended

    async def let_time_pass() -> None:
        while True:
            await let_leases_end(lab)
            await lab.services.queue.end_leases()

    passing = asyncio.create_task(let_time_pass())
    await asyncio.gather(*(work(each) for each in doctors))
    passing.cancel()
    await asyncio.gather(passing, return_exceptions=True)
    assert {each.state for each in await check_all(lab)} == {304}


async def test_what_comes_first(lab: Lab) -> None:
    ada, admin = await lab.doctor(), await lab.admin()
    later, sooner, by_hand, unhurried = [await images(lab, 1) for _ in range(4)]
    now = datetime.now(UTC)
    await assign(lab, mode="queue", images=unhurried)
    await assign(lab, mode="queue", images=later, due_days=3)
    await assign(lab, mode="queue", images=sooner, due_at=(now + timedelta(days=1)).isoformat())
    await lab.http.post("/jobs", json={"image_id": by_hand[0], "account_id": ada.id}, headers=admin.headers)
    order = []
    while (found := await take(lab, ada)) is not None:
        order.append((int(found["image"]["id"]), found["due_at"] is not None))
        await finish(lab, ada, found["job"])
    assert order == [(by_hand[0], False), (sooner[0], True), (later[0], True), (unhurried[0], False)]


async def test_what_was_begun_comes_first(lab: Lab) -> None:
    ada = await lab.doctor()
    await assign(lab, readers=1, images=await images(lab, 2), due_days=1)
    await assign(lab, readers=1, images=await images(lab, 3))
    due = await jobs(lab, account_id=ada.id)
    first = await take(lab, ada)
    assert first is not None
    assert first["due_at"] is not None
    last = due[-1] if due[-1]["job_id"] != first["job"]["job_id"] else due[0]
    await lab.http.put(f"/jobs/{last['job_id']}", json={"job_state": 201}, headers=ada.headers)
    found = await take(lab, ada)
    assert found is not None
    assert found["job"]["job_id"] == last["job_id"]
    draft = f"/api/jobs/{first['job']['job_id']}/draft"
    await lab.http.put(draft, json={"draft": {"dr": 1}}, headers=ada.headers)
    found = await take(lab, ada)
    assert found is not None
    assert (found["job"]["job_id"], found["draft"]) == (first["job"]["job_id"], {"dr": 1})
    assert found["open_jobs"] == 5


@pytest.mark.parametrize("authority", [Authority.ADMIN, Authority.EXPERT])
async def test_readers_of_the_queue_are_doctors_unless_others_are_named(lab: Lab, authority: Authority) -> None:
    person = await lab.person(authority)
    (image_id,) = await images(lab, 1)
    await assign(lab, mode="queue", images=[image_id])
    assert (await lab.http.post(NEXT, headers=person.headers)).status_code == 204
    if authority is Authority.EXPERT:
        await assign(lab, mode="queue", images=[image_id], doctors=[person.id])
        assert await take(lab, person) is not None


async def test_a_job_that_is_taken_away_while_its_doctor_asks(lab: Lab) -> None:
    ada, admin = await lab.doctor(), await lab.admin()
    await assign(lab, mode="queue", readers=1, images=await images(lab, 20))
    for _ in range(10):
        found = await take(lab, ada)
        assert found is not None
        path = f"/jobs/{found['job']['job_id']}"
        await asyncio.gather(take(lab, ada), lab.http.delete(path, headers=admin.headers), take(lab, ada))
    await check_all(lab)
    async with lab.database.writing() as session:
        await session.execute(update(Image).values(missing_readers=0))
        await session.execute(update(Job).values(leased_until=None))
    assert await take(lab, ada) is not None

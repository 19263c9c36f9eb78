"""The open work of doctors who leave: their drafts, and many jobs."""

import pytest
from sqlalchemy import func, select, update
from support.annotation import Lab, Person

from annotation_service.accounts.models import Account
from annotation_service.assignments.leaving import reassign_jobs_of_the_gone
from annotation_service.workflow.models import Image, Job, Transition


async def give(lab: Lab, doctor: Person, count: int) -> None:
    """Let the doctor read new images, each as its only reader."""
    picture_id = await lab.picture()
    images = [await lab.image(picture_id) for _ in range(count)]
    body = {"readers": 1, "doctors": [doctor.id], "images": images}
    admin = await lab.admin()
    answer = await lab.http.post("/api/assignments", json=body, headers=admin.headers)
    assert answer.status_code == 201, answer.text
    async with lab.database.writing() as session:
        await session.execute(update(Image).values(eligible_doctors=None))


@pytest.mark.parametrize("another_doctor", [True, False])
async def test_the_draft_of_a_doctor_whose_work_went_to_others_is_there_again(
    lab: Lab, *, another_doctor: bool
) -> None:
    admin, ada = await lab.admin(), await lab.doctor()
    await give(lab, ada, 1)
    job = (await lab.http.post("/api/assignments/next", headers=ada.headers)).json()["job"]
    draft = {"dr": True, "comment": "not sure"}
    saved = await lab.http.put(f"/api/jobs/{job['job_id']}/draft", json={"draft": draft}, headers=ada.headers)
    assert saved.status_code == 200
    bob = await lab.doctor() if another_doctor else None
    answer = await lab.http.post("/api/assignments/reassign", json={"from": ada.id}, headers=admin.headers)
    assert answer.json() == {"given": int(another_doctor), "queued": int(not another_doctor), "left": 0}
    if bob is not None:
        theirs = (await lab.http.post("/api/assignments/next", headers=bob.headers)).json()
        assert theirs["draft"] is None, "doctors do not see each other's drafts"
        gone = await lab.http.delete(f"/jobs/{theirs['job']['job_id']}", headers=admin.headers)
        assert gone.status_code == 200
    back = await lab.http.post("/api/assignments/next", headers=ada.headers)
    assert (back.status_code, back.json()["draft"]) == (201, draft)


async def test_the_work_of_the_gone_is_given_to_others_in_short_transactions(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    await give(lab, ada, 7)
    async with lab.database.writing() as session:
        await session.execute(update(Account).where(Account.id == ada.id).values(deleted=True))
    await reassign_jobs_of_the_gone(lab.database, at_once=3)
    async with lab.database.reading() as session:
        assert set(await session.scalars(select(Job.account_id))) == {bob.id}
        left = select(Transition.at, func.count()).where(
            Transition.reason == "the doctor has left", Transition.to_state.is_(None)
        )
        counts = [row[1] for row in await session.execute(left.group_by(Transition.at).order_by(Transition.at))]
    assert counts == [3, 3, 1]

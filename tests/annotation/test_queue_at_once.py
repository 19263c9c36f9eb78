"""The queue, when its requests meet others."""

import asyncio

from sqlalchemy import text
from support.annotation import Lab

from annotation_service.workflow.repository import lock_image_of_job
from annotation_service.workflow.service import Cause, delete_job

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def wait_for_a_lock(lab: Lab) -> None:
    """Return when a transaction waits for another one."""
    async with asyncio.timeout(20), lab.database.reading() as session:
        while not await session.scalar(WAITING):  # noqa: ASYNC110 - PostgreSQL tells no one when it begins to wait
            await asyncio.sleep(0.01)


async def test_a_leased_job_goes_away_while_its_doctor_asks_for_it(lab: Lab) -> None:
    doctor, admin = await lab.doctor(), await lab.admin()
    body = {"mode": "queue", "images": [await lab.image()]}
    await lab.http.post("/api/assignments", json=body, headers=admin.headers)
    taken = await lab.http.post("/api/assignments/next", headers=doctor.headers)
    assert taken.status_code == 201
    async with lab.database.writing() as session:
        found = await lock_image_of_job(session, int(taken.json()["job"]["job_id"]))
        assert found is not None
        await delete_job(session, found.image, found.job, Cause("the lease ended without a draft"))
        asked = asyncio.create_task(lab.http.post("/api/assignments/next", headers=doctor.headers))
        await wait_for_a_lock(lab)
    answer = await asked
    assert answer.status_code == 201, answer.text
    assert answer.json()["image"] == taken.json()["image"]
    assert answer.json()["job"]["job_id"] != taken.json()["job"]["job_id"]


async def test_a_doctor_who_asks_several_times_at_the_same_moment_gets_one_job(lab: Lab) -> None:
    doctor, admin = await lab.doctor(), await lab.admin()
    picture_id = await lab.picture()
    body = {"mode": "queue", "images": [await lab.image(picture_id) for _ in range(20)]}
    await lab.http.post("/api/assignments", json=body, headers=admin.headers)
    asking = (lab.http.post("/api/assignments/next", headers=doctor.headers) for _ in range(8))
    answers = await asyncio.gather(*asking)
    assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
    assert len({each.json()["job"]["job_id"] for each in answers}) == 1

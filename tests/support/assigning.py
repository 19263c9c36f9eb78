"""What the tests of assignments, the queue and leaving doctors share: requests that assign, take and finish jobs."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import httpx
from sqlalchemy import func, select, update

from annotation_service.images.service import create as create_image
from annotation_service.workflow.models import Image, Job
from support.annotation import ADMIN_ID, Lab, Person
from support.histories import Seen, check, fetch_seen

ASSIGNMENTS: Final = "/api/assignments"
NEXT: Final = f"{ASSIGNMENTS}/next"


async def assign(lab: Lab, **body: object) -> httpx.Response:
    """The answer to an administrator's request."""
    admin = await lab.admin()
    return await lab.http.post(ASSIGNMENTS, json=body, headers=admin.headers)


async def images(lab: Lab, number: int) -> list[int]:
    """The ids of new images, whose history begins."""
    picture_id = await lab.picture()
    async with lab.database.writing() as session:
        return [(await create_image(session, picture_id, ADMIN_ID)).id for _ in range(number)]


async def jobs(lab: Lab, **query: object) -> list[dict[str, Any]]:
    """The jobs, as an administrator lists them."""
    admin = await lab.admin()
    answer = await lab.http.get("/jobs", params=query, headers=admin.headers)  # type: ignore[arg-type]
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def take(lab: Lab, doctor: Person) -> dict[str, Any] | None:
    """What the doctor gets who asks for the next job."""
    answer = await lab.http.post(NEXT, headers=doctor.headers)
    assert answer.status_code in {200, 201, 204}, answer.text
    if answer.status_code == 204:
        return None
    found: dict[str, Any] = answer.json()
    return found


async def take_at_once(lab: Lab, doctors: list[Person]) -> list[dict[str, Any] | None]:
    """What doctors get who ask at the same moment; one may be there several times."""
    return list(await asyncio.gather(*(take(lab, each) for each in doctors)))


async def state_of(lab: Lab, image_id: int) -> int:
    """The state of an image, by its code."""
    answer = await lab.http.get(f"/images/{image_id}", headers=(await lab.admin()).headers)
    state: int = answer.json()["image_state"]
    return state


async def finish(lab: Lab, doctor: Person, job: dict[str, Any], value: object = True) -> None:
    """The doctor finishes a job with a new label."""
    label = await lab.http.post("/labels", json={"dr": value}, headers=doctor.headers)
    assert label.status_code == 201, label.text
    body = {"label_id": label.json()["label_id"], "job_state": 202}
    answer = await lab.http.put(f"/jobs/{job['job_id']}", json=body, headers=doctor.headers)
    assert answer.status_code == 200, answer.text


async def let_leases_end(lab: Lab) -> None:
    """Time passes."""
    async with lab.database.writing() as session:
        past = func.now() - timedelta(seconds=1)
        await session.execute(update(Job).where(Job.leased_until.is_not(None)).values(leased_until=past))


async def check_all(lab: Lab) -> list[Seen]:
    """All images, whose states, jobs and histories have been checked against the rules of the workflow."""
    async with lab.database.reading() as session:
        image_ids = (await session.scalars(select(Image.id).order_by(Image.id))).all()
        connection = await session.connection()
        found = [await fetch_seen(connection, image_id) for image_id in image_ids]
    for seen in found:
        check(Seen(seen.image, [], []), seen)
    return found

"""Suggestions of models: kept beside the image, hidden from doctors who have not read it, compared with the result."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest
import stamina
from sqlalchemy import delete, func, select, update
from support import pictures
from support.annotation import ADMIN_ID, SEED_LABEL, Lab, Person, invalid, said
from support.annotation_peers import Peers
from support.inference import MODEL, account_headers

from annotation_service.suggestions import repository
from annotation_service.suggestions.models import Suggestion
from annotation_service.suggestions.service import Suggestions
from annotation_service.workflow.models import Image, Job, Label
from annotation_service.workflow.states import ImageState, JobState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.errors import Unavailable

FORBIDDEN = (403, "用户没有权限")
NOT_FOUND = (404, "图片不存在")


@pytest.fixture(autouse=True)
def no_waits() -> Iterator[None]:
    """Retries without the pauses between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def path(image_id: object) -> str:
    return f"/api/images/{image_id}/suggestions"


async def ask(lab: Lab, image_id: object, model: object = "means", who: Person | None = None) -> httpx.Response:
    headers = lab.headers(ADMIN_ID, Authority.ADMIN) if who is None else who.headers
    return await lab.http.post(path(image_id), json={"model": model}, headers=headers)


async def shown(lab: Lab, image_id: int, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    headers = headers or lab.headers(ADMIN_ID, Authority.ADMIN)
    answer = await lab.http.get(path(image_id), headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["suggestions"]
    return found


async def a_label(lab: Lab, author: Person, **fields: Any) -> int:
    async with lab.database.writing() as session:
        label = Label(author_id=author.id, scheme_id=1, fields={**SEED_LABEL, **fields}, finished_at=datetime.now(UTC))
        session.add(label)
        await session.flush()
        return label.id


async def a_job(lab: Lab, image_id: int, doctor: Person, *, finished: bool = False) -> None:
    label_id = await a_label(lab, doctor) if finished else None
    state, at = (JobState.FINISHED, datetime.now(UTC)) if finished else (JobState.UNLABELED, None)
    async with lab.database.writing() as session:
        session.add(Job(image_id=image_id, account_id=doctor.id, state=int(state), label_id=label_id, finished_at=at))


async def settle(lab: Lab, image_id: int, label_id: int | None, state: ImageState = ImageState.DONE) -> None:
    changes = {"state": int(state), "ground_truth_id": label_id}
    async with lab.database.writing() as session:
        await session.execute(update(Image).where(Image.id == image_id).values(changes))


async def prediction(peers: Peers, prediction_id: int) -> dict[str, Any]:
    """The record in inference-service."""
    headers = account_headers(peers.lab.key, ADMIN_ID)
    found: dict[str, Any] = (await peers.inference.get(f"/api/predictions/{prediction_id}", headers=headers)).json()
    return found


async def test_a_model_is_asked_and_its_answer_kept(peers: Peers) -> None:
    lab = peers.lab
    data = pictures.dicom()
    image_id = await lab.image(await lab.picture(data, media_type="application/dicom"))
    answer = await ask(lab, image_id)
    body = answer.json()
    assert answer.status_code == 201
    assert (body["model"], body["image_id"], body["created_by"]) == (MODEL, str(image_id), ADMIN_ID)
    assert body["picture_sha256"] == pictures.sha256_hex(data)
    assert body["written_back_at"] is None
    record = await prediction(peers, body["prediction_id"])
    assert (record["scores"], record["thresholds"], record["model"]) == (body["scores"], body["thresholds"], MODEL)
    assert record["input_sha256"] == body["picture_sha256"]
    assert await shown(lab, image_id) == [body]
    async with lab.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Label)) == 0


async def test_a_version_is_asked_once(peers: Peers) -> None:
    lab = peers.lab
    image_id = await lab.image()
    first = await ask(lab, image_id)
    for model in ("means", MODEL):
        again = await ask(lab, image_id, model)
        assert (again.status_code, again.json()) == (200, first.json())
    other = await ask(lab, image_id, "pair")
    assert other.status_code == 201
    assert [each["model"] for each in await shown(lab, image_id)] == [MODEL, "pair/1"]
    another_image = await lab.image()
    assert (await ask(lab, another_image)).status_code == 201
    records = await peers.inference.get("/api/predictions", headers=account_headers(lab.key, ADMIN_ID))
    assert len(records.json()["predictions"]) == 3


async def test_several_requests_at_the_same_moment(peers: Peers) -> None:
    lab, answers = peers.lab, list[httpx.Response]()
    image_id = await lab.image()

    async def one() -> None:
        answers.append(await ask(lab, image_id))

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(one)
    assert sorted(each.status_code for each in answers) == [200] * 5 + [201]
    assert len({each.json()["id"] for each in answers}) == 1


@pytest.mark.parametrize("model", ["none", "means/2", "means/", "/1", "means/1/1", "../means", "眼"])
async def test_a_model_that_there_is_not(peers: Peers, model: str) -> None:
    assert invalid(await ask(peers.lab, await peers.lab.image(), model)).startswith("model: ")


@pytest.mark.parametrize("model", ["", None, 7, [], "x" * 201, "a\0b"])
async def test_what_is_no_name_of_a_model(lab: Lab, model: object) -> None:
    assert invalid(await ask(lab, 1, model)).startswith("model: ")


@pytest.mark.parametrize("image_id", ["0", "-1", "x", str(2**63), "null"])
async def test_what_is_no_image(lab: Lab, image_id: str) -> None:
    assert invalid(await ask(lab, image_id)).startswith("image_id: ")


async def test_an_image_that_there_is_not(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    for image_id in (1, 2**63 - 1):
        assert said(await ask(lab, image_id)) == NOT_FOUND
        assert said(await lab.http.get(path(image_id), headers=admin.headers)) == NOT_FOUND
        assert said(await lab.http.get(path(image_id), headers=doctor.headers)) == FORBIDDEN


async def test_a_picture_that_the_model_can_not_read(peers: Peers) -> None:
    damaged = pictures.encoded(pictures.GREY.resize((400, 300)), "JPEG")[:-500]
    image_id = await peers.lab.image(await peers.lab.picture(damaged, media_type="image/jpeg"))
    assert invalid(await ask(peers.lab, image_id)) == "image: The JPEG picture is damaged or incomplete."
    assert await shown(peers.lab, image_id) == []


async def test_only_administrators_ask(lab: Lab) -> None:
    image_id = await lab.image()
    for authority in (Authority.DOCTOR, Authority.EXPERT, Authority.GUEST, Authority.NONE):
        person = await lab.person(authority)
        assert said(await ask(lab, image_id, who=person)) == FORBIDDEN
    assert said(await lab.http.post(path(image_id), json={"model": "means"})) == (401, "用户未登录")


async def test_inference_service_is_down(peers: Peers) -> None:
    peers.to_inference.down = True
    image_id = await peers.lab.image()
    answer = await ask(peers.lab, image_id)
    assert (answer.status_code, set(answer.json()), answer.headers["retry-after"]) == (503, {"message"}, "1")
    peers.to_inference.down = False
    assert (await ask(peers.lab, image_id)).status_code == 201


async def may_see(lab: Lab, image_id: int, person: Person) -> bool:
    answer = await lab.http.get(path(image_id), headers=person.headers)
    if answer.status_code != 200:
        assert said(answer) == FORBIDDEN
        return False
    assert len(answer.json()["suggestions"]) == 1
    return True


@pytest.mark.parametrize("authority", [Authority.DOCTOR, Authority.EXPERT])
async def test_doctors_are_blinded(peers: Peers, authority: Authority) -> None:
    lab = peers.lab
    person = await lab.person(authority)
    blinded, shows = await lab.image(), await lab.image(shows_suggestions=True)
    for image_id in (blinded, shows):
        assert (await ask(lab, image_id)).status_code == 201
        assert not await may_see(lab, image_id, person)  # without a job
        await a_job(lab, image_id, person)
    assert not await may_see(lab, blinded, person)
    assert await may_see(lab, shows, person)
    async with lab.database.writing() as session:
        await session.execute(delete(Job).where(Job.image_id == blinded))
    await a_job(lab, blinded, person, finished=True)
    assert await may_see(lab, blinded, person)
    # What another doctor has finished does not open it.
    other = await lab.doctor()
    await a_job(lab, blinded, other)
    assert not await may_see(lab, blinded, other)


async def test_others_never_see_them(lab: Lab) -> None:
    image_id = await lab.image(shows_suggestions=True)
    for authority in (Authority.GUEST, Authority.NONE):
        person = await lab.person(authority)
        await a_job(lab, image_id, person)
        assert said(await lab.http.get(path(image_id), headers=person.headers)) == FORBIDDEN
    scoped = lab.headers(ADMIN_ID, Authority.ADMIN, scope="predict")
    assert said(await lab.http.get(path(image_id), headers=scoped)) == FORBIDDEN
    assert said(await lab.http.get(path(image_id))) == (401, "用户未登录")


async def test_the_ground_truth_is_written_back(peers: Peers) -> None:
    lab = peers.lab
    doctor, image_id, unsettled = await lab.doctor(), await lab.image(), await lab.image()
    told = (await ask(lab, image_id)).json()
    waiting = (await ask(lab, unsettled)).json()
    label_id = await a_label(lab, doctor, stage="3", quality=[401, 402])
    await settle(lab, unsettled, None, ImageState.RUNNING)
    await lab.services.suggestions.tell_truths()
    assert (await prediction(peers, told["prediction_id"]))["label"] is None
    await settle(lab, image_id, label_id)
    await lab.services.suggestions.tell_truths()
    label = (await prediction(peers, told["prediction_id"]))["label"]
    assert label["fields"] == {**SEED_LABEL, "stage": "3", "quality": [401, 402]}
    assert (label["source"], label["source_id"]) == ("annotation-service", label_id)
    assert label["scheme"] == "ophthalmology/1"
    assert (await prediction(peers, waiting["prediction_id"]))["label"] is None
    (row,) = await shown(lab, image_id)
    assert row["written_back_at"] is not None
    assert (await shown(lab, unsettled))[0]["written_back_at"] is None
    before = peers.to_inference.calls
    await lab.services.suggestions.tell_truths()
    assert peers.to_inference.calls == before  # it is told once


async def test_another_ground_truth_is_told_as_well(peers: Peers) -> None:
    lab = peers.lab
    doctor, image_id = await lab.doctor(), await lab.image()
    told = (await ask(lab, image_id)).json()
    for stage in ("1", "2"):
        await settle(lab, image_id, await a_label(lab, doctor, stage=stage))
        await lab.services.suggestions.tell_truths()
        assert (await prediction(peers, told["prediction_id"]))["label"]["fields"]["stage"] == stage


async def test_a_model_that_is_asked_about_an_image_that_is_done(peers: Peers) -> None:
    lab = peers.lab
    image_id = await lab.image()
    label_id = await a_label(lab, await lab.doctor())
    await settle(lab, image_id, label_id)
    told = (await ask(lab, image_id)).json()
    await lab.services.suggestions.tell_truths()
    assert (await prediction(peers, told["prediction_id"]))["label"]["source_id"] == label_id


async def test_what_was_not_told_is_told_later(peers: Peers) -> None:
    lab = peers.lab
    doctor = await lab.doctor()
    asked = []
    for _ in range(3):
        image_id = await lab.image()
        asked.append((await ask(lab, image_id)).json())
        await settle(lab, image_id, await a_label(lab, doctor))
    peers.to_inference.down = True
    with pytest.raises(Unavailable):
        await lab.services.suggestions.tell_truths()
    for each in asked:
        assert (await shown(lab, int(each["image_id"])))[0]["written_back_at"] is None
    peers.to_inference.down = False
    await lab.services.suggestions.tell_truths()
    for each in asked:
        assert (await prediction(peers, each["prediction_id"]))["label"] is not None


async def test_a_prediction_that_is_gone_holds_up_no_other(peers: Peers) -> None:
    lab = peers.lab
    doctor = await lab.doctor()
    asked = []
    for _ in range(2):
        image_id = await lab.image()
        asked.append((await ask(lab, image_id)).json())
        await settle(lab, image_id, await a_label(lab, doctor))
    async with lab.database.writing() as session:
        await session.execute(update(Suggestion).where(Suggestion.id == asked[0]["id"]).values(prediction_id=2**60))
    await lab.services.suggestions.tell_truths()
    assert (await prediction(peers, asked[1]["prediction_id"]))["label"] is not None
    assert (await shown(lab, int(asked[0]["image_id"])))[0]["written_back_at"] is None
    before = peers.to_inference.calls
    await lab.services.suggestions.tell_truths()
    assert peers.to_inference.calls == before


async def test_more_labels_than_are_read_at_once(peers: Peers) -> None:
    lab = peers.lab
    doctor = await lab.doctor()
    for _ in range(5):
        image_id = await lab.image()
        await ask(lab, image_id)
        await settle(lab, image_id, await a_label(lab, doctor))
    await Suggestions(lab.database, lab.services.blobs, peers.inference_client, batch=2).tell_truths()
    async with lab.database.reading() as session:
        assert await repository.untold(session, after=0, limit=10) == []


async def test_deleting_an_image_deletes_its_suggestions(peers: Peers) -> None:
    lab = peers.lab
    image_id = await lab.image()
    await ask(lab, image_id)
    async with lab.database.writing() as session:
        await session.execute(delete(Image).where(Image.id == image_id))
    async with lab.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Suggestion)) == 0


async def suggested(lab: Lab, score: float, model: str = "m", version: int = 1, image_id: int | None = None) -> int:
    image_id = image_id or await lab.image()
    async with lab.database.writing() as session:
        session.add(
            Suggestion(
                image_id=image_id,
                model_name=model,
                model_version=version,
                picture_sha256=b"\0",
                scores={"dr": score, "a'b": 0.1},
                thresholds={},
                prediction_id=1,
                created_by=ADMIN_ID,
            )
        )
    return image_id


async def test_images_by_the_score_of_a_finding(lab: Lab) -> None:
    low, middle, high = [await suggested(lab, score) for score in (0.1, 0.5, 0.9)]
    other = await suggested(lab, 0.5, model="other")
    await suggested(lab, 0.1, version=2, image_id=high)

    async def within(model: str, finding: str, start: float, end: float) -> list[int]:
        async with lab.database.reading() as session:
            return list(await repository.images_within(session, model, finding, start, end))

    assert await within("m", "dr", 0.4, 0.6) == [middle]
    assert await within("m", "dr", 0, 1) == [low, middle, high]
    assert await within("m/1", "dr", 0.9, 1) == [high]
    assert await within("m", "dr", 0.9, 1) == []  # the newest version says 0.1
    assert await within("m", "dr", 0.1, 0.1) == [low, high]
    assert await within("other", "dr", 0.5, 0.5) == [other]
    assert await within("m", "a'b", 0, 1) == [low, middle, high]
    for model, finding in [("none", "dr"), ("m", "none"), ("m/x", "dr"), ("m/9" * 9, "dr"), ("m", "\0"), ("\0", "dr")]:
        assert await within(model, finding, 0, 1) == []

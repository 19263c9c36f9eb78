"""TheYelda's jobs, images and labels, from the first request to the last, at both addresses."""

from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from support.annotation import SEED_LABEL, Lab, invalid, said

from lightbox_shared.auth.principal import Authority

pytestmark = pytest.mark.parametrize("prefix", ["", "/api"])


async def test_an_image_from_its_job_to_its_result(lab: Lab, prefix: str) -> None:
    admin, doctor = await lab.admin(), await lab.doctor("Nick")
    image_id = str(await lab.image())

    made = await lab.http.post(
        f"{prefix}/jobs/", json={"image_id": image_id, "account_id": str(doctor.id)}, headers=admin.headers
    )
    assert made.status_code == 201, made.text
    job = made.json()
    path = f"{prefix}/jobs/{job['job_id']}"
    assert made.headers["location"] == path
    expected = {
        "job_id": job["job_id"],
        "image_id": image_id,
        "label_id": None,
        "account_id": str(doctor.id),
        "finished_date": None,
        "job_state": "200",
    }
    assert {name: job[name] for name in expected} == expected
    assert job["message"] == "任务创建成功"
    assert job["_links"]["self"] == {"href": path}
    image = (await lab.http.get(f"{prefix}/images/{image_id}/", headers=admin.headers)).json()
    assert (image["state"], image["image_state"], image["groundtruth_id"]) == ("running", 301, None)

    label = await lab.http.post(f"{prefix}/labels/", json=SEED_LABEL, headers=doctor.headers)
    assert label.status_code == 201, label.text
    label_id = label.json()["label_id"]
    assert type(label_id) is int
    assert {name: label.json()[name] for name in SEED_LABEL} == SEED_LABEL
    assert label.json()["message"] == "创建成功"

    begun = await lab.http.put(path, json={"job_state": 201}, headers=doctor.headers)
    assert (begun.status_code, begun.json()["message"]) == (200, "成功编辑任务")
    body = {**begun.json(), "label_id": label_id, "job_state": "202"}  # a client sends back all that it got
    finished = await lab.http.put(path + "/", json=body, headers=doctor.headers)
    assert finished.status_code == 200, finished.text
    assert finished.json()["job_state"] == "202"
    assert finished.json()["label_id"] == str(label_id)
    today = parsedate_to_datetime(finished.headers["date"]) if "date" in finished.headers else None
    assert today is None or finished.json()["finished_date"] == today.date().isoformat()

    image = (await lab.http.get(f"{prefix}/images/{image_id}", headers=doctor.headers)).json()
    assert (image["state"], image["image_state"]) == ("done", 304)
    assert image["groundtruth_id"] == image["label_id"] == str(label_id)

    jobs = (await lab.http.get(f"{prefix}/jobs/?account_id={doctor.id}", headers=doctor.headers)).json()
    assert (jobs["message"], jobs["total"], jobs["data"][0]["nickname"]) == ("成功获取所有任务", 1, "Nick")

    for refused in (
        await lab.http.put(path, json={"job_state": 202}, headers=doctor.headers),
        await lab.http.put(path, json={"job_state": 200}, headers=doctor.headers),
    ):
        assert said(refused) == (403, "用户无法修改已完成的任务")
    label_path = f"{prefix}/label/{label_id}"
    assert said(await lab.http.put(label_path, json={"dr": True}, headers=doctor.headers)) == (
        401,
        "用户无法修改该标注信息",
    )
    assert said(await lab.http.delete(label_path, headers=doctor.headers)) == (401, "用户无法修改该标注信息")
    shown = await lab.http.get(label_path, headers=doctor.headers)
    assert (shown.status_code, shown.json()["message"]) == (200, "label获取成功")


async def test_a_label_until_a_job_carries_it(lab: Lab, prefix: str) -> None:
    doctor, other, admin = await lab.doctor(), await lab.doctor(), await lab.admin()
    made = await lab.http.post(f"{prefix}/labels", json={"quality": [701, 802], "dr": 401}, headers=doctor.headers)
    label_id = made.json()["label_id"]
    assert (made.json()["quality"], made.json()["dr"], made.json()["stage"]) == ([701, 802], 401, None)
    for path in (f"{prefix}/label/{label_id}", f"{prefix}/labels/{label_id}/"):
        assert said(await lab.http.get(path, headers=other.headers)) == (401, "用户无法访问其他用户的标注信息")
        assert (await lab.http.get(path, headers=admin.headers)).json()["dr"] == 401
        refused = await lab.http.put(path, json={"dr": 1}, headers=other.headers)
        assert said(refused) == (401, "用户无法修改其他用户的标注信息")
        assert said(await lab.http.put(path, json={"dr": 1}, headers=admin.headers))[0] == 401
        assert said(await lab.http.delete(path, headers=other.headers)) == (401, "用户无法删除其他用户的标注")
    edited = await lab.http.put(f"{prefix}/label/{label_id}", json={**made.json(), "dr": "2"}, headers=doctor.headers)
    assert (edited.status_code, edited.json()["dr"], edited.json()["message"]) == (200, "2", "label修改成功")
    gone = await lab.http.delete(f"{prefix}/label/{label_id}/", headers=doctor.headers)
    assert gone.status_code == (200 if prefix else 204)
    assert (gone.json()["message"] if prefix else gone.content) == ("已删除标注信息" if prefix else b"")
    assert said(await lab.http.get(f"{prefix}/label/{label_id}", headers=doctor.headers)) == (404, "label不存在")


async def test_who_may_do_what(lab: Lab, prefix: str) -> None:
    doctor, other, admin = await lab.doctor(), await lab.doctor(), await lab.admin()
    guest, waiting = await lab.person(Authority.GUEST), await lab.person(Authority.NONE)
    image_id = await lab.image()
    body = {"image_id": image_id, "account_id": doctor.id}
    made = await lab.http.post(f"{prefix}/jobs", json=body, headers=admin.headers)
    job = f"{prefix}/jobs/{made.json()['job_id']}"
    image = f"{prefix}/images/{image_id}"
    call = lab.http.request
    for method, path, person, status, message in (
        ("GET", job, other, 403, "用户无法访问他人任务"),
        ("GET", job, None, 401, "用户未登录"),
        ("GET", f"{prefix}/jobs/1000000", doctor, 404, "任务不存在"),
        ("PUT", job, other, 403, "用户无法修改他人任务"),
        ("PUT", job, admin, 403, "用户无法修改他人任务"),
        ("PUT", job, None, 401, "用户未登录"),
        ("PUT", f"{prefix}/jobs/1000000", doctor, 404, "任务不存在"),
        ("DELETE", job, doctor, 403, "删除任务需要管理员权限"),
        ("DELETE", job, None, 401, "用户未登录"),
        ("DELETE", f"{prefix}/jobs/1000000", admin, 404, "任务不存在"),
        ("GET", f"{prefix}/jobs", doctor, 403, "用户无法访问其他用户的任务列表"),
        ("GET", f"{prefix}/jobs?account_id={other.id}", doctor, 403, "用户无法访问其他用户的任务列表"),
        ("GET", f"{prefix}/jobs", None, 401, "用户未登录"),
        ("POST", f"{prefix}/jobs", doctor, 403, "创建任务需要管理员权限"),
        ("POST", f"{prefix}/jobs", None, 401, "用户未登录"),
        ("GET", image, None, 401, "用户未登录"),
        ("GET", image, waiting, 403, "用户没有权限"),
        ("PUT", image, doctor, 401, "修改图片信息需要管理员权限"),
        ("PUT", image, None, 401, "用户未登录"),
        ("DELETE", image, doctor, 401, "删除图片需要管理员权限"),
        ("DELETE", image, None, 401, "用户未登录"),
        ("DELETE", image, admin, 409, "图片已有任务，无法删除"),
        ("GET", f"{prefix}/images", None, 401, "用户未登录"),
        ("POST", f"{prefix}/labels", None, 401, "用户未登录"),
        ("POST", f"{prefix}/labels", guest, 403, "用户没有权限"),
        ("GET", f"{prefix}/label/1", None, 401, "用户未登录"),
    ):
        headers = {} if person is None else person.headers
        content: object = {} if method in {"POST", "PUT"} else None
        assert said(await call(method, path, headers=headers, json=content)) == (status, message), (method, path)
    deleted = await lab.http.delete(job, headers=admin.headers)
    assert (deleted.status_code, deleted.json()["message"]) == (200, "已删除该任务")
    assert (await lab.http.get(image, headers=admin.headers)).json()["state"] == "unassigned"
    gone = await lab.http.delete(image, headers=admin.headers)
    assert (gone.status_code, gone.headers["location"]) == (200 if prefix else 204, image)
    assert (gone.json()["message"] if prefix else gone.content) == ("已删除图片" if prefix else b"")
    assert said(await lab.http.get(image, headers=admin.headers)) == (404, "图片不存在")


async def test_a_job_of_an_account_that_is_no_doctor(lab: Lab, prefix: str) -> None:
    admin = await lab.admin()
    image_id = await lab.image()
    people = [await lab.person(each) for each in (Authority.NONE, Authority.GUEST, Authority.ADMIN)]
    deleted = await lab.person(Authority.DOCTOR, deleted=True)
    for account_id in (*(each.id for each in people), deleted.id):
        body = {"image_id": image_id, "account_id": account_id}
        answer = await lab.http.post(f"{prefix}/jobs", json=body, headers=admin.headers)
        assert "account_id: " in invalid(answer)
    wrong: tuple[Any, ...] = ("", None, -1, 0, 2**63, "2" * 40, "x", True, 1.5, [1], {})
    for value in wrong:
        for body in (
            {"image_id": image_id, "account_id": value},
            {"image_id": value, "account_id": people[0].id},
        ):
            answer = await lab.http.post(f"{prefix}/jobs", json=body, headers=admin.headers)
            assert "_id: " in invalid(answer)
    doctor = await lab.doctor()
    body = {"image_id": 10**9, "account_id": doctor.id}
    assert "image_id: " in invalid(await lab.http.post(f"{prefix}/jobs", json=body, headers=admin.headers))
    body = {"image_id": image_id, "account_id": doctor.id}
    assert (await lab.http.post(f"{prefix}/jobs", json=body, headers=admin.headers)).status_code == 201
    again = await lab.http.post(f"{prefix}/jobs", json=body, headers=admin.headers)
    assert said(again) == (409, "该医生已有此图片的任务")

"""TheYelda's jobs, images and labels as its clients know them, black box through the gateway: every documented answer
and message, at the root and under `/api`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from support import pictures
from support.annotation import SEED_LABEL
from support.yelda_client import Headers, Make, said, until

NOT_SIGNED_IN = (401, "用户未登录")
PREFIXES = pytest.mark.parametrize("prefix", ["", "/api"])


@dataclass(frozen=True)
class Client:
    """A client of the system at one of its two addresses."""

    http: httpx.Client
    admin: Headers
    prefix: str

    def call(self, method: str, path: str, headers: Headers | None = None, **options: Any) -> httpx.Response:
        return self.http.request(method, self.prefix + path, headers=headers, **options)

    def upload(self, name: str) -> dict[str, Any]:
        """The image of a new upload."""
        files = {"file": (name, pictures.png(), "image/png")}
        answer = self.call("POST", "/uploads/medical-images/", self.admin, files=files)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def job(self, image_id: str, account_id: int) -> dict[str, Any]:
        """A new job."""
        body = {"image_id": image_id, "account_id": str(account_id)}
        answer = self.call("POST", "/jobs/", self.admin, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def finish(self, job: dict[str, Any], doctor: Headers, **fields: object) -> int:
        """Label the image of a job; the id of the label."""
        label = self.call("POST", "/labels/", doctor, json={**SEED_LABEL, **fields}).json()["label_id"]
        body = {**job, "label_id": label, "job_state": "202"}
        answer = self.call("PUT", f"/jobs/{job['job_id']}", doctor, json=body)
        assert answer.status_code == 200, answer.text
        return int(label)


@pytest.fixture
def client(http: httpx.Client, admin: Headers) -> Callable[[str], Client]:
    return lambda prefix: Client(http, admin, prefix)


def test_the_entry_point(http: httpx.Client) -> None:
    answer = http.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/hal+json")
    body = answer.json()
    assert body["message"] == ""
    assert body["_links"]["self"] == {"href": "/"}
    assert body["_links"]["accounts"]["href"] == "/accounts/{?id}"
    assert body["_links"]["authorization"]["href"] == "/authorization"
    for relation in ("self", "authorization", "accounts"):
        assert f'rel="{relation}"' in answer.headers["link"]
    assert http.get("/", headers={"Accept": "application/json"}).headers["content-type"] == "application/json"


@PREFIXES
def test_jobs(client: Callable[[str], Client], make: Make, prefix: str) -> None:
    yelda = client(prefix)
    (doctor_id, _, doctor), (_, _, other) = make(102), make(102)
    image = yelda.upload("abc.png")
    body = {"image_id": image["image_id"], "account_id": str(doctor_id)}
    assert said(yelda.call("POST", "/jobs/", json=body)) == NOT_SIGNED_IN
    assert said(yelda.call("POST", "/jobs/", doctor, json=body)) == (403, "创建任务需要管理员权限")
    made = yelda.call("POST", "/jobs/", yelda.admin, json=body)
    job = made.json()
    path = f"/jobs/{job['job_id']}"
    assert (made.status_code, made.headers["location"]) == (201, prefix + path)
    expected = {
        "message": "任务创建成功",
        "job_id": job["job_id"],
        "image_id": image["image_id"],
        "label_id": None,
        "account_id": str(doctor_id),
        "finished_date": None,
        "job_state": "200",
    }
    assert {name: job[name] for name in expected} == expected
    again = yelda.call("POST", "/jobs/", yelda.admin, json=body)
    assert said(again)[0] == 409

    shown = yelda.call("GET", path + "/", doctor)
    assert (shown.status_code, shown.json()) == (200, {**job, "message": "成功查看任务"})
    assert shown.headers["last-modified"].endswith(" GMT")
    assert shown.json()["_links"]["self"] == {"href": prefix + path}
    assert said(yelda.call("GET", path)) == NOT_SIGNED_IN
    assert said(yelda.call("GET", path, other)) == (403, "用户无法访问他人任务")
    assert said(yelda.call("GET", "/jobs/999999999", doctor)) == (404, "任务不存在")

    assert said(yelda.call("PUT", path, json={})) == NOT_SIGNED_IN
    assert said(yelda.call("PUT", path, other, json={"job_state": "201"})) == (403, "用户无法修改他人任务")
    assert said(yelda.call("PUT", "/jobs/999999999", doctor, json={})) == (404, "任务不存在")
    begun = yelda.call("PUT", path, doctor, json={**job, "job_state": 201})
    assert (begun.status_code, begun.json()["message"], begun.json()["job_state"]) == (200, "成功编辑任务", "201")
    assert begun.headers["location"] == prefix + path
    label_id = yelda.finish(begun.json(), doctor)
    finished = yelda.call("GET", path, doctor).json()
    assert finished["finished_date"] == time.strftime("%Y-%m-%d", time.gmtime())
    assert (finished["label_id"], finished["job_state"]) == (str(label_id), "202")
    assert said(yelda.call("PUT", path, doctor, json=finished)) == (403, "用户无法修改已完成的任务")

    listed = yelda.call("GET", "/jobs/", yelda.admin, params={"account_id": doctor_id})
    assert (listed.status_code, listed.json()["message"]) == (200, "成功获取所有任务")
    assert listed.headers["last-modified"].endswith(" GMT")
    (row,) = listed.json()["data"]
    assert {name: row[name] for name in expected if name != "message"} == {
        name: finished[name] for name in expected if name != "message"
    }
    assert said(yelda.call("GET", "/jobs/")) == NOT_SIGNED_IN
    for query in ({}, {"account_id": doctor_id}):
        answer = yelda.call("GET", "/jobs/", other, params=query)
        assert said(answer) == (403, "用户无法访问其他用户的任务列表")

    assert said(yelda.call("DELETE", path)) == NOT_SIGNED_IN
    assert said(yelda.call("DELETE", path, doctor)) == (403, "删除任务需要管理员权限")
    gone = yelda.call("DELETE", path, yelda.admin)
    assert (gone.status_code, gone.json()["message"], gone.headers["location"]) == (200, "已删除该任务", prefix + path)
    assert said(yelda.call("DELETE", path, yelda.admin)) == (404, "任务不存在")


@PREFIXES
def test_images(client: Callable[[str], Client], make: Make, prefix: str) -> None:
    yelda = client(prefix)
    doctor_id, _, doctor = make(102)
    uploaded = yelda.upload("abc.png")
    body = {"file_path": "/images/abc.png"}
    assert said(yelda.call("POST", "/images/", json=body)) == NOT_SIGNED_IN
    assert said(yelda.call("POST", "/images/", doctor, json=body)) == (401, "创建图片需要管理员权限")
    made = yelda.call("POST", "/images/", yelda.admin, json=body)
    image = made.json()
    path = f"/images/{image['id']}"
    assert (made.status_code, made.headers["location"]) == (201, prefix + path)
    assert (image["message"], image["state"], image["info_id"]) == ("", "unassigned", uploaded["info_id"])
    assert image["id"] != uploaded["id"]
    expected = {
        "message": "",
        "id": image["id"],
        "image_id": image["id"],
        "groundtruth_id": None,
        "label_id": None,
        "state": "unassigned",
        "image_state": 300,
        "info_id": uploaded["info_id"],
        "filename": "abc.png",
        "url": uploaded["url"],
    }
    shown = yelda.call("GET", path, doctor)
    assert {name: shown.json()[name] for name in expected} == expected
    assert shown.headers["last-modified"].endswith(" GMT")
    assert said(yelda.call("GET", path)) == NOT_SIGNED_IN
    picture = yelda.call("GET", f"/uploads/medical-images/{uploaded['url']}", doctor)
    assert (picture.status_code, picture.content) == (200, pictures.png())

    job = yelda.job(image["id"], doctor_id)
    running = yelda.call("GET", path, doctor).json()
    assert (running["state"], running["image_state"]) == ("running", 301)
    same = yelda.call("PUT", path, yelda.admin, json={**running, "state": "assigned"})
    assert (same.status_code, same.json()) == (200, running)
    assert same.headers["location"] == prefix + path
    assert said(yelda.call("PUT", path, json=running)) == NOT_SIGNED_IN
    assert said(yelda.call("PUT", path, doctor, json=running)) == (401, "修改图片信息需要管理员权限")
    label_id = yelda.finish(job, doctor)
    done = yelda.call("GET", path, doctor).json()
    assert (done["state"], done["image_state"], done["groundtruth_id"]) == ("done", 304, str(label_id))

    listed = yelda.call("GET", "/images/", doctor, params={"state": "unassigned", "limit": 5000})
    assert (listed.status_code, listed.json()["message"]) == (200, "")
    rows = {row["id"]: row for row in listed.json()["data"]}
    assert uploaded["id"] in rows
    assert image["id"] not in rows
    assert {row["state"] for row in rows.values()} == {"unassigned"}
    assert said(yelda.call("GET", "/images/")) == NOT_SIGNED_IN

    path = f"/images/{uploaded['id']}"
    assert said(yelda.call("DELETE", path)) == NOT_SIGNED_IN
    assert said(yelda.call("DELETE", path, doctor)) == (401, "删除图片需要管理员权限")
    gone = yelda.call("DELETE", path, yelda.admin)
    assert (gone.status_code, gone.headers["location"]) == (200 if prefix else 204, prefix + path)
    assert (gone.json()["message"] if prefix else gone.content) == ("已删除图片" if prefix else b"")


@PREFIXES
def test_labels(client: Callable[[str], Client], make: Make, prefix: str) -> None:
    yelda = client(prefix)
    (_, _, doctor), (_, _, other) = make(102), make(102)
    made = yelda.call("POST", "/labels", doctor, json=SEED_LABEL)
    label = made.json()
    assert made.status_code == 201
    assert type(label["label_id"]) is int
    assert made.headers["last-modified"].endswith(" GMT")
    without_links = {name: value for name, value in label.items() if name != "_links"}
    assert without_links == {**SEED_LABEL, "label_id": label["label_id"], "message": "创建成功"}
    assert said(yelda.call("POST", "/labels", json=SEED_LABEL)) == NOT_SIGNED_IN
    path = f"/label/{label['label_id']}"
    shown = yelda.call("GET", path, doctor)
    assert (shown.status_code, shown.json()) == (200, {**label, "message": "label获取成功"})
    assert said(yelda.call("GET", path)) == NOT_SIGNED_IN
    assert said(yelda.call("GET", path, other)) == (401, "用户无法访问其他用户的标注信息")
    edited = yelda.call("PUT", path, doctor, json={**label, "stage": "3"})
    assert (edited.status_code, edited.json()) == (200, {**label, "stage": "3", "message": "label修改成功"})
    assert said(yelda.call("PUT", path, json=SEED_LABEL)) == NOT_SIGNED_IN
    assert said(yelda.call("PUT", path, other, json=SEED_LABEL)) == (401, "用户无法修改其他用户的标注信息")
    assert said(yelda.call("DELETE", path)) == NOT_SIGNED_IN
    assert said(yelda.call("DELETE", path, other)) == (401, "用户无法删除其他用户的标注")
    gone = yelda.call("DELETE", path, doctor)
    assert gone.status_code == (200 if prefix else 204)
    assert (gone.json()["message"] if prefix else gone.content) == ("已删除标注信息" if prefix else b"")
    assert said(yelda.call("GET", path, doctor))[0] == 404


def test_readers_who_disagree(client: Callable[[str], Client], make: Make) -> None:
    yelda = client("/api")
    readers = [make(102) for _ in range(2)]
    image = yelda.upload("different.png")
    jobs = [yelda.job(image["id"], account_id) for account_id, _, _ in readers]
    labels = [
        yelda.finish(job, doctor, dr=value)
        for job, (_, _, doctor), value in zip(jobs, readers, (True, False), strict=True)
    ]
    path = f"/images/{image['id']}"
    different = yelda.call("GET", path, yelda.admin).json()
    assert (different["state"], different["image_state"] in {302, 303}) == ("different", True)
    settled = yelda.call("PUT", path, yelda.admin, json={**different, "label_id": labels[0], "image_state": 303})
    assert (settled.json()["image_state"], settled.json()["label_id"]) == (304, str(labels[0]))


def test_a_doctor_is_known_at_once_and_a_new_name_within_five_seconds(
    client: Callable[[str], Client], make: Make, http: httpx.Client, admin: Headers
) -> None:
    yelda = client("")
    account_id, _, doctor = make(102)
    yelda.job(yelda.upload("abc.png")["id"], account_id)
    assert http.put(f"/accounts/{account_id}", json={"nickname": "Nick 医生"}, headers=doctor).status_code == 200

    def shown() -> bool:
        listed = yelda.call("GET", "/jobs", doctor, params={"account_id": account_id})
        return bool(listed.json()["data"][0]["nickname"] == "Nick 医生")

    assert until(shown, 5)
    guest_id, _, _ = make(103)
    body = {"image_id": yelda.upload("abc.png")["id"], "account_id": guest_id}
    assert yelda.call("POST", "/jobs", admin, json=body).status_code == 400
    http.put(f"/accounts/{guest_id}", json={"authority": "doctor"}, headers=admin)
    assert yelda.call("POST", "/jobs", admin, json=body).status_code == 201

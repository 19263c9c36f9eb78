"""TheYelda as its clients see it through the gateway: what the contract tests share."""

import base64
import json
import time
from collections.abc import Callable
from http.cookies import Morsel, SimpleCookie

import httpx

NOT_SIGNED_IN = (401, "用户未登录")
UNKNOWN = (401, "用户不存在")
WRONG = (401, "密码错误")
NOT_APPROVED = (401, "用户审核未通过")
NOT_FOUND = (404, "用户不存在")
TAKEN = (409, "用户名已存在")
PASSWORD = "yeldapass"
ADMIN_ID = 2

Headers = dict[str, str]
Make = Callable[..., tuple[int, str, Headers]]
"""Makes an account of an authority; returns its id, its name, and the header of a session."""


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def basic(text: str | bytes) -> Headers:
    data = text.encode() if isinstance(text, str) else text
    return {"Authorization": f"Basic {base64.b64encode(data).decode()}"}


def authorize(http: httpx.Client, username: str, password: str = PASSWORD) -> httpx.Response:
    """Sign in, and forget the cookie."""
    content = json.dumps({"username": username, "password": password})
    answer = http.post("/authorization/", content=content, headers={"Content-Type": "application/json"})
    http.cookies.clear()
    return answer


def said(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"message"}, body
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, body["message"]


def refused(answer: httpx.Response) -> str:
    """The sentence of a request that is not valid."""
    body = answer.json()
    assert (answer.status_code, set(body), body["message"]) == (400, {"message", "detail"}, "请求非法"), body
    return str(body["detail"])


def authority_shown(prefix: str, code: int) -> dict[str, object]:
    """How an account that is looked at shows its authority, at the root and under `/api`."""
    name = {100: "none", 101: "admin", 102: "doctor", 103: "guest", 104: "expert"}[code]
    return {"authority": code, "authority_name": name} if prefix else {"authority": name}


def was_deleted(prefix: str, answer: httpx.Response, message: str, href: str) -> bool:
    """Whether this is the answer to a DELETE: without a body at the root, with the documented message under `/api`."""
    if not prefix:
        return (answer.status_code, answer.content) == (204, b"")
    found = {"message": message, "_links": {"self": {"href": href}}}
    return answer.status_code == 200 and bool(answer.json() == found)


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    [header] = answer.headers.get_list("set-cookie")
    return SimpleCookie(header)["lightbox_session"]


def until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True

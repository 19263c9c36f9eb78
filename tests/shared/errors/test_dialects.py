"""All errors in all dialects, with their exact bytes and headers."""

import copy
import json
import pickle

import httpx
import pytest
from fastapi import APIRouter, Body
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from support.asgi import client_of, running
from support.kit import MakeApp

from lightbox_shared import errors
from lightbox_shared.errors import FieldError, InvalidRequest, LightboxError, status_phrase
from lightbox_shared.errors.dialects import DetailList, Dialect, Dialects, ErrorMember, FieldMap, ProblemDetails
from lightbox_shared.errors.handlers import to_lightbox_error
from lightbox_shared.errors.sentences import Sentence, members_of

ALL: list[tuple[LightboxError, int, str, str]] = [
    (errors.BadRequest(), 400, "bad-request", "The request could not be understood."),
    (errors.InvalidRequest(), 422, "invalid-request", "The request is not valid."),
    (errors.NotAuthenticated(), 401, "not-authenticated", "Authentication credentials were not provided."),
    (errors.InvalidToken(), 401, "invalid-token", "Invalid token."),
    (errors.Forbidden(), 403, "forbidden", "You do not have permission to perform this action."),
    (
        errors.InsufficientScope("predict", "read"),
        403,
        "insufficient-scope",
        "The token was not given out for this. It takes one with the scope predict or read to do this.",
    ),
    (errors.NotFound(), 404, "not-found", "Not found."),
    (errors.MethodNotAllowed(), 405, "method-not-allowed", "Method not allowed."),
    (errors.Conflict(), 409, "conflict", "The request conflicts with what is stored."),
    (errors.TooLarge(), 413, "too-large", "The request is too large."),
    (errors.UnsupportedMediaType(), 415, "unsupported-media-type", "The media type of the request is not supported."),
    (errors.TooManyRequests(retry_after=9), 429, "too-many-requests", "Too many requests."),
    (errors.InternalError(), 500, "internal-error", "Internal server error."),
    (errors.Unavailable(), 503, "unavailable", "The service is not available at the moment."),
    (errors.UpstreamTimeout(), 504, "upstream-timeout", "The service took too long to answer."),
    (errors.InsufficientStorage(), 507, "insufficient-storage", "There is no storage left for this."),
]
TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 413: "Request Entity Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Entity",
    429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable", 504: "Gateway Timeout",
    507: "Insufficient Storage",
}  # fmt: skip
RETRY_AFTER = {429: "9", 503: "1"}


def shown(dialect: Dialect, error: LightboxError) -> tuple[int, str, str, dict[str, str]]:
    """Status, content type, body, and the headers of the error."""
    response = dialect.render(error)
    headers = dict(response.headers)
    assert headers.pop("content-length") == str(len(response.body))
    return response.status_code, headers.pop("content-type"), bytes(response.body).decode(), headers


def expected_headers(status: int, challenge: str, code: str) -> dict[str, str]:
    headers = {"www-authenticate": challenge} if status == 401 else {}
    if code == "insufficient-scope":  # RFC 6750 section 3.1
        headers = {"www-authenticate": 'Bearer error="insufficient_scope", scope="predict read"'}
    return headers | ({"retry-after": RETRY_AFTER[status]} if status in RETRY_AFTER else {})


def test_every_failure_is_in_the_table() -> None:
    kinds = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, LightboxError)}
    assert kinds - {LightboxError} == {type(error) for error, *_ in ALL}


@pytest.mark.parametrize(("error", "status", "code", "detail"), ALL, ids=[each[2] for each in ALL])
class TestEveryFailure:
    def test_problem_details(self, error: LightboxError, status: int, code: str, detail: str) -> None:
        """RFC 9457."""
        body = f'{{"type":"/problems/{code}","title":"{TITLES[status]}","status":{status},"detail":"{detail}"}}'
        challenge = 'Bearer error="invalid_token"' if code == "invalid-token" else "Bearer"
        headers = expected_headers(status, challenge, code)
        assert shown(ProblemDetails(), error) == (status, "application/problem+json", body, headers)

    def test_field_map(self, error: LightboxError, status: int, code: str, detail: str) -> None:
        status = 400 if code == "invalid-request" else status
        body, headers = f'{{"detail":"{detail}"}}', expected_headers(status, "Token", code)
        assert shown(FieldMap(), error) == (status, "application/json", body, headers)

    def test_error_member(self, error: LightboxError, status: int, code: str, detail: str) -> None:
        status = 400 if code == "invalid-request" else status
        challenge = 'Bearer error="invalid_token"' if code == "invalid-token" else "Bearer"
        body, headers = f'{{"ERROR":"{detail}"}}', expected_headers(status, challenge, code)
        assert shown(ErrorMember(), error) == (status, "application/json", body, headers)

    def test_detail_list(self, error: LightboxError, status: int, code: str, detail: str) -> None:
        challenge = 'Bearer error="invalid_token"' if code == "invalid-token" else "Bearer"
        whole = f'[{{"loc":["body"],"msg":"{detail}","type":"value_error"}}]'
        body = f'{{"detail":{whole}}}' if code == "invalid-request" else f'{{"detail":"{detail}"}}'
        assert shown(DetailList(), error) == (
            status,
            "application/json",
            body,
            expected_headers(status, challenge, code),
        )


FIELDS = errors.InvalidRequest(
    "two things", fields=[FieldError("title", "Too long."), FieldError("title", "Later."), FieldError("", "Röntgen?")]
)


def test_fields_in_problem_details() -> None:
    body = (
        '{"type":"/problems/invalid-request","title":"Unprocessable Entity","status":422,"detail":"two things",'
        '"errors":[{"field":"title","detail":"Too long."},{"field":"title","detail":"Later."},'
        '{"field":"","detail":"Röntgen?"}]}'
    )
    assert shown(ProblemDetails(), FIELDS)[2] == body


def test_fields_in_a_field_map() -> None:
    body = '{"title":"Too long.","non_field_errors":["Röntgen?"]}'
    assert shown(FieldMap(), FIELDS) == (400, "application/json", body, {})


def test_fields_in_an_error_member() -> None:
    assert shown(ErrorMember(), FIELDS) == (400, "application/json", '{"ERROR":"two things"}', {})


def test_fields_in_a_detail_list() -> None:
    error = errors.InvalidRequest(
        "x", fields=[FieldError("username", "Too long.", "query"), FieldError("title", "Röntgen?")]
    )
    body = (
        '{"detail":[{"loc":["query","username"],"msg":"Too long.","type":"value_error"},'
        '{"loc":["body","title"],"msg":"Röntgen?","type":"value_error"}]}'
    )
    assert shown(DetailList(), error) == (422, "application/json", body, {})
    (one,) = errors.InvalidRequest.of("page", "Too small.", "query").fields
    assert one == FieldError("page", "Too small.", "query")


class WrongPassword(errors.NotAuthenticated):
    default_detail = "密码错误"
    verbatim = True


def test_a_documented_sentence_and_what_it_would_hide() -> None:
    """The form of TheYelda."""
    dialect = ErrorMember({400: "请求非法", 401: "用户未登录"}, member="message", detail="detail")
    body = '{"message":"请求非法","detail":"username: Too long."}'
    assert shown(dialect, errors.InvalidRequest.of("username", "Too long."))[:3] == (400, "application/json", body)
    assert shown(dialect, errors.BadRequest("No JSON."))[2] == '{"message":"请求非法","detail":"No JSON."}'
    for error in (errors.NotAuthenticated(), errors.InvalidToken()):
        assert shown(dialect, error)[:3] == (401, "application/json", '{"message":"用户未登录"}')
    assert shown(dialect, WrongPassword())[:3] == (401, "application/json", '{"message":"密码错误"}')
    assert shown(dialect, errors.NotFound("没有"))[2] == '{"message":"没有"}'
    assert shown(ErrorMember(detail="detail"), errors.BadRequest("x"))[2] == '{"ERROR":"x"}'


def test_what_the_owner_of_a_dialect_may_set() -> None:
    assert json.loads(shown(ProblemDetails({"trace": 7}), errors.NotFound())[2])["trace"] == 7
    members = FieldMap("Bearer", {"conflict": "error"})
    assert shown(members, errors.Conflict("taken"))[2] == '{"error":"taken"}'
    assert shown(members, errors.NotAuthenticated())[3] == {"www-authenticate": "Bearer"}
    sentences = ErrorMember({400: "请上传图片"}, "message")
    assert shown(sentences, errors.InvalidRequest.of("x", "y"))[2] == '{"message":"请上传图片"}'
    assert shown(sentences, errors.NotFound())[2] == '{"message":"Not found."}'


def test_headers_of_a_failure_are_kept() -> None:
    error = errors.NotAuthenticated(headers={"WWW-Authenticate": "Basic", "X-Other": "1"})
    for dialect in (ProblemDetails(), FieldMap(), ErrorMember(), DetailList()):
        assert shown(dialect, error)[3] == {"www-authenticate": "Basic", "x-other": "1"}


A, B, C = FieldMap("A"), FieldMap("B"), FieldMap("C")
DEFAULT = ProblemDetails()


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/api/a", A),
        ("/api/a/", A),
        ("/api/a/x", A),
        ("/api/a/b", B),
        ("/api/a/b/c", B),
        ("/api/a/bc", A),
        ("/api/ab", DEFAULT),
        ("/api", DEFAULT),
        ("/", DEFAULT),
        ("", DEFAULT),
        ("/x/api/a", DEFAULT),
        ("/c/d", C),
        ("/cd", DEFAULT),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(path: str, dialect: Dialect) -> None:
    assert Dialects({"/api/a": A, "/api/a/b": B, "/c/": C}, DEFAULT).of(path) == dialect


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (HTTPException(404), 404, "not-found"),
        (HTTPException(405, headers={"Allow": "GET"}), 405, "method-not-allowed"),
        (HTTPException(418), 400, "bad-request"),
        (HTTPException(401), 401, "not-authenticated"),
        (HTTPException(502), 500, "internal-error"),
        (ClientDisconnect(), 400, "bad-request"),
        (RequestValidationError([{"type": "json_invalid", "loc": ("body", 0), "msg": "x"}]), 400, "bad-request"),
        (RequestValidationError([{"type": "missing", "loc": ("body", "x"), "msg": "x"}]), 422, "invalid-request"),
        (ConnectionRefusedError(), 503, "unavailable"),
        (OSError(28, "No space left on device"), 507, "insufficient-storage"),
        (OSError(5, "Input/output error"), 500, "internal-error"),
        (KeyError("x"), 500, "internal-error"),
    ],
    ids=repr,
)
def test_whatever_was_raised(raised: Exception, status: int, code: str) -> None:
    error = to_lightbox_error(raised)
    assert (error.status, error.code) == (status, code)


def test_a_status_that_nobody_knows() -> None:
    assert status_phrase(799) == "799"


class Thing(BaseModel):
    name: str
    size: int


router = APIRouter()


@router.post("/things")
@router.post("/drf/things")
async def things(thing: Thing) -> Thing:
    return thing


@router.get("/list/pages")
async def pages(page: int) -> int:
    return page


@router.post("/texts")
async def texts(text: str = Body(embed=True)) -> str:
    return text


async def test_through_an_application(make_app: MakeApp) -> None:
    app = make_app(router, dialects=Dialects({"/drf": FieldMap(), "/list": DetailList()}))
    async with running(app) as started, client_of(started) as client:

        async def told(method: str, path: str, **options: object) -> tuple[int, object]:
            answer: httpx.Response = await client.request(method, path, **options)  # type: ignore[arg-type]
            return answer.status_code, answer.json()

        assert await told("POST", "/drf/things", json={"size": "many"}) == (
            400,
            {
                "name": "This field is required.",
                "size": "Input should be a valid integer, unable to parse string as an integer",
            },
        )
        cut = {"content": b"{", "headers": {"Content-Type": "application/json"}}
        assert await told("POST", "/drf/things", **cut) == (400, {"detail": "The body is not valid JSON."})
        assert await told("GET", "/drf/things") == (405, {"detail": "Method not allowed."})
        assert await told("GET", "/drf/nowhere") == (404, {"detail": "Not found."})
        status, listed = await told("GET", "/list/pages?page=x")
        problem = "Input should be a valid integer, unable to parse string as an integer"
        assert (status, listed) == (
            422,
            {"detail": [{"loc": ["query", "page"], "msg": problem, "type": "value_error"}]},
        )
        status, body = await told("POST", "/texts", json={"text": 1})
        assert (status, body) == (
            422,
            {
                "type": "/problems/invalid-request",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "text: Not a valid string.",
                "errors": [{"field": "text", "detail": "Not a valid string.", "code": "not-a-string"}],
            },
        )
        assert (await client.get("/things")).headers["allow"] == "POST"


def test_problem_details_can_repeat_their_sentence_in_a_member_that_other_clients_read() -> None:
    body = json.loads(shown(ProblemDetails(sentence_member="message"), errors.NotFound("No such job."))[2])
    assert (body["detail"], body["message"], body["status"]) == ("No such job.", "No such job.", 404)


async def test_problem_details_are_given_on_every_path_to_whoever_asks_for_them(make_app: MakeApp) -> None:
    app = make_app(router, dialects=Dialects({"/drf": FieldMap(), "/list": DetailList()}))
    async with running(app) as started, client_of(started) as client:
        asked = {"Accept": "application/json, application/problem+json, */*;q=0.5"}
        answer = await client.post("/drf/things", json={"size": "many"}, headers=asked)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["vary"] == "Accept"
        assert answer.status_code == 400  # as the system documents it
        not_whole = "Input should be a valid integer, unable to parse string as an integer"
        assert answer.json() == {
            "type": "/problems/invalid-request",
            "title": "Bad Request",
            "status": 400,
            "detail": f"name: This field is required.; size: {not_whole}",
            "errors": [
                {"field": "name", "detail": "This field is required.", "code": "required"},
                {"field": "size", "detail": not_whole, "code": "not-a-number"},
            ],
        }
        for accept in ("*/*", "application/*", "application/json", "application/problem+json;q=0"):
            answer = await client.post("/drf/things", json={"size": 1}, headers={"Accept": accept})
            assert answer.json() == {"name": "This field is required."}


def test_the_code_of_a_sentence_goes_where_its_text_goes() -> None:
    sentence = Sentence("too-short", "At least 8 characters.", least=8)
    elsewhere = pickle.loads(pickle.dumps(sentence))  # noqa: S301 - our own
    for each in (sentence, copy.deepcopy(sentence), elsewhere, str(ValueError(sentence))):
        assert (each, members_of(each)) == (
            "At least 8 characters.",
            {"code": "too-short", "parameters": {"least": 8}},
        )
    error = InvalidRequest.of("password", sentence)
    body = json.loads(bytes(ProblemDetails().render(error).body))
    assert body["errors"] == [
        {"field": "password", "detail": sentence, "code": "too-short", "parameters": {"least": 8}}
    ]
    assert json.loads(bytes(FieldMap().render(error).body)) == {"password": "At least 8 characters."}

"""Dialects: the forms of error responses.

The platform's own form is problem details (RFC 9457). Clients of the documented systems get the forms that those
systems had. A dialect is named after its form; the documented sentences of a system are arguments of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from starlette.responses import Response

from lightbox_shared.errors import FieldError, InvalidRequest, LightboxError, status_phrase
from lightbox_shared.errors.sentences import members_of
from lightbox_shared.responses.negotiation import media_ranges


class NamedSchema(NamedTuple):
    """A JSON Schema and its name among the components of an OpenAPI document."""

    name: str
    schema: Mapping[str, object]


class Dialect(Protocol):
    """Renders errors as responses, and describes those responses for OpenAPI."""

    def render(self, error: LightboxError) -> Response:
        """The response for an error."""
        ...

    def status_of(self, kind: type[LightboxError]) -> int:
        """The status of responses for errors of this class."""
        ...

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """The media types of the responses that `render` makes, each with the schema of their bodies."""
        ...


JSON_TYPE: Final = "application/json"
PROBLEM_TYPE: Final = "application/problem+json"
_TEXT: Final = {"type": "string"}
_CODE: Final = {**_TEXT, "description": "What the sentence says, for programs; of some sentences."}
_PARAMETERS: Final[Mapping[str, object]] = {
    "type": "object",
    "description": "The values that stand in the sentence.",
    "additionalProperties": {"anyOf": [_TEXT, {"type": "number"}]},
}
_PROBLEM_PROPERTIES: Final[Mapping[str, object]] = {
    "type": {"type": "string", "format": "uri-reference"},
    "title": _TEXT,
    "status": {"type": "integer"},
    "detail": _TEXT,
    "errors": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"field": _TEXT, "detail": _TEXT, "code": _CODE, "parameters": _PARAMETERS},
            "required": ["field", "detail"],
        },
    },
    "code": _CODE,
    "parameters": _PARAMETERS,
}
_PROBLEM_REQUIRED: Final = ("type", "title", "status", "detail")
_PROBLEM_SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": _PROBLEM_PROPERTIES,
    "required": list(_PROBLEM_REQUIRED),
}


def json_response(
    body: object, status: int, headers: Mapping[str, str] | None = None, media_type: str = JSON_TYPE
) -> Response:
    """A response with `body` as compact JSON in UTF-8."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, dict(headers or {}), media_type=media_type)


def challenge(error: LightboxError, scheme: str) -> dict[str, str]:
    """The headers of `error`, and for a 401 the challenge `WWW-Authenticate` that it must have (RFC 9110 11.6.1)."""
    if error.status != HTTPStatus.UNAUTHORIZED:
        return error.headers
    value = f'{scheme} error="invalid_token"' if scheme == "Bearer" and error.code == "invalid-token" else scheme
    return {"WWW-Authenticate": value, **error.headers}


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """Problem details (RFC 9457). `type` is a URI reference under `/problems/`; `extra` are further members.

    `sentence_member` is the name of a member that repeats `detail`, for clients that read only that one.
    """

    extra: Mapping[str, object] = field(default_factory=dict)
    sentence_member: str | None = None

    def render(self, error: LightboxError) -> Response:
        """`application/problem+json` with type, title, status and detail, `errors` where single fields are wrong, and
        codes and parameters beside the sentences that have some."""
        return json_response(self._body(error, error.status), error.status, challenge(error, "Bearer"), PROBLEM_TYPE)

    def in_place_of(self, response: Response, error: LightboxError) -> Response:
        """The same error as another dialect has rendered it, with its status and headers."""
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        body = self._body(error, response.status_code)
        return json_response(body, response.status_code, {**headers, "Vary": "Accept"}, PROBLEM_TYPE)

    def _body(self, error: LightboxError, status: int) -> dict[str, object]:
        body: dict[str, object] = {
            "type": f"/problems/{error.code}",
            "title": status_phrase(status),
            "status": int(status),
            "detail": error.detail,
            **members_of(error.detail),
        }
        if error.fields:
            body["errors"] = [
                {"field": each.field, "detail": each.message, **members_of(each.message)} for each in error.fields
            ]
        if self.sentence_member is not None:
            body[self.sentence_member] = error.detail
        return {**body, **self.extra}

    def status_of(self, kind: type[LightboxError]) -> int:
        """The status of the error."""
        return int(kind.status)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """Problem details with the extension member `errors`, and that for the sentence where there is one."""
        member = self.sentence_member
        if member is None:
            return {PROBLEM_TYPE: NamedSchema("ProblemDetails", _PROBLEM_SCHEMA)}
        properties = {**_PROBLEM_PROPERTIES, member: _TEXT}
        schema = {**_PROBLEM_SCHEMA, "properties": properties, "required": [*_PROBLEM_REQUIRED, member]}
        return {PROBLEM_TYPE: NamedSchema(f"ProblemDetailsWith{member.title()}", schema)}


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The form of Django REST framework: an object with one sentence for each field, or `{"detail": ...}`.

    A request that does not validate gets 400. `scheme` is the authentication scheme in the challenge of a 401;
    `members` maps codes of errors to the member for their sentence, where that is not `detail`.
    """

    scheme: str = "Token"
    members: Mapping[str, str] = field(default_factory=dict)

    def render(self, error: LightboxError) -> Response:
        """A body such as `{"username": "..."}` if fields are wrong, `{"non_field_errors": ["..."]}` if the request as a
        whole is, else `{"detail": "..."}`."""
        body: dict[str, object] = {self.members.get(error.code, "detail"): error.detail}
        if error.fields:
            body = {}
            for each in error.fields:
                body.setdefault(each.field or "non_field_errors", each.message if each.field else [each.message])
        return json_response(body, self.status_of(type(error)), challenge(error, self.scheme))

    def status_of(self, kind: type[LightboxError]) -> int:
        """400 for a request that does not validate, else the status of the error."""
        return bad_request_if_invalid(kind)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """An object with a sentence, or a list of them, for each member."""
        sentences = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
        schema = {"type": "object", "additionalProperties": sentences, "minProperties": 1}
        return {JSON_TYPE: NamedSchema("FieldErrors", schema)}


@dataclass(frozen=True, slots=True)
class ErrorMember:
    """An object with one member, such as `{"ERROR": "..."}`.

    Its sentence is the one that is documented for the status, where `sentences` has one and the error is not
    `verbatim`. `member` is its name; `detail` is the name of a second member, in which a 400 has the error's own
    sentence where the first member has the documented one.
    """

    sentences: Mapping[int, str] = field(default_factory=dict)
    member: str = "ERROR"
    detail: str | None = None

    def render(self, error: LightboxError) -> Response:
        """A body with the member `member`, and for some 400s with the member `detail`."""
        status = self.status_of(type(error))
        sentence = error.detail if error.verbatim else self.sentences.get(status, error.detail)
        body = {self.member: sentence}
        if self.detail is not None and status == HTTPStatus.BAD_REQUEST and sentence != error.detail:
            body[self.detail] = error.detail
        return json_response(body, status, challenge(error, "Bearer"))

    def status_of(self, kind: type[LightboxError]) -> int:
        """400 for a request that does not validate, else the status of the error."""
        return bad_request_if_invalid(kind)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """An object with one or two texts."""
        names = [self.member] if self.detail is None else [self.member, self.detail]
        schema = {"type": "object", "properties": dict.fromkeys(names, _TEXT), "required": [self.member]}
        return {JSON_TYPE: NamedSchema("".join(name.title() for name in names) + "Member", schema)}


@dataclass(frozen=True, slots=True)
class DetailList:
    """The form of FastAPI: `{"detail": "..."}`, or 422 with a list in `detail` for a request that does not validate."""

    def render(self, error: LightboxError) -> Response:
        """A body with `detail`. `loc` in a list is the part of the request and the name of the field."""
        detail: object = error.detail
        if isinstance(error, InvalidRequest):
            detail = [
                {
                    "loc": [each.location, each.field] if each.field else [each.location],
                    "msg": each.message,
                    "type": "value_error",
                }
                for each in error.fields or (FieldError("", error.detail),)
            ]
        return json_response({"detail": detail}, error.status, challenge(error, "Bearer"))

    def status_of(self, kind: type[LightboxError]) -> int:
        """The status of the error."""
        return int(kind.status)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """`detail` is a list for a request that does not validate, else a sentence."""
        place = {"type": "array", "items": {"anyOf": [_TEXT, {"type": "integer"}]}}
        wrong = {
            "type": "object",
            "properties": {"loc": place, "msg": _TEXT, "type": _TEXT},
            "required": ["loc", "msg", "type"],
        }
        detail = {"anyOf": [_TEXT, {"type": "array", "items": wrong}]}
        schema = {"type": "object", "properties": {"detail": detail}, "required": ["detail"]}
        return {JSON_TYPE: NamedSchema("DetailErrors", schema)}


def bad_request_if_invalid(kind: type[LightboxError]) -> int:
    """The status of a failure for dialects in which a request that does not validate is 400."""
    return int(HTTPStatus.BAD_REQUEST if issubclass(kind, InvalidRequest) else kind.status)


PROBLEM_DETAILS: Final = ProblemDetails()


def asks_for_problem_details(accept: str | None) -> bool:
    """Whether an `Accept` header names their media type: a range that covers it is not enough, as clients of the
    documented systems send it."""
    return media_ranges(accept).get(PROBLEM_TYPE, 0.0) > 0


def rendered(error: LightboxError, dialect: Dialect, accept: str | None) -> Response:
    """The response for an error in a dialect; in problem details, with the status of the dialect, for a client that
    asks for them."""
    response = dialect.render(error)
    if PROBLEM_TYPE in dialect.content or not asks_for_problem_details(accept):
        return response
    return PROBLEM_DETAILS.in_place_of(response, error)


@dataclass(frozen=True, slots=True)
class Dialects:
    """The dialects by prefixes of paths. The longest prefix wins; without one the dialect is problem details."""

    by_prefix: Mapping[str, Dialect] = field(default_factory=dict)
    default: Dialect = PROBLEM_DETAILS

    def of(self, path: str) -> Dialect:
        """The dialect of a path. A prefix matches complete segments only."""
        best = max(
            (prefix for prefix in self.by_prefix if path == prefix or path.startswith(prefix.rstrip("/") + "/")),
            key=len,
            default=None,
        )
        return self.default if best is None else self.by_prefix[best]

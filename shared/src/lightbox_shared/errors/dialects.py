"""How a failure looks on the wire. RFC 9457 problem details are the platform's own form; clients of the systems
that were there before keep the shape that they know. A dialect is named after that shape, not after a system,
except for the documented sentences, which the owner of a dialect passes in.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from starlette.responses import Response

from lightbox_shared.errors import FieldError, InvalidRequest, LightboxError, status_phrase


class NamedSchema(NamedTuple):
    """A JSON Schema and its name among the components of an OpenAPI document."""

    name: str
    schema: Mapping[str, object]


class Dialect(Protocol):
    """Renders a failure into a response, and describes such responses for OpenAPI."""

    def render(self, error: LightboxError) -> Response:
        """The response for one failure."""
        ...

    def status_of(self, kind: type[LightboxError]) -> int:
        """The status of responses for failures of this kind."""
        ...

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """Media type -> schema of the bodies that `render` makes."""
        ...


JSON_TYPE: Final = "application/json"
PROBLEM_TYPE: Final = "application/problem+json"
_TEXT: Final = {"type": "string"}
_PROBLEM_SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": _TEXT, "detail": _TEXT},
                "required": ["field", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}


def json_response(
    body: object, status: int, headers: Mapping[str, str] | None = None, media_type: str = JSON_TYPE
) -> Response:
    """Compact JSON in UTF-8."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, dict(headers or {}), media_type=media_type)


def challenge(error: LightboxError, scheme: str) -> dict[str, str]:
    """The headers of `error`, with the `WWW-Authenticate` that a 401 must carry (RFC 9110 section 11.6.1)."""
    if error.status != HTTPStatus.UNAUTHORIZED:
        return error.headers
    value = f'{scheme} error="invalid_token"' if scheme == "Bearer" and error.code == "invalid-token" else scheme
    return {"WWW-Authenticate": value, **error.headers}


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """RFC 9457. `type` is a relative reference under `/problems/`, resolved against where the client asked."""

    extra: Mapping[str, object] = field(default_factory=dict)

    def render(self, error: LightboxError) -> Response:
        """`application/problem+json` with type, title, status, detail, and `errors` where fields are concerned."""
        body: dict[str, object] = {
            "type": f"/problems/{error.code}",
            "title": status_phrase(error.status),
            "status": int(error.status),
            "detail": error.detail,
        }
        if error.fields:
            body["errors"] = [{"field": each.field, "detail": each.message} for each in error.fields]
        body.update(self.extra)
        return json_response(body, error.status, challenge(error, "Bearer"), PROBLEM_TYPE)

    def status_of(self, kind: type[LightboxError]) -> int:
        """The failure's own status."""
        return int(kind.status)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """Problem details with the extension member `errors`."""
        return {PROBLEM_TYPE: NamedSchema("ProblemDetails", _PROBLEM_SCHEMA)}


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The shape of Django REST framework's clients: one sentence a field, else `{"detail": ...}`; a request that
    does not validate is 400. `scheme` is what a 401 asks for; `members` are failures, by code, whose sentence stands
    under another name than `detail`."""

    scheme: str = "Token"
    members: Mapping[str, str] = field(default_factory=dict)

    def render(self, error: LightboxError) -> Response:
        """`{"username": "..."}` for fields, `{"non_field_errors": ["..."]}` for the whole, `{"detail": ...}` else."""
        body: dict[str, object] = {self.members.get(error.code, "detail"): error.detail}
        if error.fields:
            body = {}
            for each in error.fields:
                body.setdefault(each.field or "non_field_errors", each.message if each.field else [each.message])
        return json_response(body, self.status_of(type(error)), challenge(error, self.scheme))

    def status_of(self, kind: type[LightboxError]) -> int:
        """400 for a request that does not validate, else the failure's own."""
        return _bad_request_if_invalid(kind)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """An object with a sentence, or a list of them, for each member."""
        sentences = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
        schema = {"type": "object", "additionalProperties": sentences, "minProperties": 1}
        return {JSON_TYPE: NamedSchema("FieldErrors", schema)}


@dataclass(frozen=True, slots=True)
class ErrorMember:
    """`{"ERROR": "..."}`, with the documented sentence of a status where there is one, unless the failure's own is
    documented (`verbatim`). `member` is the name; `detail` that of a second member, where a 400 says in its own words
    what the documented sentence does not."""

    sentences: Mapping[int, str] = field(default_factory=dict)
    member: str = "ERROR"
    detail: str | None = None

    def render(self, error: LightboxError) -> Response:
        """One member, or two for a 400 whose own sentence would be lost."""
        status = self.status_of(type(error))
        sentence = error.detail if error.verbatim else self.sentences.get(status, error.detail)
        body = {self.member: sentence}
        if self.detail is not None and status == HTTPStatus.BAD_REQUEST and sentence != error.detail:
            body[self.detail] = error.detail
        return json_response(body, status, challenge(error, "Bearer"))

    def status_of(self, kind: type[LightboxError]) -> int:
        """400 for a request that does not validate, else the failure's own."""
        return _bad_request_if_invalid(kind)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """An object with one or two texts."""
        names = [self.member] if self.detail is None else [self.member, self.detail]
        schema = {"type": "object", "properties": dict.fromkeys(names, _TEXT), "required": [self.member]}
        return {JSON_TYPE: NamedSchema(f"{self.member.title()}Member", schema)}


@dataclass(frozen=True, slots=True)
class DetailList:
    """The shape of FastAPI's own refusals: a list of what is wrong with which field, 422, where a request does not
    validate; else `{"detail": "..."}`."""

    def render(self, error: LightboxError) -> Response:
        """`loc` is where a field was looked for and its name; the whole body or query has no name."""
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
        """The failure's own status."""
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


def _bad_request_if_invalid(kind: type[LightboxError]) -> int:
    return int(HTTPStatus.BAD_REQUEST if issubclass(kind, InvalidRequest) else kind.status)


PROBLEM_DETAILS: Dialect = ProblemDetails()


@dataclass(frozen=True, slots=True)
class Dialects:
    """Which dialect answers on which path: the longest prefix wins, problem details by default."""

    by_prefix: Mapping[str, Dialect] = field(default_factory=dict)
    default: Dialect = PROBLEM_DETAILS

    def of(self, path: str) -> Dialect:
        """The dialect for a path; a prefix matches whole segments."""
        best = max(
            (prefix for prefix in self.by_prefix if path == prefix or path.startswith(prefix.rstrip("/") + "/")),
            key=len,
            default=None,
        )
        return self.default if best is None else self.by_prefix[best]

"""How a failure looks on the wire. RFC 9457 problem details are the platform's own form; clients of the systems
that were there before keep the shape that they know. A dialect is named after that shape, not after a system,
except for the documented sentences, which the owner of a dialect passes in.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from starlette.responses import Response

from lightbox_shared.errors import FieldError, InvalidRequest, LightboxError, status_phrase


class Dialect(Protocol):
    """Renders a failure into a response."""

    def render(self, error: LightboxError) -> Response: ...


def json_response(
    body: object, status: int, headers: Mapping[str, str] | None = None, media_type: str = "application/json"
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
        return json_response(body, error.status, challenge(error, "Bearer"), "application/problem+json")


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The shape of Django REST framework's clients: one sentence a field, else `{"detail": ...}`; a request that
    does not validate is 400. `scheme` is what a 401 asks for; `members` are failures, by code, whose sentence stands
    under another name than `detail`."""

    scheme: str = "Token"
    members: Mapping[str, str] = field(default_factory=dict)

    def render(self, error: LightboxError) -> Response:
        """`{"username": "..."}` for fields, `{"non_field_errors": ["..."]}` for the whole, `{"detail": ...}` else."""
        status = HTTPStatus.BAD_REQUEST if isinstance(error, InvalidRequest) else error.status
        body: dict[str, object] = {self.members.get(error.code, "detail"): error.detail}
        if error.fields:
            body = {}
            for each in error.fields:
                body.setdefault(each.field or "non_field_errors", each.message if each.field else [each.message])
        return json_response(body, status, challenge(error, self.scheme))


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
        status = HTTPStatus.BAD_REQUEST if isinstance(error, InvalidRequest) else error.status
        sentence = error.detail if error.verbatim else self.sentences.get(int(status), error.detail)
        body = {self.member: sentence}
        if self.detail is not None and status == HTTPStatus.BAD_REQUEST and sentence != error.detail:
            body[self.detail] = error.detail
        return json_response(body, status, challenge(error, "Bearer"))


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

"""Errors in the form of Graph and in that of the identity platform."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse


class GraphFault(Exception):
    """An answer with an error; `inner` is a more exact code."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "See the code.",
        *,
        inner: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.inner = status, code, message, inner
        self.headers = dict(headers or {})


def graph_error(fault: GraphFault, client_request_id: str = "") -> JSONResponse:
    """The body of an error, as every error of Graph has it."""
    inner: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": str(uuid.uuid4()),
        "client-request-id": client_request_id,
    }
    if fault.inner is not None:
        inner["code"] = fault.inner
    body = {"error": {"code": fault.code, "message": fault.message, "innerError": inner}}
    return JSONResponse(body, fault.status, headers=fault.headers)


class TokenFault(Exception):
    """An error of the token endpoint; `number` is that of AADSTS."""

    def __init__(self, error: str, number: int, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.number, self.status = error, number, status


def token_error(fault: TokenFault) -> JSONResponse:
    """The body of an error of the token endpoint."""
    body = {
        "error": fault.error,
        "error_description": f"AADSTS{fault.number}: {fault}",
        "error_codes": [fault.number],
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        "trace_id": str(uuid.uuid4()),
        "correlation_id": str(uuid.uuid4()),
    }
    return JSONResponse(body, fault.status)

"""What schemathesis is told about this API beside its document; it loads the file by `SCHEMATHESIS_HOOKS`.

ADMIN_USERNAME and ADMIN_PASSWORD are the credentials of an administrator whose account has the id ADMIN_ID; without
them requests are made as a stranger makes them. PICTURES is a folder.
"""

import os
from pathlib import Path
from typing import Any

import cbor2
import httpx
import schemathesis
from hypothesis import strategies as st
from schemathesis import AuthContext, Case, DeserializationContext, HookContext, Response

FILES = [path.read_bytes() for path in sorted(Path(os.environ["PICTURES"]).glob("*")) if path.stat().st_size < 300_000]

schemathesis.openapi.format("binary", st.sampled_from(FILES))
schemathesis.serializer.alias("application/cbor", "application/octet-stream")


@schemathesis.deserializer("application/cbor", "application/concise-problem-details+cbor")  # type: ignore[untyped-decorator]
def read_cbor(_context: DeserializationContext, response: Response) -> Any:
    return cbor2.loads(response.content)


def end_stream(answer: Any, *_: object, **__: object) -> None:
    """Ends a stream of events, which would go on until the request times out, once its head is here."""
    if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        answer.raw.close()


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_call(_context: HookContext, _case: Case, kwargs: dict[str, Any]) -> None:
    """Hands a hook to requests, with which schemathesis sends."""
    kwargs["hooks"] = {"response": end_stream}


@schemathesis.hook  # type: ignore[untyped-decorator]
def filter_case(_context: HookContext, case: Case) -> bool:
    """Spares the account that the requests are made with: it would be edited or deleted."""
    changes = case.method in {"PUT", "DELETE"} and case.operation.path.removeprefix("/api") == "/accounts/{account_id}"
    return not (changes and str(case.path_parameters.get("account_id")) == os.environ.get("ADMIN_ID"))


if "ADMIN_PASSWORD" in os.environ:

    @schemathesis.auth()
    class Administrator:
        """Signs in, and again where a request has ended the session."""

        def get(self, _case: Case, context: AuthContext) -> str:
            form = {
                "grant_type": "password",
                "client_id": "lightbox",
                "username": os.environ["ADMIN_USERNAME"],
                "password": os.environ["ADMIN_PASSWORD"],
            }
            url = context.operation.schema.get_base_url() + "/oauth/token"
            answer = httpx.post(url, data=form, timeout=30)
            answer.raise_for_status()
            token: str = answer.json()["access_token"]
            return token

        def set(self, case: Case, data: str, _context: AuthContext) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

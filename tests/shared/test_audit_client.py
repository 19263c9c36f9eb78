"""The entries that go to the audit trail, and what happens when it does not take them."""

import json

import httpx
import pytest

from auth_service.audit.schemas import EntryOfService
from lightbox_shared.audit import AuthServiceAudit, Detail
from lightbox_shared.errors import Unavailable
from lightbox_shared.http import TOKEN_PATH, ServiceTokens

DETAILS: dict[str, Detail] = {
    "export_id": 5,
    "format": "csv",
    "state": "done",
    "account_id": None,
    "from": "2026-01-01",
}


async def record(status: int) -> list[httpx.Request]:
    """The requests to the path of the audit trail, which answers with this status."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_PATH:
            return httpx.Response(200, json={"access_token": "token", "expires_in": 600})
        sent.append(request)
        return httpx.Response(status)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://auth") as http:
        audit = AuthServiceAudit(http, ServiceTokens(http, service="annotation-service", secret="s"))
        await audit.record("export-created", 7, "203.0.113.9", DETAILS)
    return sent


async def test_an_entry_is_one_that_auth_service_takes() -> None:
    [request] = await record(204)
    assert (request.method, request.url.path) == ("POST", "/internal/audit")
    assert request.headers["authorization"] == "Bearer token"
    entry = EntryOfService.model_validate(json.loads(request.content))
    assert (entry.action, entry.actor, entry.address, entry.details) == ("export-created", 7, "203.0.113.9", DETAILS)


@pytest.mark.parametrize("status", [403, 404, 422, 500, 503])
async def test_an_entry_that_is_not_taken(status: int) -> None:
    with pytest.raises(Unavailable):
        await record(status)

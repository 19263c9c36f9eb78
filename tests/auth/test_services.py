"""What other services ask about accounts. Their tokens are tested in `test_oauth_token.py`."""

import httpx
import pytest
from support.auth_service import SignUp, bearer

from auth_service.config import parse_service_secrets


async def test_an_account_for_services(as_gateway: httpx.AsyncClient, sign_up: SignUp) -> None:
    name = (await sign_up())["username"]
    answer = await as_gateway.get("/internal/accounts/3")
    assert (answer.status_code, answer.json()) == (200, {"id": 3, "username": name, "nickname": None, "authority": 100})
    answer = await as_gateway.get("/internal/accounts/1/")
    assert answer.json() == {"id": 1, "username": "anonymous", "nickname": None, "authority": 100}


async def test_no_such_account(as_gateway: httpx.AsyncClient) -> None:
    for account_id, status in {"4": 404, str(2**63 - 1): 404, str(2**63): 422, "0": 422, "x": 422, "1e3": 422}.items():
        answer = await as_gateway.get(f"/internal/accounts/{account_id}")
        assert (account_id, answer.status_code) == (account_id, status)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_accounts_are_for_services_only(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    assert (await client.get("/internal/accounts/1")).status_code == 401
    answer = await client.get("/internal/accounts/1", headers=bearer((await sign_up())["token"]))
    assert answer.status_code == 403


def test_the_setting() -> None:
    assert parse_service_secrets("") == {}
    assert parse_service_secrets(" gateway:a:b , inference-service:c,") == {"gateway": "a:b", "inference-service": "c"}


@pytest.mark.parametrize("text", ["hidden", "gateway:", ":hidden", "a:hidden,a:hidden", "Two words:hidden"])
def test_a_wrong_setting_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="is not `name:secret`") as raised:
        parse_service_secrets(text)
    assert "hidden" not in str(raised.value)

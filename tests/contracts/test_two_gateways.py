"""Revocations reach all gateways: a second one runs beside that of the platform, with the same services."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from support.running import SignUp, free_port_block, new_account

from lightbox.run.platform import READY_SECONDS, Platform, tail
from lightbox.run.process import Child
from lightbox.run.temporary import temporary_folder

USER = "/api/chexray/user/"
PASSWORD = "pw"  # that of `sign_up`
NEW_PASSWORD = "correct horse"
WITHIN_SECONDS = 5.0

Both = tuple[httpx.Client, httpx.Client]
Sent = dict[str, str]
End = Callable[[httpx.Client, str, Sent], httpx.Response]


@pytest.fixture(scope="module")
def second(platform: Platform) -> Iterator[str]:
    """The URL of a gateway on another port, with the same settings as that of the platform."""
    first = platform.children["gateway"]
    port = free_port_block()
    services = [name for name in platform.children if name != "gateway"]
    addresses = {
        f"LIGHTBOX_{name.replace('-', '_').upper()}_URL": platform.settings.local_url(name) for name in services
    }
    environment = {**first.environment, **addresses, "LIGHTBOX_PORT": str(port), "LIGHTBOX_ISSUER": platform.url}
    url = f"http://127.0.0.1:{port}"
    with temporary_folder() as folder:
        child = Child("second gateway", first.command, environment, folder / "gateway.log")
        child.start()
        try:
            wait_ready(child, url)
            yield url
        finally:
            child.terminate()
            child.wait_stopped()


def wait_ready(child: Child, url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert not child.ended, tail(child.log_path)
        assert time.monotonic() < deadline, tail(child.log_path)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def both(platform: Platform, second: str) -> Iterator[Both]:
    with (
        httpx.Client(base_url=platform.url, timeout=60) as first,
        httpx.Client(base_url=second, timeout=60) as other,
    ):
        yield first, other


def account_id(http: httpx.Client, sent: Sent) -> int:
    found: int = http.get("/self", headers=sent).json()["account_id"]
    return found


def end_current(http: httpx.Client, _name: str, sent: Sent) -> httpx.Response:
    return http.delete("/api/sessions/current", headers=sent)


def end_authorization(http: httpx.Client, _name: str, sent: Sent) -> httpx.Response:
    return http.delete("/authorization", headers=sent)


def end_all(http: httpx.Client, _name: str, sent: Sent) -> httpx.Response:
    return http.delete("/api/sessions", headers=sent)


def change_password(http: httpx.Client, _name: str, sent: Sent) -> httpx.Response:
    return http.put(f"/accounts/{account_id(http, sent)}", headers=sent, json={"password": NEW_PASSWORD})


def delete_account(http: httpx.Client, _name: str, sent: Sent) -> httpx.Response:
    return http.delete(f"/accounts/{account_id(http, sent)}", headers=sent)


def refused_everywhere(both: Both, sent: Sent, since: float | None = None) -> None:
    deadline = (time.monotonic() if since is None else since) + WITHIN_SECONDS
    for gateway in both:
        while gateway.get(USER, headers=sent).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # It stays revoked.
        assert gateway.get(USER, headers=sent).status_code == 401


WAYS = (end_current, end_authorization, end_all, change_password, delete_account)


@dataclass(frozen=True)
class Ended:
    """A token that was ended, when (on `time.monotonic`), and another one."""

    sent: Sent
    since: float
    stranger: Sent


@pytest.fixture(scope="module")
def ended(both: Both) -> dict[tuple[End, int], Ended]:
    """A token ended in each way at each gateway, so that all are waited for at the same time."""

    def made(end: End, asked: int) -> Ended:
        name, token = new_account(both[0])
        sent = {"Authorization": f"Token {token}"}
        stranger = {"Authorization": f"Token {new_account(both[0])[1]}"}
        for gateway in both:
            assert gateway.get(USER, headers=sent).status_code == 200
        since = time.monotonic()
        assert end(both[asked], name, sent).is_success
        return Ended(sent, since, stranger)

    return {(end, asked): made(end, asked) for end in WAYS for asked in (0, 1)}


@pytest.mark.parametrize("end", WAYS)
@pytest.mark.parametrize("asked", [0, 1], ids=["at the first", "at the second"])
def test_a_token_ends_at_both(both: Both, ended: dict[tuple[End, int], Ended], end: End, asked: int) -> None:
    token = ended[end, asked]
    refused_everywhere(both, token.sent, token.since)
    for gateway in both:
        assert gateway.get(USER, headers=token.stranger).status_code == 200


@pytest.mark.parametrize("asked", [0, 1], ids=["at the first", "at the second"])
def test_a_key_ends_at_both(both: Both, sign_up: SignUp, asked: int) -> None:
    owner = {"Authorization": f"Bearer {sign_up()[1]}"}
    wanted = {"name": "a device", "scopes": ["read"]}
    made = [both[asked].post("/api/keys", json=wanted, headers=owner).json() for _ in range(2)]
    revoked, other = ({"X-API-Key": each["key"]} for each in made)
    for gateway in both:
        assert gateway.get(USER, headers=revoked).status_code == 200
    assert both[asked].delete(f"/api/keys/{made[0]['id']}", headers=owner).status_code == 204
    refused_everywhere(both, revoked)
    for gateway in both:
        assert gateway.get(USER, headers=other).status_code == 200


def test_what_a_deleted_account_leaves_ends_at_both(both: Both, sign_up: SignUp) -> None:
    """The API key and the other session of the account end too."""
    name, token = sign_up()
    owner = {"Authorization": f"Bearer {token}"}
    key = both[0].post("/api/keys", json={"name": "a device", "scopes": ["read"]}, headers=owner).json()["key"]
    login = both[1].post("/api/chexray/login/", json={"username": name, "password": PASSWORD})
    everything = [owner, {"X-API-Key": key}, {"Authorization": f"Bearer {login.json()['token']}"}]
    for sent in everything:
        for gateway in both:
            assert gateway.get(USER, headers=sent).status_code == 200
    assert delete_account(both[1], name, owner).status_code == 204
    for sent in everything:
        refused_everywhere(both, sent)
    assert both[0].post("/api/chexray/login/", json={"username": name, "password": PASSWORD}).status_code == 400


def test_a_new_password_spares_the_keys(both: Both, sign_up: SignUp) -> None:
    """Keys are separate credentials, which are revoked only explicitly."""
    name, token = sign_up()
    owner = {"Authorization": f"Bearer {token}"}
    key = both[0].post("/api/keys", json={"name": "a device", "scopes": ["read"]}, headers=owner).json()["key"]
    assert change_password(both[0], name, owner).is_success
    refused_everywhere(both, owner)
    for gateway in both:
        assert gateway.get(USER, headers={"X-API-Key": key}).status_code == 200
    new = both[1].post("/api/chexray/login/", json={"username": name, "password": NEW_PASSWORD})
    again = {"Authorization": f"Bearer {new.json()['token']}"}
    for gateway in both:
        assert gateway.get(USER, headers=again).status_code == 200

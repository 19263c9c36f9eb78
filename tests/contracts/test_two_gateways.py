"""What ends, ends at every gateway: a second one beside that of the platform, with the same services behind it."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from support.running import SignUp, free_port_block

from lightbox.run.platform import READY_SECONDS, Platform, tail
from lightbox.run.process import Child
from lightbox.run.temporary import temporary_folder

USER = "/api/chexray/user/"
PASSWORD = "pw"  # that of `sign_up`
NEW_PASSWORD = "correct horse"
WITHIN_SECONDS = 5.0

Sent = dict[str, str]
End = Callable[[httpx.Client, str, Sent], httpx.Response]


@pytest.fixture(scope="module")
def second(platform: Platform) -> Iterator[str]:
    """The address of a gateway of its own port, with everything else like that of the platform."""
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
            child.ask_to_stop()
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


@pytest.fixture
def both(http: httpx.Client, second: str) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with httpx.Client(base_url=second, timeout=60) as other:
        yield http, other


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


def refused_everywhere(both: tuple[httpx.Client, httpx.Client], sent: Sent) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    for gateway in both:
        while gateway.get(USER, headers=sent).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # And it stays so.
        assert gateway.get(USER, headers=sent).status_code == 401


@pytest.mark.parametrize("end", [end_current, end_authorization, end_all, change_password, delete_account])
@pytest.mark.parametrize("asked", [0, 1], ids=["at the first", "at the second"])
def test_a_token_ends_at_both(both: tuple[httpx.Client, httpx.Client], sign_up: SignUp, end: End, asked: int) -> None:
    name, token = sign_up()
    sent = {"Authorization": f"Token {token}"}
    stranger = {"Authorization": f"Token {sign_up()[1]}"}
    for gateway in both:
        assert gateway.get(USER, headers=sent).status_code == 200
    assert end(both[asked], name, sent).is_success
    refused_everywhere(both, sent)
    for gateway in both:
        assert gateway.get(USER, headers=stranger).status_code == 200


@pytest.mark.parametrize("asked", [0, 1], ids=["at the first", "at the second"])
def test_a_key_ends_at_both(both: tuple[httpx.Client, httpx.Client], sign_up: SignUp, asked: int) -> None:
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


def test_what_a_deleted_account_leaves_ends_at_both(both: tuple[httpx.Client, httpx.Client], sign_up: SignUp) -> None:
    """Its key too, and its other session."""
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


def test_a_new_password_spares_the_keys(both: tuple[httpx.Client, httpx.Client], sign_up: SignUp) -> None:
    """They are credentials of their own; who made them decides when they end."""
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

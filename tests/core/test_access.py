"""Which callers may send and read, for every kind of caller and both settings of access."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from support.asgi import client_of, running
from support.gateway import ISSUER, Key

from core_collection_service.access import Access, Caller
from core_collection_service.dependencies import CurrentCaller
from lightbox_shared.app import build_app
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.principal import Authority, Principal, Scope
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.config import Settings
from lightbox_shared.errors import Forbidden, InsufficientScope, LightboxError, NotAuthenticated

NONE, GUEST, DOCTOR, ADMIN = Authority.NONE, Authority.GUEST, Authority.DOCTOR, Authority.ADMIN
COLLECT, READ, PREDICT = Scope.COLLECT, Scope.READ, Scope.PREDICT
MINE, OTHER = "12345", "67890"


def account(authority: Authority, *scopes: Scope, bound: str | None = None) -> Principal:
    """The bearer of a token of an account; without scopes it is for the whole account."""
    return Principal("t", 0, 7, authority, 5, scopes=frozenset(scopes) or None, device_id=bound)


def service(*scopes: Scope) -> Principal:
    return Principal("t", 0, service="inference-service", scopes=frozenset(scopes) or None)


CALLERS: dict[str, Principal | None] = {
    "anonymous": None,
    "service": service(),
    "service for predictions": service(PREDICT),
    **{f"{who.name} whole": account(who) for who in Authority},
    **{f"{who.name} {scope}": account(who, scope) for who in Authority for scope in (COLLECT, READ, PREDICT)},
    **{f"{who.name} bound": account(who, COLLECT, bound=MINE) for who in Authority},
    **{f"{who.name} bound, reads": account(who, READ, bound=MINE) for who in Authority},
    "ADMIN bound to nothing": account(ADMIN, COLLECT, bound=""),
    "no known scope": Principal("t", 0, 7, ADMIN, 5, scopes=frozenset()),
}

OK, LOGIN, NO, SCOPE = None, NotAuthenticated, Forbidden, InsufficientScope
Outcome = type[LightboxError] | None

KEYS: dict[str, tuple[Outcome, ...]] = {
    # Sending as the own device, as another; reading of the own device, of another, of all devices.
    "anonymous": (LOGIN, LOGIN, LOGIN, LOGIN, LOGIN),
    "service": (NO, NO, OK, OK, OK),
    "service for predictions": (SCOPE, SCOPE, SCOPE, SCOPE, SCOPE),
    "NONE whole": (NO, NO, NO, NO, NO),
    "NONE collect": (NO, NO, NO, NO, NO),
    "NONE read": (SCOPE, SCOPE, NO, NO, NO),
    "NONE bound": (NO, NO, NO, NO, NO),
    "NONE bound, reads": (SCOPE, NO, NO, NO, NO),
    "GUEST whole": (NO, NO, OK, OK, OK),
    "GUEST collect": (NO, NO, OK, OK, OK),
    "GUEST read": (SCOPE, SCOPE, OK, OK, OK),
    "GUEST bound": (NO, NO, OK, NO, NO),
    "GUEST bound, reads": (SCOPE, NO, OK, NO, NO),
    "DOCTOR whole": (NO, NO, OK, OK, OK),
    "DOCTOR collect": (NO, NO, OK, OK, OK),
    "DOCTOR read": (SCOPE, SCOPE, OK, OK, OK),
    "DOCTOR bound": (OK, NO, OK, NO, NO),
    "DOCTOR bound, reads": (SCOPE, NO, OK, NO, NO),
    "EXPERT whole": (NO, NO, OK, OK, OK),
    "EXPERT collect": (NO, NO, OK, OK, OK),
    "EXPERT read": (SCOPE, SCOPE, OK, OK, OK),
    "EXPERT bound": (OK, NO, OK, NO, NO),
    "EXPERT bound, reads": (SCOPE, NO, OK, NO, NO),
    "ADMIN whole": (OK, OK, OK, OK, OK),
    "ADMIN collect": (OK, OK, OK, OK, OK),
    "ADMIN read": (SCOPE, SCOPE, OK, OK, OK),
    "ADMIN bound": (OK, NO, OK, NO, NO),
    "ADMIN bound, reads": (SCOPE, NO, OK, NO, NO),
    "ADMIN bound to nothing": (NO, NO, NO, NO, NO),
    **{f"{who.name} predict": (SCOPE, SCOPE, SCOPE, SCOPE, SCOPE) for who in Authority},
    "no known scope": (SCOPE, SCOPE, SCOPE, SCOPE, SCOPE),
}


def outcomes(caller: Caller) -> tuple[Outcome, ...]:
    """The errors, if any, of sending as the own device and as another, and of reading of the own device, of another and
    of all devices."""
    found: list[Outcome] = []
    for check in (
        partial(caller.check_may_send, MINE),
        partial(caller.check_may_send, OTHER),
        partial(caller.check_may_read, MINE),
        partial(caller.check_may_read, OTHER),
        partial(caller.check_may_read, None),
    ):
        try:
            check()
        except LightboxError as error:
            found.append(type(error))
        else:
            found.append(None)
    return tuple(found)


@pytest.mark.parametrize("name", CALLERS)
def test_with_keys(name: str) -> None:
    assert outcomes(Caller(Access.KEYS, CALLERS[name])) == KEYS[name]


@pytest.mark.parametrize("name", CALLERS)
def test_with_open_access_only_a_binding_counts(name: str) -> None:
    principal = CALLERS[name]
    bound_to = None if principal is None else principal.device_id
    expected = {None: (OK,) * 5, MINE: (OK, NO, OK, NO, NO), "": (NO,) * 5}[bound_to]
    assert outcomes(Caller(Access.OPEN, principal)) == expected


@pytest.mark.parametrize("access", Access)
def test_a_device_that_was_authenticated_without_an_account(access: Access) -> None:
    assert outcomes(Caller.of_device(access, MINE)) == (OK, NO, OK, NO, NO)
    assert outcomes(Caller.of_device(access, "")) == (NO,) * 5


def test_an_anonymous_caller() -> None:
    assert outcomes(Caller.anonymous(Access.OPEN)) == (OK,) * 5
    assert outcomes(Caller.anonymous(Access.KEYS)) == (LOGIN,) * 5


@pytest.mark.parametrize("other", ["12345 ", "\uff11\uff12345", "1234", "12345/..", ""])
def test_device_ids_that_look_alike_are_different(other: str) -> None:
    for caller in (Caller(Access.KEYS, account(ADMIN, COLLECT, bound=MINE)), Caller.of_device(Access.KEYS, MINE)):
        for check in (caller.check_may_send, caller.check_may_read):
            with pytest.raises(Forbidden, match=r'^The key speaks for the device "12345" alone[.]$'):
                check(other)


def test_the_setting_names_both() -> None:
    assert (Access("open"), Access("keys")) == (Access.OPEN, Access.KEYS)


router = APIRouter(prefix="/devices", dependencies=[needs(Scope.COLLECT)])


@router.post("/{device_id}")
async def send(device_id: str, caller: CurrentCaller) -> None:
    caller.check_may_send(device_id)


@router.get("/{device_id}")
async def read(device_id: str, caller: CurrentCaller) -> None:
    caller.check_may_read(device_id)


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


def application(key: Key, access: Access) -> FastAPI:
    async def fetch() -> dict[str, object]:
        return {"keys": [key.jwk]}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        yield {"services": SimpleNamespace(access=access), "tokens": TokenVerifier(KeySet(fetch), issuer=ISSUER)}

    return build_app(name="core", description="", settings=Settings(), lifespan=lifespan, routers=[router], checks={})


@pytest.mark.parametrize(("access", "without"), [(Access.OPEN, 200), (Access.KEYS, 401)])
async def test_over_http(key: Key, access: Access, without: int) -> None:
    async with running(application(key, access)) as app, client_of(app) as client:

        async def status(method: str, device: str, token: str | None) -> int:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return (await client.request(method, f"/devices/{device}", headers=headers)).status_code

        bound, reads = key.token(scope="collect", device_id=MINE), key.token(scope="read")
        for method in ("POST", "GET"):
            assert await status(method, MINE, None) == without
            assert await status(method, MINE, bound) == 200
            assert await status(method, OTHER, bound) == 403
            assert await status(method, MINE, "x") == 401
            assert await status(method, MINE, key.token(scope="predict")) == 403
        assert (await status("GET", MINE, reads), await status("POST", MINE, reads)) == (200, 403)
        assert await status("POST", MINE, key.token(authority=int(Authority.ADMIN))) == 200

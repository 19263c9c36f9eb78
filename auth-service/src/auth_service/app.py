"""Puts auth-service together, and nothing else."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI

from auth_service.accounts import endpoints as accounts_endpoints
from auth_service.accounts import yelda as yelda_accounts
from auth_service.accounts.authorization import AccountAuthorization
from auth_service.accounts.bootstrap import bootstrap
from auth_service.accounts.changes import AccountChanges
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.registration import Accounts
from auth_service.accounts.schemas import ACCOUNTS_PATH
from auth_service.api_keys import endpoints as api_keys_endpoints
from auth_service.api_keys.exchange import KeyExchange
from auth_service.api_keys.service import ApiKeys
from auth_service.audit import endpoints as audit_endpoints
from auth_service.cleanup import Cleanup
from auth_service.config import AuthSettings, parse_service_secrets
from auth_service.keys import endpoints as keys_endpoints
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.service import SigningKeys
from auth_service.login_throttling.policy import Policy
from auth_service.login_throttling.service import LoginThrottling
from auth_service.logins import chexray, imagehub
from auth_service.logins import yelda as yelda_logins
from auth_service.logins.service import Logins
from auth_service.oauth import endpoints as oauth_endpoints
from auth_service.oauth.clients import Clients
from auth_service.oauth.dialect import OAuthError
from auth_service.oauth.service import Grants
from auth_service.oauth.tokens import GivenTokens
from auth_service.sessions import endpoints as sessions_endpoints
from auth_service.sessions.service import Sessions
from auth_service.sessions.tokens import TokenIssuer
from auth_service.state import AuthState
from lightbox_shared.app import build_app
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate
from lightbox_shared.errors.dialects import DetailList, Dialects, FieldMap
from lightbox_shared.health import Check

ROUTERS = (
    chexray.router,
    imagehub.router,
    yelda_logins.router,
    yelda_accounts.router,
    sessions_endpoints.router,
    accounts_endpoints.router,
    oauth_endpoints.router,
    keys_endpoints.router,
    api_keys_endpoints.router,
    api_keys_endpoints.internal_router,
    audit_endpoints.router,
)
DIALECTS = Dialects(
    {
        chexray.PREFIX: FieldMap(),
        imagehub.LOGIN_PATH: DetailList(),
        imagehub.AUTH_PATH: DetailList(),
        yelda_logins.PATH: yelda_accounts.DIALECT,
        **dict.fromkeys((*yelda_accounts.SELF_PATHS, ACCOUNTS_PATH), yelda_accounts.DIALECT),
        oauth_endpoints.PREFIX: OAuthError(),
    }
)


def create_app(settings: AuthSettings | None = None, *, clock: Callable[[], float] = time.time) -> FastAPI:
    """The application. `clock` gives seconds since the epoch. Raises `pydantic.ValidationError` for settings that are
    missing or wrong; starting it raises `BootstrapFailed` or `WrongSecretKey`."""
    settings = settings or AuthSettings()
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[AuthState]:
        database = Database(settings.database_url, pool_size=settings.database_pool_size)
        passwords = await Passwords.start()
        try:
            state = await _start(database, passwords, settings, clock)
            checks.update(database=database.check, signing_key=state["keys"].check)
            async with anyio.create_task_group() as background:
                background.start_soon(state["keys"].keep_fresh)
                background.start_soon(Cleanup(database).keep_house)
                yield state
                background.cancel_scope.cancel()
        finally:
            passwords.close()
            await database.dispose()

    return build_app(
        name="auth-service",
        description="Accounts, sessions and signing keys.",
        settings=settings,
        lifespan=lifespan,
        routers=ROUTERS,
        checks=checks,
        dialects=DIALECTS,
        quiet_paths=frozenset({sessions_endpoints.REVOCATIONS_PATH}),
    )


async def _start(
    database: Database, passwords: Passwords, settings: AuthSettings, clock: Callable[[], float]
) -> AuthState:
    await migrate(database.engine, "auth_service")
    cipher = KeyCipher(settings.secret_key.get_secret_value())
    keys = SigningKeys(database, cipher, rotate_after=settings.key_rotation, clock=clock)
    await keys.start()
    await bootstrap(database, passwords, settings)
    issuer = TokenIssuer(keys, issuer=settings.issuer, clock=clock)
    accounts = Accounts(database, passwords, shortest_password=settings.shortest_password)
    sessions = Sessions(issuer)
    administration = AccountAuthorization(
        database,
        passwords,
        accounts,
        AccountChanges(passwords, sessions),
        self_registration=settings.registers_anybody,
    )
    throttling = LoginThrottling(
        database, Policy(settings.failed_logins_per_account, settings.failed_logins_per_address)
    )
    logins = Logins(database, accounts, sessions, throttling)
    tokens = TokenVerifier(KeySet(keys.fetch), issuer=settings.issuer, clock=clock)
    services = parse_service_secrets(settings.service_secrets.get_secret_value())
    return {
        "database": database,
        "keys": keys,
        "tokens": tokens,
        "issuer": issuer,
        "accounts": accounts,
        "administration": administration,
        "sessions": sessions,
        "logins": logins,
        "clients": Clients(public=settings.oauth_clients, services=services),
        "grants": Grants(database, logins, sessions, issuer),
        "given_tokens": GivenTokens(sessions, issuer, tokens),
        "api_keys": ApiKeys(sessions),
        "key_exchange": KeyExchange(database, sessions, clock=clock),
    }

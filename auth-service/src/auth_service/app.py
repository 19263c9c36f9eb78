"""Puts auth-service together, and nothing else."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI

from auth_service.accounts import endpoints as accounts_endpoints
from auth_service.accounts.bootstrap import bootstrap
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.service import Accounts
from auth_service.config import AuthSettings, parse_service_secrets
from auth_service.keys import endpoints as keys_endpoints
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.service import SigningKeys
from auth_service.logins import chexray
from auth_service.logins.service import Logins
from auth_service.service_tokens import endpoints as service_token_endpoints
from auth_service.service_tokens.service import ServiceSecrets
from auth_service.sessions import endpoints as sessions_endpoints
from auth_service.sessions.service import Sessions
from auth_service.sessions.tokens import TokenIssuer
from auth_service.state import AuthState
from lightbox_shared.app import build_app
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate
from lightbox_shared.errors.dialects import Dialects, FieldMap
from lightbox_shared.health import Check

ROUTERS = (
    chexray.router,
    sessions_endpoints.router,
    accounts_endpoints.router,
    service_token_endpoints.router,
    keys_endpoints.router,
)
DIALECTS = Dialects({chexray.PREFIX: FieldMap()})


def create_app(settings: AuthSettings | None = None, *, clock: Callable[[], float] = time.time) -> FastAPI:
    """The application. `clock` gives seconds since the epoch. Raises `pydantic.ValidationError` for settings that are
    missing or wrong; starting it raises `BootstrapFailed` or `WrongSecretKey`."""
    settings = settings or AuthSettings()
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[AuthState]:
        database = Database(settings.database_url, pool_size=settings.database_pool_size)
        try:
            state = await _start(database, settings, clock)
            checks.update(database=database.check, signing_key=state["keys"].check)
            async with anyio.create_task_group() as background:
                background.start_soon(state["keys"].keep_fresh)
                yield state
                background.cancel_scope.cancel()
        finally:
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


async def _start(database: Database, settings: AuthSettings, clock: Callable[[], float]) -> AuthState:
    await migrate(database.engine, "auth_service")
    keys = SigningKeys(database, KeyCipher(settings.secret_key.get_secret_value()), clock=clock)
    await keys.start()
    passwords = await Passwords.start()
    await bootstrap(database, passwords, settings)
    issuer = TokenIssuer(keys, issuer=settings.issuer, clock=clock)
    accounts = Accounts(database, passwords, shortest_password=settings.shortest_password)
    sessions = Sessions(issuer)
    return {
        "database": database,
        "keys": keys,
        "tokens": TokenVerifier(KeySet(keys.fetch), issuer=settings.issuer, clock=clock),
        "issuer": issuer,
        "accounts": accounts,
        "sessions": sessions,
        "logins": Logins(accounts, sessions),
        "secrets": ServiceSecrets(parse_service_secrets(settings.service_secrets.get_secret_value())),
    }

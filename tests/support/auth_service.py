"""What the tests of auth-service share besides their fixtures."""

from collections.abc import Awaitable, Callable
from typing import Any

from auth_service.accounts.registration import NewAccount
from auth_service.config import AuthSettings
from auth_service.state import Services
from lightbox_shared.auth.principal import Authority
from support.asgi import WithState

SECRET_KEY = "a secret of the tests, with 32 characters or more"
SERVICE_SECRETS = "gateway:the gateway's,inference-service:with:colons"
ADMIN_PASSWORD = "the administrator's password"

MakeSettings = Callable[..., AuthSettings]
"""Settings on the test's database; keyword arguments replace what the tests have in common."""

SignUp = Callable[[], Awaitable[dict[str, Any]]]
"""Makes an account with a name of its own, and the password `correct horse`; returns CheXRay's answer."""


def services_of(app: WithState) -> Services:
    """The parts of a running service."""
    services: Services = app.state["services"]
    return services


def set_passwords(app: WithState, passwords: Any) -> None:
    """Let a running service hash and verify passwords with another object."""
    services = services_of(app)
    for part in (services.registration, services.account_authorization, services.logins):
        part._passwords = passwords


async def make_account(services: Services, username: str, password: str, authority: Authority = Authority.NONE) -> int:
    """A new account; its id."""
    prepared = await services.registration.prepare(NewAccount(username, password, authority))
    async with services.database.writing() as session:
        return (await services.registration.insert(session, prepared)).id


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}

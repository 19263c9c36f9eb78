"""What the tests of auth-service share beside their fixtures."""

from collections.abc import Awaitable, Callable
from typing import Any

from auth_service.config import AuthSettings

SECRET_KEY = "a secret of the tests, with 32 characters or more"
SERVICE_SECRETS = "gateway:the gateway's,inference-service:with:colons"
ADMIN_PASSWORD = "the administrator's password"

MakeSettings = Callable[..., AuthSettings]
"""Settings on the test's database; keyword arguments replace what the tests have in common."""

SignUp = Callable[[], Awaitable[dict[str, Any]]]
"""Makes an account with a name of its own, and the password `correct horse`; returns CheXRay's answer."""


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}

"""All tables of auth-service, for Alembic to compare with."""

from auth_service.accounts.models import Account
from auth_service.keys.models import SigningKey
from auth_service.orm import Base
from auth_service.sessions.models import LoginSession

metadata = Base.metadata

__all__ = ["Account", "LoginSession", "SigningKey", "metadata"]

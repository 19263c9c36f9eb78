"""All tables of auth-service, for Alembic to compare with."""

from auth_service.accounts.models import Account, AccountTotal
from auth_service.api_keys.models import ApiKey
from auth_service.audit.models import AuditEntry, AuditHead
from auth_service.keys.models import SigningKey
from auth_service.login_throttling.models import FamiliarAddress, Guess
from auth_service.oauth.models import RefreshToken
from auth_service.orm import Base
from auth_service.sessions.models import LoginSession

metadata = Base.metadata

__all__ = [
    "Account",
    "AccountTotal",
    "ApiKey",
    "AuditEntry",
    "AuditHead",
    "FamiliarAddress",
    "Guess",
    "LoginSession",
    "RefreshToken",
    "SigningKey",
    "metadata",
]

"""What the lifespan opens, and the names under which endpoints ask for it."""

from typing import Annotated, TypedDict

from fastapi import Depends, Request

from auth_service.accounts.service import Accounts
from auth_service.keys.service import SigningKeys
from auth_service.logins.service import Logins
from auth_service.service_tokens.service import ServiceSecrets
from auth_service.sessions.service import Sessions
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import Database


class AuthState(TypedDict):
    """The lifespan state of auth-service."""

    database: Database
    keys: SigningKeys
    tokens: TokenVerifier
    issuer: TokenIssuer
    accounts: Accounts
    sessions: Sessions
    logins: Logins
    secrets: ServiceSecrets


async def _keys(request: Request) -> SigningKeys:
    keys: SigningKeys = request.state.keys
    return keys


async def _issuer(request: Request) -> TokenIssuer:
    issuer: TokenIssuer = request.state.issuer
    return issuer


async def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.state.accounts
    return accounts


async def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.state.sessions
    return sessions


async def _logins(request: Request) -> Logins:
    logins: Logins = request.state.logins
    return logins


async def _secrets(request: Request) -> ServiceSecrets:
    secrets: ServiceSecrets = request.state.secrets
    return secrets


Keys = Annotated[SigningKeys, Depends(_keys)]
Issuer = Annotated[TokenIssuer, Depends(_issuer)]
AccountsState = Annotated[Accounts, Depends(_accounts)]
SessionsState = Annotated[Sessions, Depends(_sessions)]
LoginsState = Annotated[Logins, Depends(_logins)]
Secrets = Annotated[ServiceSecrets, Depends(_secrets)]

"""What the lifespan opens, and the names under which endpoints ask for it."""

from typing import Annotated, TypedDict

from fastapi import Depends, Request

from auth_service.accounts.authorization import AccountAuthorization
from auth_service.accounts.registration import Accounts
from auth_service.api_keys.exchange import KeyExchange
from auth_service.api_keys.service import ApiKeys
from auth_service.config import AuthSettings
from auth_service.keys.service import SigningKeys
from auth_service.logins.service import Logins
from auth_service.oauth.clients import Clients
from auth_service.oauth.service import Grants
from auth_service.oauth.tokens import GivenTokens
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
    administration: AccountAuthorization
    sessions: Sessions
    logins: Logins
    clients: Clients
    grants: Grants
    given_tokens: GivenTokens
    api_keys: ApiKeys
    key_exchange: KeyExchange


async def _keys(request: Request) -> SigningKeys:
    keys: SigningKeys = request.state.keys
    return keys


async def _issuer(request: Request) -> TokenIssuer:
    issuer: TokenIssuer = request.state.issuer
    return issuer


async def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.state.accounts
    return accounts


async def _settings(request: Request) -> AuthSettings:
    settings: AuthSettings = request.state.settings
    return settings


async def _administration(request: Request) -> AccountAuthorization:
    administration: AccountAuthorization = request.state.administration
    return administration


async def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.state.sessions
    return sessions


async def _logins(request: Request) -> Logins:
    logins: Logins = request.state.logins
    return logins


async def _clients(request: Request) -> Clients:
    clients: Clients = request.state.clients
    return clients


async def _grants(request: Request) -> Grants:
    grants: Grants = request.state.grants
    return grants


async def _given_tokens(request: Request) -> GivenTokens:
    given: GivenTokens = request.state.given_tokens
    return given


async def _api_keys(request: Request) -> ApiKeys:
    keys: ApiKeys = request.state.api_keys
    return keys


async def _key_exchange(request: Request) -> KeyExchange:
    exchange: KeyExchange = request.state.key_exchange
    return exchange


Keys = Annotated[SigningKeys, Depends(_keys)]
Issuer = Annotated[TokenIssuer, Depends(_issuer)]
AccountsState = Annotated[Accounts, Depends(_accounts)]
Administration = Annotated[AccountAuthorization, Depends(_administration)]
SettingsState = Annotated[AuthSettings, Depends(_settings)]
SessionsState = Annotated[Sessions, Depends(_sessions)]
LoginsState = Annotated[Logins, Depends(_logins)]
ClientsState = Annotated[Clients, Depends(_clients)]
GrantsState = Annotated[Grants, Depends(_grants)]
GivenTokensState = Annotated[GivenTokens, Depends(_given_tokens)]
ApiKeysState = Annotated[ApiKeys, Depends(_api_keys)]
KeyExchangeState = Annotated[KeyExchange, Depends(_key_exchange)]

"""The parts of the running service, which its endpoints and its commands work with."""

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from auth_service.accounts.authorization import AccountAuthorization
from auth_service.accounts.changes import AccountChanges
from auth_service.accounts.registration import Registration
from auth_service.api_keys.exchange import KeyExchange
from auth_service.api_keys.service import ApiKeys
from auth_service.config import AuthSettings, parse_service_secrets
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.service import SigningKeys
from auth_service.login_throttling.policy import Policy
from auth_service.login_throttling.service import LoginThrottling
from auth_service.logins.service import Logins
from auth_service.oauth.clients import Clients
from auth_service.oauth.issued_tokens import IssuedTokens
from auth_service.oauth.service import Grants
from auth_service.oauth_clients.service import OAuthClients
from auth_service.openid.hints import IdTokenHints
from auth_service.openid.service import Authorizations
from auth_service.passkeys.service import Passkeys
from auth_service.passwords.hashing import Passwords
from auth_service.sessions.service import Sessions
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import Database
from lightbox_shared.service import Clock, lifespan_services


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running service."""

    settings: AuthSettings
    database: Database
    passwords: Passwords
    keys: SigningKeys
    issuer: TokenIssuer
    tokens: TokenVerifier
    """Verifies tokens with this service's own keys."""
    sessions: Sessions
    registration: Registration
    changes: AccountChanges
    account_authorization: AccountAuthorization
    logins: Logins
    clients: Clients
    grants: Grants
    issued_tokens: IssuedTokens
    oauth_clients: OAuthClients
    hints: IdTokenHints
    authorizations: Authorizations
    passkeys: Passkeys
    api_keys: ApiKeys
    key_exchange: KeyExchange


ServicesDep = Annotated[Services, Depends(lifespan_services)]


def assemble(settings: AuthSettings, database: Database, passwords: Passwords, clock: Clock = time.time) -> Services:
    """Make the parts. There is no signing key before `Services.keys.start` or `refresh`."""
    cipher = KeyCipher(settings.secret_key.get_secret_value())
    keys = SigningKeys(database, cipher, rotate_after=settings.key_rotation, clock=clock)
    issuer = TokenIssuer(keys, issuer=settings.issuer, clock=clock)
    tokens = TokenVerifier(KeySet(keys.fetch), issuer=settings.issuer, clock=clock)
    sessions = Sessions(issuer)
    hints = IdTokenHints(keys, issuer=settings.issuer)
    registration = Registration(database, passwords)
    changes = AccountChanges(sessions)
    throttling = LoginThrottling(
        database, Policy(settings.failed_logins_per_account, settings.failed_logins_per_address)
    )
    logins = Logins(database, passwords, registration, sessions, throttling)
    secrets = parse_service_secrets(settings.service_secrets.get_secret_value())
    return Services(
        settings=settings,
        database=database,
        passwords=passwords,
        keys=keys,
        issuer=issuer,
        tokens=tokens,
        sessions=sessions,
        registration=registration,
        changes=changes,
        account_authorization=AccountAuthorization(
            database, passwords, registration, changes, self_registration=settings.allows_self_registration
        ),
        logins=logins,
        clients=Clients(database, public=settings.oauth_clients, services=secrets),
        grants=Grants(database, logins, sessions, issuer),
        issued_tokens=IssuedTokens(sessions, issuer, tokens),
        oauth_clients=OAuthClients(reserved=(*settings.oauth_clients, *secrets), plain_http=not settings.in_production),
        hints=hints,
        authorizations=Authorizations(database, sessions, hints, issuer=settings.issuer),
        passkeys=Passkeys(database, sessions, throttling),
        api_keys=ApiKeys(sessions),
        key_exchange=KeyExchange(database, sessions),
    )

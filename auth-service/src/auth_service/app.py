"""Builds auth-service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from auth_service.account_feed import endpoints as account_feed
from auth_service.accounts import endpoints as accounts
from auth_service.accounts.errors import YELDA
from auth_service.api_keys import endpoints as api_keys
from auth_service.audit import endpoints as audit
from auth_service.bootstrap import bootstrap
from auth_service.cleanup import EVERY_SECONDS, FIRST_AFTER_SECONDS, Cleanup
from auth_service.config import AuthSettings
from auth_service.keys import endpoints as keys
from auth_service.keys.service import REFRESH_SECONDS
from auth_service.logins import chexray, imagehub, yelda
from auth_service.oauth import endpoints as oauth
from auth_service.oauth.dialect import OAuthError
from auth_service.oauth_clients import endpoints as oauth_clients
from auth_service.openid import endpoints as openid
from auth_service.openid import logout, metadata, userinfo
from auth_service.passkeys import endpoints as passkeys
from auth_service.passwords.hashing import Passwords
from auth_service.sessions import endpoints as sessions
from auth_service.state import Services, assemble
from lightbox_shared.concurrency.background import periodic_task
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, DetailList, Dialects, FieldMap
from lightbox_shared.second_prefix import API, at_both_prefixes, tag_under_api
from lightbox_shared.service import Resources, Service

YELDA_TAG: Final = "TheYelda"
YELDA_PATHS: Final = ("/authorization", "/self", "/Self", "/accounts")


@asynccontextmanager
async def open_services(resources: Resources[AuthSettings]) -> AsyncIterator[Services]:
    """The parts of the service, after making the first accounts and a signing key if they are missing. Raises
    `BootstrapFailed` or `WrongSecretKey`."""
    passwords = await Passwords.start()
    try:
        services = assemble(resources.settings, resources.database, passwords, resources.clock)
        await services.keys.start()
        await bootstrap(resources.database, passwords, resources.settings)
        resources.checks["signing_key"] = services.keys.check
        cleanup = Cleanup(resources.database)
        async with (
            periodic_task(services.keys.refresh_and_rotate, "signing keys", every=REFRESH_SECONDS),
            periodic_task(cleanup.clean, "cleanup", every=EVERY_SECONDS, first_after=FIRST_AFTER_SECONDS),
        ):
            yield services
    finally:
        passwords.close()


SERVICE = Service(
    name="auth-service",
    description="Accounts, sessions and keys. The only service that can sign a token.",
    settings=AuthSettings,
    open=open_services,
    routers=(
        chexray.router,
        imagehub.router,
        *at_both_prefixes(yelda.router, tag=YELDA_TAG),
        *at_both_prefixes(accounts.router, tag=YELDA_TAG),
        oauth.router,
        openid.router,
        logout.router,
        userinfo.router,
        metadata.router,
        oauth_clients.router,
        userinfo.consents_router,
        keys.router,
        passkeys.router,
        passkeys.sign_in_router,
        sessions.router,
        api_keys.router,
        audit.router,
        account_feed.internal_router,  # before the accounts: `changes` is no id
        accounts.internal_router,
        sessions.internal_router,
        api_keys.internal_router,
        oauth_clients.internal_router,
        audit.internal_router,
    ),
    dialects=Dialects(
        {
            "/api/chexray": FieldMap(),
            "/login": DetailList(),
            "/auth": DetailList(),
            **{prefix + path: YELDA for prefix in ("", API) for path in YELDA_PATHS},
            "/oauth": OAuthError(),
            "/oauth/userinfo": PROBLEM_DETAILS,  # RFC 6750 section 3
        }
    ),
    tags={
        "CheXRay": "Findings in chest X-rays, with a history for each account.",
        "ImageHub": "The gallery: its login.",
        YELDA_TAG: "Labelling by doctors: signing in, accounts and their approval.",
        tag_under_api(
            YELDA_TAG
        ): "The same resources where the system's web clients look for them. An account's authority "
        "is a number there, and what deletes something answers with a message.",
        "OAuth": "Tokens for applications and services (RFC 6749), their revocation, introspection and keys.",
        "OAuth clients": "Pages and programs of others that sign people in here, and what accounts have allowed them.",
        "Passkeys": "A second way to sign in (WebAuthn), without a name or a password.",
        "Sessions": "Where an account is signed in.",
        "API keys": "Keys with which programs and devices act for an account, within scopes.",
        "Audit trail": "Who did what, for administrators.",
        "Internal": "What other services of the platform ask.",
    },
    verifier=lambda services: services.tokens,
    quiet_paths=frozenset({sessions.REVOCATIONS_PATH, account_feed.ACCOUNT_CHANGES_PATH, oauth_clients.ORIGINS_PATH}),
)
create_app = SERVICE.create_app

"""Giving out authorization codes and taking them back (RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1).

A code is used once. If it comes again, somebody else has it, and the session that it was exchanged for ends.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from auth_service.accounts import repository as accounts
from auth_service.accounts.models import Account
from auth_service.authorization_codes import repository
from auth_service.authorization_codes.models import AuthorizationCode
from auth_service.oauth_clients.models import RegisteredClient
from auth_service.oauth_clients.redirect_uris import is_registered
from auth_service.oauth_clients.scopes import may_ask_for, scope_words
from lightbox_shared.auth.principal import WHOLE_ACCOUNT, Authority
from lightbox_shared.database import WriteSession

CODE_LIFETIME: Final = timedelta(seconds=60)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What a client asks for, after all of it has been checked."""

    client_id: str
    redirect_uri: str
    scope: str | None
    """None for everything that the account may do."""
    code_challenge: str
    nonce: str | None


@dataclass(frozen=True, slots=True)
class SignedInBrowser:
    """The session in which an account is signed in to a browser."""

    account_id: int
    session_id: int
    signed_in_at: datetime


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a client sends to exchange a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""

    client_id: str
    code: str = field(repr=False)
    redirect_uri: str
    code_verifier: str = field(repr=False)


def digest(code: str) -> bytes:
    """The SHA-256 of a code, which the database has in its place."""
    return hashlib.sha256(code.encode()).digest()


async def issue(session: WriteSession, request: CodeRequest, browser: SignedInBrowser, now: datetime) -> str:
    """Give out a code."""
    code = secrets.token_urlsafe(32)
    row = AuthorizationCode(
        code_hash=digest(code),
        client_id=request.client_id,
        account_id=browser.account_id,
        signed_in_session_id=browser.session_id,
        signed_in_at=browser.signed_in_at,
        redirect_uri=request.redirect_uri,
        scope=request.scope,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        expires_at=now + CODE_LIFETIME,
    )
    await repository.insert_code(session, row)
    return code


async def find(session: WriteSession, exchange: Exchange) -> AuthorizationCode | None:
    """The code of an exchange, locked, also one that was used or has expired; None for one that was not given to this
    client, for this redirect URI and this verifier."""
    row = await repository.lock_code(session, digest(exchange.code), exchange.client_id)
    if row is None or row.redirect_uri != exchange.redirect_uri or not _VERIFIER.fullmatch(exchange.code_verifier):
        return None
    challenge = create_s256_code_challenge(exchange.code_verifier)
    return row if hmac.compare_digest(challenge, row.code_challenge) else None


async def owner(
    session: WriteSession, row: AuthorizationCode, client: RegisteredClient, now: datetime
) -> Account | None:
    """The account of a code that is good; None for one that has expired, or whose account is not signed in to the
    browser any more, or is not approved; also if the client may not ask for as much any more, or the account has taken
    its consent back. The caller has locked the client, so that a change of it ends what the code is exchanged for."""
    scopes = scope_words(row.scope) or [WHOLE_ACCOUNT]
    if row.expires_at <= now or not may_ask_for(scopes, client.scopes):
        return None
    if not is_registered(row.redirect_uri, client.redirect_uris):
        return None
    # The lock comes first: a change of the password ends all sessions, and must not be overtaken.
    await repository.lock_account(session, row.account_id)
    found = await accounts.find_signed_in(session, row.account_id, row.signed_in_session_id)
    if found is None or found[0].authority == Authority.NONE:
        return None
    if not client.first_party:
        allowed = await repository.lock_consent(session, row.account_id, row.client_id)
        if not allowed.issuperset(scopes):
            return None
    return found[0]

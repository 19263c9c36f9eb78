"""Answers to authorization requests, and the consents of accounts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.authorization_codes import repository
from auth_service.authorization_codes.service import SignedInBrowser, issue
from auth_service.caller import Caller
from auth_service.oauth_clients.redirect_uris import is_of_any_program
from auth_service.openid.errors import AuthorizationError
from auth_service.openid.hints import IdTokenHints
from auth_service.openid.query import with_parameters
from auth_service.openid.request import CONSENT, NONE, AuthorizationRequest, read_request
from auth_service.request_source import RequestSource
from auth_service.sessions import repository as sessions
from auth_service.sessions.service import Sessions
from lightbox_shared.database import Database, ReadSession, WriteSession
from lightbox_shared.errors import NotFound
from lightbox_shared.responses.pagination import Page, PageRequest


class Needed(Enum):
    """What a person has to do before a client gets its code."""

    SIGN_IN = "sign-in"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class ConsentedClient:
    """A client that an account has allowed something."""

    id: int
    client_id: str
    name: str
    scopes: list[str]
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Redirect:
    """The address of the client with an answer (RFC 6749 section 4.1.2)."""

    url: str = field(repr=False)


class Authorizations:
    """Gives out codes to clients."""

    def __init__(self, database: Database, sessions: Sessions, hints: IdTokenHints, *, issuer: str) -> None:
        self._database = database
        self._sessions = sessions
        self._hints = hints
        self._issuer = issuer

    async def read(self, query: str) -> AuthorizationRequest:
        """The request in a query, in a transaction of its own. Raises `UnanswerableRequest` or
        `AuthorizationError`."""
        async with self._database.reading() as session:
            return await read_request(session, query)

    async def answer(
        self, session: WriteSession, request: AuthorizationRequest, caller: Caller | None
    ) -> Redirect | Needed:
        """The address with a code, or what is needed first. Raises `AuthorizationError` if something is needed that the
        request does not allow, and for a hint that can't be read."""
        browser = self._signed_in(request, caller)
        if browser is None:
            if NONE in request.prompts:
                raise _refused(request, "login_required", "The person has to sign in.")
            return Needed.SIGN_IN
        if await self._needs_consent(session, request, browser):
            if NONE in request.prompts:
                raise _refused(request, "consent_required", "The person has not allowed this.")
            return Needed.CONSENT
        return await self._redirect_with_code(session, request, browser)

    async def allow(
        self, session: WriteSession, request: AuthorizationRequest, caller: Caller, source: RequestSource
    ) -> Redirect | Needed:
        """Store the consent of an account, and give out a code."""
        browser = self._signed_in(request, caller)
        if browser is None:
            return Needed.SIGN_IN
        client_id = request.client.client_id
        redirect = await self._redirect_with_code(session, request, browser)
        if not request.client.first_party:
            await repository.add_consent(session, caller.id, client_id, request.scopes)
            given, scopes = Action.CONSENT_GIVEN, sorted(request.scopes)
            await record(session, given, source, account_id=caller.id, client=client_id, scopes=scopes)
        return redirect

    async def consents(self, session: ReadSession, caller: Caller, page: PageRequest) -> Page[ConsentedClient]:
        """The clients that an account has allowed something, the newest first."""
        rows = [
            ConsentedClient(row.id, row.client_id, client.name, row.scopes, row.created_at, row.modified_at)
            for row, client in await repository.consents(session, caller.id, page)
        ]
        return Page.of(rows, page, lambda row: row.id)

    async def revoke_consent(
        self, session: WriteSession, caller: Caller, consent_id: int, source: RequestSource
    ) -> None:
        """Take a consent back, and end the sessions with that client. Raises `NotFound`."""
        client_id = await repository.remove_consent(session, caller.id, consent_id)
        if client_id is None:
            raise NotFound
        ended = await sessions.revoke_of_client(session, client_id, account_id=caller.id)
        revoked = Action.CONSENT_REVOKED
        await record(session, revoked, source, account_id=caller.id, client=client_id, sessions=ended)

    def refusal(self, error: AuthorizationError) -> Redirect:
        """The address of the client with an error."""
        parameters = [("error", error.error), ("error_description", error.description)]
        return self._redirect(error.redirect_uri, error.state, parameters)

    def _signed_in(self, request: AuthorizationRequest, caller: Caller | None) -> SignedInBrowser | None:
        """The browser of the person whom the request is for; None if that person has to sign in first. Raises
        `AuthorizationError` for a hint that is no ID token of ours."""
        hint = None if request.id_token_hint is None else self._hints.read(request.id_token_hint)
        if request.id_token_hint is not None and hint is None:
            raise _refused(request, "invalid_request", "The id_token_hint is no ID token of this server.")
        if caller is None or (hint is not None and hint.account_id != caller.id):
            return None
        browser = SignedInBrowser(caller.id, caller.session_id, caller.signed_in_at)
        return None if request.needs_sign_in(browser, self._now()) else browser

    async def _needs_consent(
        self, session: WriteSession, request: AuthorizationRequest, browser: SignedInBrowser
    ) -> bool:
        if CONSENT in request.prompts:
            return True
        if request.client.first_party:
            return False
        if request.client.secret_hash is None and is_of_any_program(request.code.redirect_uri):
            return True
        known = await repository.consented(session, browser.account_id, request.client.client_id)
        return not known.issuperset(request.scopes)

    async def _redirect_with_code(
        self, session: WriteSession, request: AuthorizationRequest, browser: SignedInBrowser
    ) -> Redirect:
        code = await issue(session, request.code, browser, self._now())
        return self._redirect(request.code.redirect_uri, request.state, [("code", code)])

    def _redirect(self, redirect_uri: str, state: str | None, parameters: list[tuple[str, str]]) -> Redirect:
        if state is not None:
            parameters.append(("state", state))
        parameters.append(("iss", self._issuer))  # RFC 9207
        return Redirect(with_parameters(redirect_uri, parameters))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._sessions.now(), UTC)


def denied(request: AuthorizationRequest) -> AuthorizationError:
    """The error for a person who does not allow what a client asks for."""
    return _refused(request, "access_denied", "The person has not allowed this.")


def _refused(request: AuthorizationRequest, error: str, description: str) -> AuthorizationError:
    return AuthorizationError(request.code.redirect_uri, request.state, error, description)

"""Authorization requests (RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core 1.0 section 3.1.2.1).

The client and the redirect URI are looked at first: before both are known to be right, nothing is sent anywhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode

from auth_service.authorization_codes.service import CodeRequest, SignedInBrowser
from auth_service.oauth_clients import repository
from auth_service.oauth_clients.models import RegisteredClient
from auth_service.oauth_clients.redirect_uris import is_registered
from auth_service.oauth_clients.scopes import may_ask_for, scope_words
from auth_service.openid.errors import AuthorizationError, Unanswerable, UnanswerableRequest
from auth_service.openid.query import only, parameters
from lightbox_shared.auth.principal import WHOLE_ACCOUNT
from lightbox_shared.database import ReadSession, WriteSession

MAX_STATE_LENGTH: Final = 4000
MAX_NONCE_LENGTH: Final = 500
NONE, LOGIN, CONSENT, SELECT_ACCOUNT = "none", "login", "consent", "select_account"
PROMPTS: Final = (NONE, LOGIN, CONSENT, SELECT_ACCOUNT)

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 in base64url."""
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_NOT_SUPPORTED: Final = ("request", "request_uri", "registration")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that was checked."""

    client: RegisteredClient
    code: CodeRequest
    state: str | None
    prompts: frozenset[str]
    max_age: int | None
    """Seconds."""
    login_hint: str
    id_token_hint: str | None
    """An ID token of the person whom the client means; no other person gets a code for it."""
    ui_locales: str

    @property
    def scopes(self) -> list[str]:
        """What it asks for; `account` alone for everything."""
        return scope_words(self.code.scope) or [WHOLE_ACCOUNT]

    def needs_sign_in(self, browser: SignedInBrowser, now: datetime) -> bool:
        """Whether the person has to sign in, although signed in already."""
        if {LOGIN, SELECT_ACCOUNT} & self.prompts:
            return True
        return self.max_age is not None and now - browser.signed_in_at > timedelta(seconds=self.max_age)


async def read_request(session: ReadSession | WriteSession, query: str) -> AuthorizationRequest:
    """The request in a query. Raises `UnanswerableRequest` or `AuthorizationError`."""
    try:
        values = parameters(query)
    except ValueError as error:
        raise UnanswerableRequest(Unanswerable.MALFORMED) from error
    client_id = only(values, "client_id")
    client = None if client_id is None else await repository.find_by_client_id(session, client_id)
    if client is None:
        raise UnanswerableRequest(Unanswerable.UNKNOWN_CLIENT)
    redirect_uri = only(values, "redirect_uri")
    if redirect_uri is None or not is_registered(redirect_uri, client.redirect_uris):
        raise UnanswerableRequest(Unanswerable.WRONG_REDIRECT_URI)
    return _Checks(values, client, redirect_uri).request()


def signed_in_query(query: str) -> str:
    """The query with which to go on after a sign-in: without the parameters that have asked for it."""
    pairs = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        kept = " ".join(word for word in value.split(" ") if word not in {LOGIN, SELECT_ACCOUNT})
        if name == "max_age" or (name == "prompt" and not kept):
            continue
        pairs.append((name, kept if name == "prompt" else value))
    return urlencode(pairs)


def other_account_query(query: str) -> str:
    """The query with which to sign in as somebody else."""
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "prompt"]
    return urlencode([*pairs, ("prompt", SELECT_ACCOUNT)])


class _Checks:
    """The checks whose failures the client is told about."""

    def __init__(self, values: Mapping[str, Sequence[str]], client: RegisteredClient, redirect_uri: str) -> None:
        self._values = values
        self._client = client
        self._redirect_uri = redirect_uri
        state = only(values, "state")
        self._state = state if state is None or len(state) <= MAX_STATE_LENGTH else None

    def request(self) -> AuthorizationRequest:
        if any(len(values) > 1 for values in self._values.values()):
            raise self._error("invalid_request", "A parameter is repeated.")
        if self._state is None and self._get("state") is not None:
            raise self._error("invalid_request", f"The state has more than {MAX_STATE_LENGTH} characters.")
        for name in _NOT_SUPPORTED:
            if self._get(name) is not None:
                raise self._error(f"{name}_not_supported", f"The parameter {name} is not supported.")
        self._check_response()
        prompts = self._prompts()
        return AuthorizationRequest(
            client=self._client,
            code=CodeRequest(
                client_id=self._client.client_id,
                redirect_uri=self._redirect_uri,
                scope=self._scope(),
                code_challenge=self._challenge(),
                nonce=self._nonce(),
            ),
            state=self._state,
            prompts=prompts,
            max_age=self._max_age(),
            login_hint=self._get("login_hint") or "",
            id_token_hint=self._get("id_token_hint"),
            ui_locales=self._get("ui_locales") or "",
        )

    def _get(self, name: str) -> str | None:
        return only(self._values, name)

    def _error(self, error: str, description: str) -> AuthorizationError:
        return AuthorizationError(self._redirect_uri, self._state, error, description)

    def _check_response(self) -> None:
        response_type = self._get("response_type")
        if response_type is None:
            raise self._error("invalid_request", "The parameter response_type is missing.")
        if response_type != "code":
            raise self._error("unsupported_response_type", "The only response_type is code.")
        if self._get("response_mode") not in {None, "query"}:
            raise self._error("invalid_request", "The only response_mode is query.")

    def _challenge(self) -> str:
        challenge = self._get("code_challenge")
        if challenge is None:
            raise self._error("invalid_request", "The parameter code_challenge is missing: PKCE is required.")
        if self._get("code_challenge_method") != "S256":
            raise self._error("invalid_request", "The only code_challenge_method is S256.")
        if not _CHALLENGE.fullmatch(challenge):
            raise self._error("invalid_request", "The code_challenge is no SHA-256 in base64url.")
        return challenge

    def _scope(self) -> str | None:
        scope = self._get("scope")
        allowed = self._client.scopes
        if scope is None and WHOLE_ACCOUNT in allowed:
            return None
        words = scope_words(scope)
        if not may_ask_for(words, allowed):
            raise self._error("invalid_scope", f"This client may ask for: {' '.join(allowed)}.")
        return " ".join(words)

    def _prompts(self) -> frozenset[str]:
        prompts = frozenset(scope_words(self._get("prompt")))
        if not prompts <= set(PROMPTS) or (NONE in prompts and len(prompts) > 1):
            raise self._error("invalid_request", "The prompt is none, or some of login, consent and select_account.")
        return prompts

    def _max_age(self) -> int | None:
        text = self._get("max_age")
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            raise self._error("invalid_request", "The max_age is no number of seconds.")
        return int(text)

    def _nonce(self) -> str | None:
        nonce = self._get("nonce")
        if nonce is not None and len(nonce) > MAX_NONCE_LENGTH:
            raise self._error("invalid_request", f"The nonce has more than {MAX_NONCE_LENGTH} characters.")
        return nonce

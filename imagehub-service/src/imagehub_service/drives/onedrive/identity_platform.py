"""Microsoft's identity platform (v2.0): the consent by the authorization code grant (RFC 6749 section 4.1) with PKCE
(RFC 7636), and refreshing (section 6).

The requests and answers are those of Authlib's `OAuth2Client`; the bytes go over our own HTTP client, which is bounded
in time and size and never follows a redirect with a code or a token.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final

import httpx
import stamina
import structlog
from authlib.common.security import generate_token
from authlib.oauth2 import OAuth2Client, OAuth2Error
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from imagehub_service.config import ImageHubSettings
from imagehub_service.drives.errors import DriveUnavailable, UnreadableAnswer
from imagehub_service.drives.onedrive.errors import Refused, pause_seconds
from imagehub_service.drives.onedrive.transport import HttpAnswer, exchange, unavailable

log = structlog.get_logger("onedrive")

SCOPES: Final = "Files.ReadWrite offline_access User.Read"
VERIFIER_LENGTH: Final = 64
_AUTH_METHOD: Final = "client_secret_post"
_ATTEMPTS: Final = 2
_CONSENT_AGAIN: Final = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
_LATER: Final = frozenset({"temporarily_unavailable", "server_error"})


class GrantRefused(Exception):
    """The code or the refresh token is not valid, or not any more."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """An access token, and the token by which the next one is got."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    """Seconds."""


class _TokenAnswer(BaseModel):
    """The answer of the token endpoint (RFC 6749 section 5.1)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: Annotated[str, StringConstraints(min_length=1, max_length=32_000, pattern=r"^[!-~]+$")] = Field(
        repr=False
    )
    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=32_000)] | None = Field(None, repr=False)
    expires_in: Annotated[int, Field(ge=0, le=10**9)]
    """Seconds."""


@dataclass(frozen=True, slots=True)
class ConsentSecrets:
    """What proves at the token endpoint that a code was asked for here."""

    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def generate(cls) -> "ConsentSecrets":
        """New ones."""
        return cls(state=generate_token(43), verifier=generate_token(VERIFIER_LENGTH))


class IdentityPlatform:
    """The authorize and token endpoints for the application that is registered at Microsoft."""

    def __init__(self, http: httpx.AsyncClient, settings: ImageHubSettings) -> None:
        self._http = http
        self._settings = settings
        self._base = f"{settings.onedrive_authority.rstrip('/')}/oauth2/v2.0"

    def consent_address(self, secrets: ConsentSecrets) -> str:
        """The page where a user allows the use of their drive."""
        address, _state = self._client().create_authorization_url(
            f"{self._base}/authorize", state=secrets.state, code_verifier=secrets.verifier, response_mode="query"
        )
        return str(address)

    async def redeem(self, code: str, verifier: str) -> Tokens:
        """The tokens for a code. Raises `GrantRefused`, `DriveUnavailable`, `UnreadableAnswer` and `Refused`."""
        try:
            body = prepare_token_request(
                "authorization_code",
                redirect_uri=self._settings.onedrive_redirect_uri,
                code=code,
                code_verifier=verifier,
            )
        except (OAuth2Error, ValueError) as error:  # an empty code, or one that UTF-8 can't represent
            raise GrantRefused from error
        answer = await self._token(body)
        if answer.refresh_token is None:
            raise Refused("Microsoft has not given a refresh token.")
        return Tokens(answer.access_token, answer.refresh_token, answer.expires_in)

    async def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; where there is no new refresh token, the one that was used stays valid. Raises as `redeem`."""
        answer = await self._token(prepare_token_request("refresh_token", refresh_token=refresh_token, scope=SCOPES))
        return Tokens(answer.access_token, answer.refresh_token or refresh_token, answer.expires_in)

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            None,
            client_id=self._settings.onedrive_client_id,
            client_secret=self._settings.onedrive_client_secret.get_secret_value(),
            scope=SCOPES,
            redirect_uri=self._settings.onedrive_redirect_uri,
            code_challenge_method="S256",
        )

    async def _token(self, body: str) -> _TokenAnswer:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url, headers, body = (
            self._client().client_auth(_AUTH_METHOD).prepare("POST", f"{self._base}/token", headers, body)
        )
        try:
            # A code or token that has arrived twice is refused at worst, so only what was not sent is sent again.
            async for attempt in stamina.retry_context(
                on=(httpx.ConnectError, httpx.ConnectTimeout), attempts=_ATTEMPTS, wait_initial=0.1, wait_jitter=0.1
            ):
                with attempt:
                    answer = await exchange(
                        self._http, "POST", url, headers=headers, content=body.encode(), name="token"
                    )
                    return self._read(answer)
        except (httpx.TransportError, TimeoutError) as error:
            raise unavailable() from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _read(self, answer: HttpAnswer) -> _TokenAnswer:
        if answer.status == 429 or answer.status >= 500:
            pause = pause_seconds(answer.headers.get("retry-after"), default=1.0)
            raise DriveUnavailable("Microsoft does not answer at the moment.", retry_after=max(1, round(pause)))
        if answer.is_redirect:
            raise _unreadable()
        try:
            request = httpx.Request("POST", f"{self._base}/token")
            response = httpx.Response(answer.status, content=answer.body, request=request)
            token = self._client().parse_response_token(response)
            return _TokenAnswer.model_validate(dict(token))
        except OAuth2Error as error:
            raise _meaning(str(error.error)) from None
        except ValidationError as error:
            raise _unreadable() from ValueError(str([each["loc"] for each in error.errors()]))
        except (ValueError, TypeError, OverflowError, RecursionError, AttributeError, httpx.HTTPStatusError):
            raise _unreadable() from None


def _unreadable() -> UnreadableAnswer:
    return UnreadableAnswer("Microsoft's identity platform has answered something that is not known.")


def _meaning(error: str) -> Exception:
    if error in _CONSENT_AGAIN:
        return GrantRefused()
    if error in _LATER:
        return unavailable()
    log.error("Microsoft does not accept the registration of this installation", error=error[:100])
    return Refused("Microsoft does not accept the registration of this installation.")

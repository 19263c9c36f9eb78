"""What the identity platform knows: the registered application, codes, access tokens and refresh tokens."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from graph_server.errors import GraphFault, TokenFault


@dataclass
class Code:
    """An authorization code, which works once."""

    user: str
    redirect_uri: str
    challenge: str | None
    scope: str
    expires_at: float
    used: bool = False


@dataclass
class Identity:
    """An application, and what was given out to it."""

    client_id: str = "11111111-2222-3333-4444-555555555555"
    client_secret: str = "the secret of the application"
    redirect_uri: str = "http://localhost:3000/connect/onedrive/auth"
    lifetime: int = 3599
    """Seconds of access tokens."""
    rotates: bool = True
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Access token -> user, end."""
    refresh: dict[str, str] = field(default_factory=dict)
    """Refresh token -> user. Their use does not revoke them."""
    grants: list[tuple[str, str]] = field(default_factory=list)
    """Grant type and user of each token that was given out."""

    def authorize(self, user: str, parameters: dict[str, str]) -> str:
        """The code for the consent of a user."""
        code = f"M.C507_{secrets.token_urlsafe(24)}"
        self.codes[code] = Code(
            user=user,
            redirect_uri=parameters["redirect_uri"],
            challenge=parameters.get("code_challenge"),
            scope=parameters["scope"],
            expires_at=time.time() + 600,
        )
        return code

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """The answer of the token endpoint. Raises `TokenFault`."""
        if form.get("client_id") != self.client_id:
            raise TokenFault("unauthorized_client", 700016, "Application was not found.")
        if form.get("client_secret") != self.client_secret:
            raise TokenFault("invalid_client", 7000215, "Invalid client secret provided.", status=401)
        match form.get("grant_type"):
            case "authorization_code":
                code = self._redeem(form)
                user, scope = code.user, code.scope
            case "refresh_token":
                known = self.refresh.get(form.get("refresh_token", ""))
                if known is None:
                    raise TokenFault("invalid_grant", 700082, "The refresh token has expired or was revoked.")
                user, scope = known, form.get("scope", "Files.ReadWrite User.Read offline_access")
            case None:
                raise TokenFault("invalid_request", 900144, "The request body must contain: 'grant_type'.")
            case _:
                raise TokenFault("unsupported_grant_type", 70003, "The grant type is not supported.")
        self.grants.append((form["grant_type"], user))
        return self.issue(user, scope, form.get("refresh_token"))

    def issue(self, user: str, scope: str, refresh_token: str | None = None) -> dict[str, Any]:
        """New tokens of a user."""
        access = f"EwB{secrets.token_urlsafe(48)}"
        self.access[access] = (user, time.time() + self.lifetime)
        body = {"token_type": "Bearer", "scope": scope, "expires_in": self.lifetime, "access_token": access}
        if "offline_access" in scope.split():
            if refresh_token is None or self.rotates:
                refresh_token = f"M.R3_{secrets.token_urlsafe(48)}"
                self.refresh[refresh_token] = user
            body["refresh_token"] = refresh_token
        return body

    def user_of(self, authorization: str) -> str:
        """Who sends a request to Graph. Raises 401."""
        scheme, _, token = authorization.partition(" ")
        user, end = self.access.get(token, ("", 0.0))
        if scheme.lower() != "bearer" or end <= time.time():
            message = "Lifetime validation failed, the token is expired." if token else "Access token is empty."
            headers = {"WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.example/authorize"'}
            raise GraphFault(401, "InvalidAuthenticationToken", message, headers=headers)
        return user

    def expire_access(self, user: str) -> None:
        """The access tokens of a user do not work any more."""
        for token in [token for token, (owner, _) in self.access.items() if owner == user]:
            del self.access[token]

    def revoke(self, user: str) -> None:
        """Nor do the refresh tokens."""
        self.expire_access(user)
        for token in [token for token, owner in self.refresh.items() if owner == user]:
            del self.refresh[token]

    def _redeem(self, form: dict[str, str]) -> Code:
        code = self.codes.get(form.get("code", ""))
        if code is None or code.expires_at < time.time():
            raise TokenFault("invalid_grant", 70008, "The provided authorization code has expired.")
        if code.used:
            raise TokenFault("invalid_grant", 54005, "The code was already redeemed.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise TokenFault("invalid_grant", 50011, "The redirect URI is not the one of the request.")
        if code.challenge is not None:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
                raise TokenFault("invalid_grant", 501481, "The code_verifier does not match the code_challenge.")
        code.used = True
        return code

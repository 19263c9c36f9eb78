"""What can be wrong with an authorization request."""

from enum import Enum


class Unanswerable(Enum):
    """Why a request is answered by a page, and not at the client's address, which is not to be trusted."""

    MALFORMED = "malformed"
    UNKNOWN_CLIENT = "unknown-client"
    WRONG_REDIRECT_URI = "wrong-redirect-uri"


class UnanswerableRequest(Exception):
    """The request is not from a client that is known, or not for an address of it (RFC 6749 section 4.1.2.1)."""

    def __init__(self, reason: Unanswerable) -> None:
        super().__init__(reason.value)
        self.reason = reason


class AuthorizationError(Exception):
    """An error that the client is told about at its redirect URI (RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0
    section 3.1.2.6)."""

    def __init__(self, redirect_uri: str, state: str | None, error: str, description: str) -> None:
        """`error` is one of the codes of the standards, `description` a sentence in ASCII."""
        super().__init__(error)
        self.redirect_uri = redirect_uri
        self.state = state
        self.error = error
        self.description = description

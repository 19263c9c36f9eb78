"""Redirect URIs: which may be registered, and whether one is registered (RFC 6749 section 3.1.2, RFC 8252, RFC 9700
section 4.1.3)."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from lightbox_shared.errors.sentences import Sentence

MAX_URI_LENGTH: Final = 2000
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
"""Those of RFC 3986 without `*`, which looks like a wildcard, and `#`, since a fragment is not allowed."""
_PRIVATE_USE: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
"""A scheme that is a reversed domain name (RFC 8252 section 7.1)."""
_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d{1,5})?(?=[/?]|$)")
_ORIGIN: Final = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::\d{1,5})?")

_WRONG_SCHEME: Final = Sentence(
    "uri-scheme", "The scheme is https, http or a reversed domain name such as org.example.app."
)
_NEEDS_TLS: Final = Sentence(
    "uri-needs-tls", "In production http:// is for this machine (127.0.0.1, [::1], localhost) only; use https://."
)
_NO_ORIGIN: Final = Sentence(
    "origin-rule", "An origin is a scheme, a host in lower case and perhaps a port, such as https://app.example.org."
)


def redirect_uri_problem(uri: str, *, plain_http: bool) -> str | None:
    """What is wrong with a redirect URI that is to be registered, as a sentence; None if nothing is.

    With `plain_http` every host may be reached without TLS, else only this machine.
    """
    if len(uri) > MAX_URI_LENGTH or not _CHARACTERS.fullmatch(uri):
        sentence = f"A redirect URI is an absolute URI of at most {MAX_URI_LENGTH} characters, without # and *."
        return Sentence("redirect-uri-rule", sentence, most=MAX_URI_LENGTH)
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError:
        return Sentence("not-a-uri", "This is no URI.")
    if parts.scheme not in {"http", "https"}:
        private = _PRIVATE_USE.fullmatch(parts.scheme) is not None
        return None if private else _WRONG_SCHEME
    if not host or "@" in parts.netloc:
        return Sentence("uri-needs-host", "The URI needs a host, and no name or password before it.")
    if parts.scheme == "http" and not plain_http and host not in LOOPBACK_HOSTS:
        return _NEEDS_TLS
    return None


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether a redirect URI is one of those registered, character by character. Only the port of an http URI of this
    machine may differ, since a native app listens on whatever port is free (RFC 8252 section 7.3)."""
    found = set(registered)
    if uri in found:
        return True
    wanted = _any_port(uri)
    return wanted is not None and any(_any_port(each) == wanted for each in found)


def is_of_any_program(uri: str) -> bool:
    """Whether every program on the person's device can take what is sent to a registered URI, so that it does not say
    which one has asked (RFC 8252 section 8.6): a port of this machine, or a scheme of apps."""
    parts = urlsplit(uri)
    return parts.scheme not in {"http", "https"} or parts.hostname in LOOPBACK_HOSTS


def origin_problem(origin: str) -> str | None:
    """What is wrong with an origin that is to be registered, as a sentence; None if nothing is."""
    if _ORIGIN.fullmatch(origin):
        return None
    return _NO_ORIGIN


def form_action_source(uri: str) -> str:
    """The source with which a Content-Security-Policy allows a form to be redirected to this URI."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or "[" in parts.netloc:  # CSP has no notation for IPv6 addresses
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def _any_port(uri: str) -> str | None:
    """A loopback URI without its port; None for others."""
    found = _LOOPBACK.match(uri)
    if found is None or not _is_valid_port(urlsplit(uri)):
        return None
    return found[1] + uri[found.end() :]


def _is_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False

"""The pages on which people sign in, allow a client something, and sign out.

They work without scripts, load nothing from elsewhere, and can't be shown inside of other pages.
"""

from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from auth_service.oauth_clients.redirect_uris import form_action_source
from auth_service.oauth_clients.scopes import opened_by
from auth_service.openid.errors import Unanswerable
from auth_service.openid.request import AuthorizationRequest, other_account_query, signed_in_query
from auth_service.openid.words import Words

AUTHORIZE_PATH: Final = "/oauth/authorize"
SIGN_IN_PATH: Final = "/oauth/sign-in"
CONSENT_PATH: Final = "/oauth/consent"
SIGN_OUT_PATH: Final = "/oauth/sign-out"
STATIC_PATH: Final = "/oauth/static"

_TYPES: Final = {"page.css": "text/css", "passkey.js": "text/javascript"}
STATIC_TYPES: Final = tuple(_TYPES.values())
_STATIC: Final = {name: (files(__package__) / "static" / name).read_bytes() for name in _TYPES}


def static_file(name: str) -> Response | None:
    """A style or a script of the pages."""
    if name not in _STATIC:
        return None
    cached = {"Cache-Control": "public, max-age=3600"}
    return Response(_STATIC[name], media_type=_TYPES[name], headers=cached)


def sign_in_page(
    words: Words, request: AuthorizationRequest, query: str, *, message: str = "", status: int = 200
) -> Response:
    """The page with the form for a name and a password. The form goes on with the query of the request."""
    title = words.sign_in_to.format(request.client.name)
    alert = f'<p role="alert" id="message">{escape(message)}</p>' if message else ""
    invalid = ' aria-invalid="true" aria-describedby="message"' if message else ""
    body = f"""<h1>{escape(title)}</h1>
{alert}
<form method="post" action="{_action(SIGN_IN_PATH, query)}">
<label for="username">{escape(words.username)}</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required
 value="{escape(request.login_hint)}"{invalid}{"" if request.login_hint else " autofocus"}>
<label for="password">{escape(words.password)}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
{invalid}{" autofocus" if request.login_hint else ""}>
<button>{escape(words.sign_in)}</button>
</form>
<button id="passkey" class="secondary" data-next="{_action(AUTHORIZE_PATH, signed_in_query(query))}" hidden>
{escape(words.passkey)}</button>
<p id="passkey-failed" role="alert" hidden>{escape(words.passkey_failed)}</p>
<script src="{STATIC_PATH}/passkey.js"></script>"""
    return _page(words, title, body, forms_to=request.code.redirect_uri, status=status)


def consent_page(
    words: Words, request: AuthorizationRequest, query: str, *, account_id: int, username: str
) -> Response:
    """The page that lists what a client asks for."""
    title = words.consent.format(request.client.name)
    scopes = "\n".join(f"<li>{escape(words.scopes[scope])}</li>" for scope in opened_by(request.scopes))
    another = _action(AUTHORIZE_PATH, other_account_query(query))
    body = f"""<h1>{escape(title)}</h1>
<p>{escape(words.signed_in_as.format(username))} <a href="{another}">{escape(words.other_account)}</a></p>
<p id="wants">{escape(words.wants_to)}</p>
<ul aria-labelledby="wants">
{scopes}
</ul>
<p>{escape(words.goes_to.format(_place(request.code.redirect_uri)))}</p>
<form method="post" action="{_action(CONSENT_PATH, query)}">
<input type="hidden" name="account" value="{account_id}">
<button name="decision" value="allow">{escape(words.allow)}</button>
<button name="decision" value="deny" class="secondary">{escape(words.deny)}</button>
</form>"""
    return _page(words, title, body, forms_to=request.code.redirect_uri)


def sign_out_page(words: Words, query: str, *, redirect_uri: str | None) -> Response:
    """The page that asks whether to sign out."""
    body = f"""<h1>{escape(words.want_to_sign_out)}</h1>
<form method="post" action="{_action(SIGN_OUT_PATH, query)}">
<button>{escape(words.sign_out)}</button>
</form>"""
    return _page(words, words.sign_out, body, forms_to=redirect_uri)


def signed_out_page(words: Words) -> Response:
    """The page that says so."""
    return _page(words, words.signed_out, f"<h1>{escape(words.signed_out)}</h1>")


def unanswerable_page(words: Words, reason: Unanswerable) -> Response:
    """The page for a request that is not answered at the address of a client."""
    body = f"<h1>{escape(words.cannot_go_on)}</h1>\n<p>{escape(words.reasons[reason])}</p>"
    return _page(words, words.cannot_go_on, body, status=400)


def _page(words: Words, title: str, body: str, *, forms_to: str | None = None, status: int = 200) -> Response:
    """A page; `forms_to` is an address to which the answer to a form may redirect, besides our own."""
    content = f"""<!doctype html>
<html lang="{words.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="/favicon.ico">
<link rel="stylesheet" href="{STATIC_PATH}/page.css">
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
    return HTMLResponse(content, status, headers=_headers(forms_to))


def _headers(forms_to: str | None) -> dict[str, str]:
    # Browsers apply form-action to the redirects that follow a form too.
    forms = "'self'" if forms_to is None else f"'self' {form_action_source(forms_to)}"
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        f"form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",  # not no-referrer, with which browsers send `Origin: null` with forms
        "Vary": "Accept-Language, Cookie",
    }


def _action(path: str, query: str) -> str:
    return escape(f"{path}?{query}" if query else path)


def _place(uri: str) -> str:
    """The host of an address, or the scheme of an app."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in {"http", "https"} else parts.scheme

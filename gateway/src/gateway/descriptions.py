"""Texts of the OpenAPI document: the introduction, the order of the sections, and how to authenticate."""

from collections.abc import Mapping
from typing import Any, Final

from lightbox_shared.auth.principal import Scope
from lightbox_shared.http import TOKEN_PATH

DISCLAIMER: Final = (
    "The models that come with Lightbox are demonstrations, trained on synthetic phantoms that the project draws "
    "itself. They are not medical devices, and what they answer says nothing about a person."
)
INTRODUCTION: Final = f"""{DISCLAIMER}

**Signing in.** *Authorize* takes a name and a password under `oauth2`, and fetches a token. `POST /api/chexray/signup`
makes an account; the administrator's is made by the first start. **API keys** are for programs and devices:
`POST /api/keys`, signed in, or `lightbox api-keys create` on the machine itself; they go into `key`, the header
`X-API-Key`.

Every path answers with and without a slash at its end, and HEAD wherever there is GET. Every answer has an
`X-Request-ID`, under which the logs have the request.
"""
TAG_ORDER: Final = (
    "CheXRay",
    "COVID-19",
    "CoRE collection",
    "ImageHub",
    "Gallery",
    "IIIF",
    "TheYelda",
    "TheYelda under /api",
    "Predictions",
    "Models",
    "API keys",
    "Sessions",
    "OAuth",
    "Audit trail",
    "Platform",
)
"""The order of the sections. Other sections follow. Their descriptions are in the documents of the services."""
SCOPES: Final[Mapping[Scope, str]] = {
    Scope.PREDICT: "have models read pictures",
    Scope.COLLECT: "send pictures to the collection, and read them",
    Scope.ANNOTATE: "label pictures",
    Scope.HUB: "use the gallery",
    Scope.READ: "look at what the account may see, and change nothing",
}
"""The scopes to which tokens can be limited, with their descriptions."""


def security_schemes(cookie: str) -> dict[str, dict[str, Any]]:
    """The security schemes of the document. `cookie` is the name of the session cookie."""
    scopes = {str(scope): text for scope, text in SCOPES.items()}
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "Name and password of an account (RFC 6749 section 4.3). Leave the client's fields empty; "
            "without a scope the token is for all that the account may do.",
            "flows": {"password": {"tokenUrl": TOKEN_PATH, "refreshUrl": TOKEN_PATH, "scopes": scopes}},
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token that was fetched before, or an API key.",
        },
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "The same as `Token <token>`, as CheXRay's clients send it.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "Set by `POST /authorization`; browsers send it by themselves. Requests that change "
            "something count only from pages of this host, and of origins that the settings name.",
        },
        "key": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "`lbx_...`, for programs and devices. `POST /api/keys` makes one after signing in, or "
            "`lightbox api-keys create` on the machine itself; it is shown once.",
        },
    }

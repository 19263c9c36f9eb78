"""Who may call an endpoint is visible in its signature: one of these aliases, or none for the public.

The gateway has checked the token already; each service checks it again, since a header proves nothing by having
come from inside.
"""

from typing import Annotated

from fastapi import Depends, Request, params

from lightbox_shared.auth.principal import Authority, Principal, Scope
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.errors import Forbidden, InsufficientScope, InvalidToken, NotAuthenticated


def bearer_token(header: str | None) -> str | None:
    """The token of an `Authorization: Bearer ...` header; None for no header or another scheme."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def principal_of(request: Request) -> Principal | None:
    """Whoever calls, or nobody. Raises `InvalidToken`."""
    token = bearer_token(request.headers.get("authorization"))
    if token is None:
        return None
    verifier: TokenVerifier = request.state.tokens
    return await verifier.verify(token)


async def _account(principal: Annotated[Principal | None, Depends(principal_of)]) -> Principal:
    if principal is None:
        raise NotAuthenticated
    if principal.account_id is None:
        raise InvalidToken
    return principal


async def _admin(principal: Annotated[Principal, Depends(_account)]) -> Principal:
    if principal.authority is not Authority.ADMIN:
        raise Forbidden
    return principal


async def _service(principal: Annotated[Principal | None, Depends(principal_of)]) -> str:
    if principal is None:
        raise NotAuthenticated
    if principal.service is None:
        raise Forbidden
    return principal.service


async def _whole(principal: Annotated[Principal, Depends(_account)]) -> Principal:
    if principal.scopes is not None:
        raise InsufficientScope
    return principal


def needs(*scopes: Scope) -> params.Depends:
    """For a router's `dependencies`: a scoped token must have one of these, `Scope.READ` being enough to look. Callers
    without a token and tokens of whole accounts pass; whether there must be one is said by the endpoint's signature.
    Without any scope, scoped tokens are refused altogether."""

    async def check(request: Request, principal: Annotated[Principal | None, Depends(principal_of)]) -> None:
        if principal is not None and not principal.allows(scopes, request.method):
            raise InsufficientScope(*scopes)

    return params.Depends(check)


AnyCaller = Annotated[Principal | None, Depends(principal_of)]
"""Whoever calls, or nobody; a bad token is refused."""
CurrentAccount = Annotated[Principal, Depends(_account)]
WholeAccount = Annotated[Principal, Depends(_whole)]
"""An account by a token that is not scoped: for accounts, sessions and keys themselves, so that a key for one thing
can't make itself a key for everything."""
AdminOnly = Annotated[Principal, Depends(_admin)]
ServiceOnly = Annotated[str, Depends(_service)]

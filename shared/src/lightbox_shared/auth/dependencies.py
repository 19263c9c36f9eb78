"""Dependencies that authorize the callers of endpoints.

An endpoint says in its signature who may call it, by one of the aliases at the end of this module; a public endpoint
has none. The gateway has verified the token already, and each service verifies it again: a request is not trusted for
coming from the internal network.
"""

from typing import Annotated

from fastapi import Depends, Request, params

from lightbox_shared.auth.principal import Authority, Principal, Scope
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.errors import Forbidden, InsufficientScope, InvalidToken, NotAuthenticated


def bearer_token(header: str | None) -> str | None:
    """The token in the value of an `Authorization` header; None without a header and for other schemes than Bearer."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def principal_of(request: Request) -> Principal | None:
    """The bearer of the request's token, or None for a request without one. Raises `InvalidToken`."""
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


def needs(*scopes: Scope, changes: bool = False) -> params.Depends:
    """A dependency for routers that refuses scoped tokens with none of `scopes`; `Scope.READ` is enough for GET and
    HEAD, unless the endpoint `changes` something for them too.

    Without `scopes` every scoped token is refused. Tokens without scopes and requests without a token pass; whether an
    endpoint requires a token is said in its signature. Raises `InsufficientScope`.
    """

    async def check(request: Request, principal: Annotated[Principal | None, Depends(principal_of)]) -> None:
        if principal is not None and not principal.allows(scopes, "POST" if changes else request.method):
            raise InsufficientScope(*scopes)

    return params.Depends(check)


AnyCaller = Annotated[Principal | None, Depends(principal_of)]
"""The caller, or None for a request without a token. An invalid token is refused."""
CurrentAccount = Annotated[Principal, Depends(_account)]
"""The caller, which must be an account. Other callers get 401."""
WholeAccount = Annotated[Principal, Depends(_whole)]
"""The caller, which must be an account with a token without scopes. For endpoints that manage accounts, sessions and
API keys: by a scoped key no key with more scopes can be made."""
AdminOnly = Annotated[Principal, Depends(_admin)]
"""The caller, which must be an account with the authority admin. Other accounts get 403."""
ServiceOnly = Annotated[str, Depends(_service)]
"""The name of the calling service. Accounts get 403."""

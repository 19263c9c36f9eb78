"""TheYelda's accounts, with links (HAL), and what other services ask about accounts."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from auth_service.accounts import repository
from auth_service.accounts.authorization import Edit, Search, check_edit
from auth_service.accounts.changes import Change
from auth_service.accounts.errors import (
    AccountNotFound,
    CreatingNeedsAdministrator,
    LastAdministrator,
    Refused,
    UsernameLooksAlikeInYelda,
    UsernameTaken,
)
from auth_service.accounts.fields import AuthorityField
from auth_service.accounts.registration import NewAccount
from auth_service.accounts.schemas import (
    ACCOUNTS_PATH,
    AccountForServices,
    PhotoOfAccount,
    YeldaAccount,
    YeldaAccounts,
    YeldaCreatedAccount,
    YeldaDeletedAccount,
    YeldaEdit,
    YeldaEditedAccount,
    YeldaListedAccount,
    YeldaNewAccount,
    YeldaSelf,
    account_path,
)
from auth_service.caller import Caller
from auth_service.dependencies import OptionalCaller, SignedIn
from auth_service.request_source import RequestSource, Source, service_actor
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import ServiceOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import NotFound, TooManyRequests
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.hal import hal_content, hal_response, page_links, self_link
from lightbox_shared.second_prefix import Prefix, deleted, deletion

LISTED: Final = 1000
MOST_LISTED: Final = 5000
"""Accounts on a page, without a limit and at most. Clients count pages by the limit that they ask for, so a larger one
is refused and not cut down."""
FIND: Final = ACCOUNTS_PATH + "{?username,authority,offset,limit}"

router = APIRouter()
"""The resources that are the same at the root and under `/api` (`lightbox_shared.second_prefix`)."""
internal_router = APIRouter(tags=["Internal"])

Offset = Annotated[int, Query(ge=0, lt=2**63, description="Accounts to skip.")]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="Accounts on the page, at most.")]


# Refused before the body is read: an account that may not do it is not told what is wrong with its request.
async def _editable(account_id: int, caller: SignedIn) -> int:
    check_edit(caller, account_id)
    return account_id


async def _creator(caller: OptionalCaller, services: ServicesDep) -> Caller | None:
    services.account_authorization.check_create(caller)
    return caller


@router.get(
    "/self",
    summary="The account that is signed in",
    dependencies=[needs(*Scope)],
    response_model=YeldaSelf,
    responses={200: hal_content(YeldaSelf)},
)
@router.get("/Self", dependencies=[needs(*Scope)], include_in_schema=False)
async def yelda_self(request: Request, caller: SignedIn, prefix: Prefix) -> Response:
    """The id of the account behind the token or the cookie."""
    links = self_link(request.url.path, account=account_path(caller.id, prefix))
    found = YeldaSelf(message="ID获取成功", account_id=caller.id, _links=links)
    return hal_response(request, found, modified=caller.modified_at)


@router.get(
    "/accounts/{account_id}",
    summary="One account",
    dependencies=[needs()],
    response_model=YeldaAccount,
    responses={200: hal_content(YeldaAccount), **errors(Refused, AccountNotFound)},
)
async def yelda_account(
    request: Request, account_id: int, *, caller: SignedIn, session: Reading, services: ServicesDep, prefix: Prefix
) -> Response:
    """The caller's own account; administrators see every account."""
    account = await services.account_authorization.see(session, caller, account_id)
    found = YeldaAccount.of(account, "用户获取成功", prefix)
    return hal_response(request, found, modified=account.modified_at)


@router.put(
    "/accounts/{account_id}",
    summary="Change an account",
    dependencies=[needs()],
    response_model=YeldaEditedAccount,
    responses={
        200: hal_content(YeldaEditedAccount),
        **errors(
            Refused, AccountNotFound, UsernameTaken, UsernameLooksAlikeInYelda, LastAdministrator, TooManyRequests
        ),
    },
)
async def yelda_edit_account(
    request: Request,
    account_id: Annotated[int, Depends(_editable)],
    *,
    caller: SignedIn,
    body: Annotated[YeldaEdit, form_or_json(YeldaEdit, any_text=True)],
    services: ServicesDep,
    source: Source,
    prefix: Prefix,
) -> Response:
    """Change the caller's own account; administrators change every account. Absent fields stay as they are. A new
    password ends all sessions of the account."""
    account = await services.account_authorization.edit(caller, account_id, Edit.of(body.given()), source)
    edited = YeldaEditedAccount.of(account, "用户修改成功", prefix)
    return hal_response(request, edited, modified=account.modified_at)


@router.delete(
    "/accounts/{account_id}",
    status_code=204,
    summary="Delete an account",
    dependencies=[needs()],
    responses={**deletion(YeldaDeletedAccount), **errors(Refused, AccountNotFound, LastAdministrator)},
)
async def yelda_delete_account(
    request: Request,
    account_id: int,
    *,
    caller: SignedIn,
    session: Writing,
    services: ServicesDep,
    source: Source,
    prefix: Prefix,
) -> Response:
    """Delete the caller's own account; administrators delete every account that is not an administrator's. The sessions
    and API keys of the account end at once."""
    await services.account_authorization.delete(session, caller, account_id, source)
    links = self_link(account_path(account_id, prefix))
    return deleted(request, prefix, YeldaDeletedAccount(message="用户删除成功", _links=links))


@router.get(
    "/accounts",
    summary="All accounts",
    dependencies=[needs()],
    response_model=YeldaAccounts,
    responses={200: hal_content(YeldaAccounts), **errors(Refused)},
)
async def yelda_list_accounts(
    request: Request,
    *,
    caller: SignedIn,
    session: Reading,
    services: ServicesDep,
    prefix: Prefix,
    username: Annotated[str | None, Query(description="Only the account of this name.")] = None,
    authority: Annotated[AuthorityField | None, Query(description="Only accounts with this authority.")] = None,
    offset: Offset = 0,
    limit: Limit = LISTED,
) -> Response:
    """All accounts in the order of their ids, for administrators. Other accounts find themselves, by `username`."""
    page = await services.account_authorization.page(
        session, caller, Search(username, authority), offset=offset, limit=limit
    )
    filters = {name: request.query_params.get(name) for name in ("username", "authority")}
    found = YeldaAccounts(
        message="用户集合获取成功",
        data=[YeldaListedAccount.of(account, prefix) for account in page.accounts],
        total=page.total,
        offset=offset,
        limit=limit,
        _links=page_links(
            prefix + ACCOUNTS_PATH, filters, offset=offset, limit=limit, total=page.total, find=prefix + FIND
        ),
    )
    return hal_response(request, found, modified=page.modified_at)


@router.post(
    "/accounts",
    status_code=201,
    summary="Make an account",
    dependencies=[needs()],
    response_model=YeldaCreatedAccount,
    responses={
        201: {**hal_content(YeldaCreatedAccount), **headers(Location="The path of the account.")},
        **errors(Refused, CreatingNeedsAdministrator, UsernameTaken, UsernameLooksAlikeInYelda),
    },
)
async def yelda_create_account(
    request: Request,
    *,
    caller: Annotated[Caller | None, Depends(_creator)],
    body: Annotated[YeldaNewAccount, form_or_json(YeldaNewAccount)],
    services: ServicesDep,
    source: Source,
    prefix: Prefix,
) -> Response:
    """Administrators can always make accounts. Where self-registration is on, everyone can, and the account waits for
    approval by an administrator."""
    account = await services.account_authorization.create(caller, NewAccount(**body.model_dump()), source)
    path = account_path(account.id, prefix)
    made = YeldaCreatedAccount(message="用户创建成功", account_id=account.id, _links=self_link(path))
    return hal_response(request, made, status=201, headers={"Location": path})


@internal_router.get(
    "/internal/accounts/{account_id}", summary="An account, for other services", responses=errors(NotFound)
)
async def internal_account(account_id: RowId, _service: ServiceOnly, session: Reading) -> AccountForServices:
    """An account's names and authority."""
    account = await repository.find(session, account_id)
    if account is None:
        raise NotFound
    return AccountForServices.of(account)


@internal_router.put(
    "/internal/accounts/{account_id}/photo",
    status_code=204,
    summary="The picture of an account, for other services",
    responses=errors(AccountNotFound),
)
async def internal_set_photo(
    account_id: RowId,
    service: ServiceOnly,
    *,
    body: Annotated[PhotoOfAccount, form_or_json(PhotoOfAccount)],
    session: Writing,
    services: ServicesDep,
) -> Response:
    """Name the file that the calling service keeps as the picture of an account."""
    account = await services.changes.lock(session, account_id)
    change = Change(profile={"photo": body.photo})
    actor = service_actor(service)
    await services.changes.change(session, account, change, RequestSource(None, actor), actor=actor)
    return Response(status_code=204)

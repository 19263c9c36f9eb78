"""TheYelda's accounts: its paths, sentences and shapes, with links (HAL). Errors are `{"message": "..."}`; what is not
valid is 400, with a second member that names the field."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from auth_service.accounts import rules
from auth_service.accounts.authorization import Search
from auth_service.accounts.fields import read_authority, read_edit, read_new_account
from auth_service.accounts.schemas import (
    ACCOUNTS_PATH,
    YeldaAccount,
    YeldaAccounts,
    YeldaCreatedAccount,
    YeldaEdit,
    YeldaEditedAccount,
    YeldaListedAccount,
    YeldaNewAccount,
    YeldaSelf,
    account_path,
)
from auth_service.caller import SignedIn, Visitor
from auth_service.request_source import Source
from auth_service.state import AccountsState, Administration
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors.dialects import ErrorMember
from lightbox_shared.forms import documented_body, read_fields
from lightbox_shared.hal import hal_response, page_links, self_link
from lightbox_shared.pagination import MAX_LIMIT

SELF_PATHS: Final = ("/self", "/Self")
FIND: Final = ACCOUNTS_PATH + "{?username,authority,offset,limit}"

DIALECT: Final = ErrorMember(
    {400: "请求非法", 401: "用户未登录", 403: "用户没有权限", 404: "用户不存在", 409: "用户名已存在"},
    member="message",
    detail="detail",
)

router = APIRouter(tags=["TheYelda"])
accounts = APIRouter(prefix=ACCOUNTS_PATH, tags=["TheYelda"], dependencies=[needs()])

Offset = Annotated[int, Query(ge=0, lt=2**63)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


@router.get(SELF_PATHS[0], response_model=YeldaSelf, dependencies=[needs(*Scope)])
@router.get(SELF_PATHS[1], response_model=YeldaSelf, dependencies=[needs(*Scope)], include_in_schema=False)
async def read_self(request: Request, caller: SignedIn) -> Response:
    """Who one is."""
    links = self_link(request.url.path, account=account_path(caller.id))
    found = YeldaSelf(message="ID获取成功", account_id=caller.id, _links=links)
    return hal_response(request, found, modified=caller.account.modified_at)


@accounts.get("/{account_id}", response_model=YeldaAccount)
async def read_account(
    request: Request, account_id: int, *, caller: SignedIn, session: Reading, administration: Administration
) -> Response:
    """One's own account, or for administrators any."""
    account = await administration.see(session, caller, account_id)
    return hal_response(request, YeldaAccount.of(account, "用户获取成功"), modified=account.modified_at)


@accounts.put("/{account_id}", response_model=YeldaEditedAccount, openapi_extra=documented_body(YeldaEdit))
async def edit_account(
    request: Request,
    account_id: int,
    *,
    caller: SignedIn,
    session: Writing,
    accounts: AccountsState,
    administration: Administration,
    source: Source,
) -> Response:
    """Change one's own account, or for administrators any; what is absent stays. A new password ends all sessions."""
    rules.check_edit(caller, account_id)
    edit = read_edit(await read_fields(request), shortest_password=accounts.shortest_password)
    account = await administration.edit(session, caller, account_id, edit, source)
    return hal_response(request, YeldaEditedAccount.of(account, "用户修改成功"), modified=account.modified_at)


@accounts.delete("/{account_id}", status_code=204)
async def delete_account(
    account_id: int, *, caller: SignedIn, session: Writing, administration: Administration, source: Source
) -> Response:
    """Delete one's own account, or for administrators anybody's who is none. All its sessions and API keys end."""
    await administration.delete(session, caller, account_id, source)
    return Response(status_code=204)


@accounts.get("", response_model=YeldaAccounts)
async def list_accounts(
    request: Request,
    *,
    caller: SignedIn,
    session: Reading,
    administration: Administration,
    username: str | None = None,
    authority: str | None = None,
    offset: Offset = 0,
    limit: Limit = MAX_LIMIT,
) -> Response:
    """All accounts in the order of their ids, for administrators; everybody finds themselves by their `username`."""
    search = Search(username, read_authority(authority))
    page = await administration.page(session, caller, search, offset=offset, limit=limit)
    filters = {"username": username, "authority": authority}
    links = page_links(ACCOUNTS_PATH, filters, offset=offset, limit=limit, total=page.total, find=FIND)
    found = YeldaAccounts(
        message="用户集合获取成功",
        data=[YeldaListedAccount.of(account) for account in page.accounts],
        total=page.total,
        offset=offset,
        limit=limit,
        _links=links,
    )
    return hal_response(request, found, modified=page.modified_at)


@accounts.post("", response_model=YeldaCreatedAccount, status_code=201, openapi_extra=documented_body(YeldaNewAccount))
async def create_account(
    request: Request,
    *,
    visitor: Visitor,
    session: Writing,
    accounts: AccountsState,
    administration: Administration,
    source: Source,
) -> Response:
    """Make an account: administrators always, everybody else where self-registration is on, to wait for approval."""
    administration.check_create(visitor)
    new = read_new_account(await read_fields(request), shortest_password=accounts.shortest_password)
    account = await administration.create(session, visitor, new, source)
    path = account_path(account.id)
    made = YeldaCreatedAccount(message="用户创建成功", account_id=account.id, _links=self_link(path))
    return hal_response(request, made, status=201, headers={"Location": path})


router.include_router(accounts)

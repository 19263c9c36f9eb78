"""Who may do what with whose account: TheYelda's rules, each refusal in the sentence that its clients know.

Its clients expect 401 for nearly all of them, also where we know very well who asks.
"""

from auth_service.accounts.models import Account
from auth_service.caller import Caller
from lightbox_shared.auth.principal import Authority
from lightbox_shared.errors import Forbidden, NotAuthenticated


class Refused(NotAuthenticated):
    """The account that asks may not do this."""

    code = "refused"
    verbatim = True


class CannotSeeOthers(Refused):
    """Only administrators look at others."""

    default_detail = "用户无法访问他人账号"


class CannotListOthers(Refused):
    """Only administrators list accounts."""

    default_detail = "用户无法查看他人账号"


class CannotEditOthers(Refused):
    """Only administrators change others."""

    default_detail = "用户无法修改他人信息"


class CannotDeleteOthers(Refused):
    """Only administrators delete others."""

    default_detail = "用户无法删除他人账号"


class CannotChangeAuthority(Refused):
    """Nobody but an administrator decides what an account may do."""

    default_detail = "用户无法修改权限"


class CannotChangeOwnAuthority(Refused):
    """An administrator stays one until another one decides."""

    default_detail = "管理员无法修改本账号权限"


class CannotMakeAdministrators(Refused):
    """Administrators are made on the command line."""

    default_detail = "管理员无法修改他人权限为管理员"


class CannotDeleteAdministrators(Refused):
    """An administrator is not deleted before another one has taken that authority away."""

    default_detail = "管理员不可删除"


class CreatingNeedsAdministrator(Forbidden):
    """Self-registration is off; here 403 is the documented status."""

    code = "creating-needs-administrator"
    verbatim = True
    default_detail = "创建用户需要管理员权限"


def check_see(caller: Caller, account_id: int) -> None:
    """Raises `CannotSeeOthers`."""
    if not caller.is_admin and caller.id != account_id:
        raise CannotSeeOthers


def check_list(caller: Caller, username_key: str | None) -> None:
    """A list of everybody, or of who has a name; one's own is no secret. Raises `CannotListOthers`."""
    if not caller.is_admin and caller.account.username_key != username_key:
        raise CannotListOthers


def check_create(caller: Caller | None, authority: Authority, *, self_registration: bool) -> None:
    """Raises `NotAuthenticated`, `CreatingNeedsAdministrator`, `CannotMakeAdministrators` or
    `CannotChangeAuthority`."""
    if caller is not None and caller.is_admin:
        if authority is Authority.ADMIN:
            raise CannotMakeAdministrators
        return
    if not self_registration:
        raise NotAuthenticated if caller is None else CreatingNeedsAdministrator
    if authority is not Authority.NONE:
        raise CannotChangeAuthority


def check_edit(caller: Caller, account_id: int) -> None:
    """Whether anything of it. Raises `CannotEditOthers`."""
    if not caller.is_admin and caller.id != account_id:
        raise CannotEditOthers


def check_authority(caller: Caller, account: Account, authority: Authority | None) -> None:
    """Whether an account that the caller may edit may get this authority; None and the one that it has change nothing.
    Raises `CannotChangeAuthority`, `CannotChangeOwnAuthority` or `CannotMakeAdministrators`."""
    if authority is None or authority == account.authority:
        return
    if not caller.is_admin:
        raise CannotChangeAuthority
    if caller.id == account.id:
        raise CannotChangeOwnAuthority
    if authority is Authority.ADMIN:
        raise CannotMakeAdministrators


def check_delete(caller: Caller, account_id: int, account: Account | None = None) -> None:
    """Without the account: whether the caller may delete one with this id at all. Raises `CannotDeleteOthers` or
    `CannotDeleteAdministrators`."""
    if not caller.is_admin and caller.id != account_id:
        raise CannotDeleteOthers
    if account is not None and account.authority == Authority.ADMIN:
        raise CannotDeleteAdministrators

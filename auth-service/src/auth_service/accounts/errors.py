"""What can go wrong with accounts. TheYelda's sentences are in the words that its clients know."""

from typing import Final

from lightbox_shared.errors import Conflict, FieldError, Forbidden, NotAuthenticated, NotFound
from lightbox_shared.errors.dialects import ErrorMember
from lightbox_shared.errors.sentences import Sentence

YELDA: Final = ErrorMember(
    {400: "请求非法", 401: "用户未登录", 403: "用户没有权限", 404: "用户不存在", 409: "用户名已存在"},
    member="message",
    detail="detail",
)
"""The shape of TheYelda's errors: `{"message": "..."}`. For a request that is not valid (400) the member `detail` names
the field."""


class UsernameTaken(Conflict):
    """Another account has this name, or one with the same key (`usernames.username_key`)."""

    code = "username-taken"
    default_detail = "A user with that username already exists."

    def __init__(self) -> None:
        super().__init__(fields=[FieldError("username", Sentence(self.code, self.default_detail))])


class UsernameLooksAlike(Conflict):
    """The name of another account looks the same (`usernames.username_skeletons`)."""

    code = "username-looks-alike"
    default_detail = "This username looks like that of another account. Please choose another one."

    def __init__(self) -> None:
        super().__init__(fields=[FieldError("username", Sentence(self.code, self.default_detail))])


class UsernameLooksAlikeInYelda(Conflict):
    """`UsernameLooksAlike`, in the words of TheYelda."""

    code = UsernameLooksAlike.code
    verbatim = True
    default_detail = "用户名与已有用户名过于相似"


class AccountNotFound(NotFound):
    """There is no such account, or it is the reserved account `anonymous`."""

    code = "account-not-found"
    default_detail = "There is no such account."


class LastAdministrator(Conflict):
    """The change would leave no administrator."""

    code = "last-administrator"
    default_detail = "This is the last administrator, and there must be one."
    verbatim = True


class Refused(NotAuthenticated):
    """The caller may not do this. TheYelda's clients expect 401 here, although the caller is known."""

    code = "refused"
    verbatim = True


class CannotSeeOthers(Refused):
    """Only administrators may look at the accounts of others."""

    default_detail = "用户无法访问他人账号"


class CannotListOthers(Refused):
    """Only administrators may list accounts."""

    default_detail = "用户无法查看他人账号"


class CannotEditOthers(Refused):
    """Only administrators may change the accounts of others."""

    default_detail = "用户无法修改他人信息"


class CannotDeleteOthers(Refused):
    """Only administrators may delete the accounts of others."""

    default_detail = "用户无法删除他人账号"


class CannotChangeAuthority(Refused):
    """Only administrators may change authorities."""

    default_detail = "用户无法修改权限"


class CannotChangeOwnAuthority(Refused):
    """The authority of an administrator can only be changed by another administrator."""

    code = "own-authority"
    default_detail = "管理员无法修改本账号权限"


class CannotMakeAdministrators(Refused):
    """Administrators are made on the command line only."""

    code = "administrators-are-made-elsewhere"
    default_detail = "管理员无法修改他人权限为管理员"


class CannotDeleteAdministrators(Refused):
    """An account that is an administrator can't be deleted; another administrator has to change its authority first."""

    code = "administrators-stay"
    default_detail = "管理员不可删除"


class CreatingNeedsAdministrator(Forbidden):
    """Self-registration is off. Here the documented status is 403."""

    code = "creating-needs-administrator"
    verbatim = True
    default_detail = "创建用户需要管理员权限"

"""What can go wrong with accounts; each dialect of the logins has its own words for these."""

from lightbox_shared.errors import Conflict, FieldError, NotAuthenticated, NotFound


class UsernameTaken(Conflict):
    """Another account has this name, or one that differs only in case or in width."""

    code = "username-taken"
    default_detail = "A user with that username already exists."

    def __init__(self) -> None:
        super().__init__(fields=[FieldError("username", self.default_detail)])


class WrongCredentials(NotAuthenticated):
    """There is no such account, or its password is another. Which of the two is nobody's business."""

    code = "wrong-credentials"
    default_detail = "Unable to log in with provided credentials."


class NoSuchAccount(WrongCredentials):
    """There is no such account. Only dialects whose documented answers tell make a difference."""


class WrongPassword(WrongCredentials):
    """The account exists, and its password is another."""


class AwaitingApproval(NotAuthenticated):
    """The password was right, and nobody has decided yet what the account may do."""

    code = "awaiting-approval"
    default_detail = "The account waits for approval."


class AccountNotFound(NotFound):
    """There is no such account, or it is the reserved one."""

    code = "account-not-found"
    default_detail = "There is no such account."


class LastAdministrator(Conflict):
    """Without this administrator there would be none."""

    code = "last-administrator"
    default_detail = "This is the last administrator, and there must be one."
    verbatim = True


class BootstrapFailed(RuntimeError):
    """The first start can't make its accounts; the text says what to do."""

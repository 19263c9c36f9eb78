"""What can go wrong with a sign-in. Each dialect has its own words for these."""

from lightbox_shared.errors import NotAuthenticated


class WrongCredentials(NotAuthenticated):
    """There is no such account, or its password is another one."""

    code = "wrong-credentials"
    default_detail = "Unable to log in with provided credentials."


class NoSuchAccount(WrongCredentials):
    """There is no such account. Only the dialects whose documented answers say so distinguish this."""


class WrongPassword(WrongCredentials):
    """There is such an account, and its password is another one."""


class AwaitingApproval(NotAuthenticated):
    """The password is right, and the account waits for approval by an administrator."""

    code = "awaiting-approval"
    default_detail = "The account waits for approval."

"""Errors of shared links."""

from lightbox_shared.errors import Forbidden, NotFound, TooManyRequests


class NoSuchShare(NotFound):
    """There is no shared link with this id, or its time is over. Visitors are not told which."""

    code = "no-such-share"
    default_detail = "There is no such link, or its time is over."


class PasswordNeeded(Forbidden):
    """The link is protected by a password, which is sent by POST."""

    code = "password-needed"
    default_detail = 'This link needs a password: POST {"password": "..."} to the same address.'


class WrongPassword(Forbidden):
    """The password of the link is another one."""

    code = "wrong-password"
    default_detail = "Wrong password."


class TooManyGuesses(TooManyRequests):
    """Too many wrong passwords were sent for this link."""

    code = "too-many-guesses"
    default_detail = "Too many wrong passwords."

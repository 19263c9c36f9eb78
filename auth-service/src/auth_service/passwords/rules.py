"""What a new password must be like."""

from typing import Final

from lightbox_shared.errors.sentences import too_long, too_short

MAX_PASSWORD_LENGTH: Final = 1024
"""Characters."""


def password_problem(password: str, *, shortest: int) -> str | None:
    """Why a password is not acceptable, or None if it is. Every character is allowed, also blanks at both ends."""
    if len(password) > MAX_PASSWORD_LENGTH:
        return too_long(MAX_PASSWORD_LENGTH)
    if len(password) < shortest:
        return too_short(shortest)
    return None

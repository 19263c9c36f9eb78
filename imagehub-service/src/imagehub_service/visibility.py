"""Who may see the gallery."""

from enum import StrEnum


class Visibility(StrEnum):
    """Who may see the gallery, administrators aside."""

    PUBLIC = "public"
    """Everybody."""
    ACCOUNTS = "accounts"
    """Every account that is signed in."""
    APPROVED = "approved"
    """Accounts that an administrator has approved."""

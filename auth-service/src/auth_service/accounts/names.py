"""What a username and a password may be. The username's rule and sentence are those of Django's accounts, which the
published clients were written against."""

import re
import unicodedata
from typing import Final

MAX_USERNAME_LENGTH: Final = 150
MAX_PASSWORD_LENGTH: Final = 1024
LONGEST_TYPED_USERNAME: Final = 4 * MAX_USERNAME_LENGTH
"""Before it is composed. Nothing longer is normalised: that takes time that grows with the square of the length."""

USERNAME_RULE: Final = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
_USERNAME: Final = re.compile(r"[\w.@+-]+")


def clean_username(text: str) -> str:
    """The name as it is kept and shown: without blanks around it, composed (NFC)."""
    return unicodedata.normalize("NFC", text.strip())


def username_key(username: str) -> str:
    """What is unique: `Yelda` and `yelda` are one name, and so is the same word in full-width
    letters (NFKC, case folded)."""
    folded = unicodedata.normalize("NFKC", clean_username(username)).casefold()
    return unicodedata.normalize("NFKC", folded)


def username_problem(username: str) -> str | None:
    """Why a cleaned name is not acceptable; None if it is.

    The key has to keep the rule as well: some single characters become whole phrases under NFKC.
    """
    key = username_key(username)
    if len(username) > MAX_USERNAME_LENGTH or len(key) > MAX_USERNAME_LENGTH:
        return f"Ensure this field has no more than {MAX_USERNAME_LENGTH} characters."
    if not _USERNAME.fullmatch(username) or not _USERNAME.fullmatch(key):
        return USERNAME_RULE
    return None


def password_problem(password: str, *, shortest: int) -> str | None:
    """Why a password is not acceptable; None if it is. Any characters are allowed, blanks at the ends too."""
    if len(password) > MAX_PASSWORD_LENGTH:
        return f"Ensure this field has no more than {MAX_PASSWORD_LENGTH} characters."
    if len(password) < shortest:
        return f"Ensure this field has at least {shortest} characters."
    return None

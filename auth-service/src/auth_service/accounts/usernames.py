"""What a username may be. The rule and its sentence are those of Django's accounts, which the published clients of
CheXRay know."""

import re
import unicodedata
from typing import Final

from lightbox_shared.errors.sentences import too_long

MAX_USERNAME_LENGTH: Final = 150
"""Characters of a composed username."""
LONGEST_TYPED_USERNAME: Final = 4 * MAX_USERNAME_LENGTH
"""Characters of a name before it is composed. Longer ones are not normalised: that takes time that grows with the
square of the length."""

USERNAME_RULE: Final = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
_USERNAME: Final = re.compile(r"[\w.@+-]+")


def clean_username(text: str) -> str:
    """The name as it is stored and shown: composed (NFC), without blanks at its ends."""
    return unicodedata.normalize("NFC", text.strip())


def username_key(username: str) -> str:
    """What two spellings of one name have in common: NFKC, case folded. `Yelda`, `yelda` and the same word in
    full-width letters have one key, and keys are unique."""
    folded = unicodedata.normalize("NFKC", clean_username(username)).casefold()
    return unicodedata.normalize("NFKC", folded)


def username_problem(username: str) -> str | None:
    """Why a cleaned name is not acceptable, or None if it is.

    The key has to fit the rule as well: some single characters become whole phrases under NFKC.
    """
    key = username_key(username)
    if len(username) > MAX_USERNAME_LENGTH or len(key) > MAX_USERNAME_LENGTH:
        return too_long(MAX_USERNAME_LENGTH)
    if not _USERNAME.fullmatch(username) or not _USERNAME.fullmatch(key):
        return USERNAME_RULE
    return None

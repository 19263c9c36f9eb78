"""What a username may be, and which names are the same or look the same.

The rule and its sentence are those of Django's accounts, which the published clients of CheXRay know, and as in Unicode
the combining marks of a word belong to it (UTS 18 annex C, `\\w`): without them nobody could be called by a name in
Thai, Hindi or Tamil.

Names that look alike have a skeleton in common (UTS 39 section 4), by the tables of Unicode that `disarm` has. It keeps
apart what the eye does in a running text (`rn` and `m`). Skeletons are stored: a release of the library with other
tables needs a migration that makes them again.
"""

import re
import unicodedata
from typing import Final

import disarm

from lightbox_shared.errors.sentences import Sentence, too_long

MAX_USERNAME_LENGTH: Final = 150
"""Characters of a composed username."""
LONGEST_TYPED_USERNAME: Final = 4 * MAX_USERNAME_LENGTH
"""Characters of a name before it is composed. Longer ones are not normalised: that takes time that grows with the
square of the length."""

USERNAME_RULE: Final = Sentence(
    "username-rule", "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
)
_CHARACTERS: Final = re.compile(r"[\w.@+-]+")
_MOST_MARKS: Final = 4
"""In a row (UTS 39 section 5.4)."""
# Letters and marks that show nothing (Default_Ignorable_Code_Point).
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# What is left of Soft_Dotted after NFKC, case folding and decomposition: the letters that have a dot already.
_DOT_ABOVE: Final = "\u0307"
_SOFT_DOTTED: Final = frozenset("ij\u0249\u0268\u029d\u03f3\u0456\u0458\u1d96")
_ABOVE: Final = 230
"""The combining class of marks above a letter."""


def clean_username(text: str) -> str:
    """The name as it is stored and shown: composed (NFC), without blanks at its ends."""
    return unicodedata.normalize("NFC", text.strip())


def username_key(username: str) -> str:
    """What two spellings of one name have in common: NFKC, case folded, without a dot above letters that have one.
    `Yelda`, `yelda` and the same word in full-width letters have one key, as have `İpek` and `ipek`; keys are
    unique."""
    folded = unicodedata.normalize("NFKC", clean_username(username)).casefold()
    if _DOT_ABOVE in unicodedata.normalize("NFD", folded):
        folded = _without_second_dots(unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFKC", folded)


def username_skeletons(username: str) -> list[str]:
    """What a name looks like, as it is shown and as it is compared: names that share one of these look alike."""
    shown, compared = clean_username(username), username_key(username)
    return sorted({disarm.skeleton_key(each, digit_policy="tr39") for each in (shown, compared)})


def username_problem(username: str) -> str | None:
    """Why a cleaned name is not acceptable, or None if it is.

    The key has to fit the rule as well: some single characters become whole phrases under NFKC.
    """
    key = username_key(username)
    if len(username) > MAX_USERNAME_LENGTH or len(key) > MAX_USERNAME_LENGTH:
        return too_long(MAX_USERNAME_LENGTH)
    if not _fits(username) or not _fits(key):
        return USERNAME_RULE
    return None


def _fits(text: str) -> bool:
    marks = 0
    for each in text:
        if unicodedata.category(each) in {"Mn", "Mc"}:
            marks += 1
        elif _CHARACTERS.fullmatch(each):
            marks = 0
        else:
            return False
        if marks > _MOST_MARKS:
            return False
    begins_with_mark = not text or unicodedata.category(text[0]).startswith("M")
    return not begins_with_mark and _INVISIBLE.search(text) is None


def _without_second_dots(decomposed: str) -> str:
    """Without the dots that show nothing: those after a letter that has a dot, with no other mark above it in between
    (After_Soft_Dotted in Unicode's SpecialCasing)."""
    kept: list[str] = []
    is_dotted = False
    for each in decomposed:
        if each == _DOT_ABOVE and is_dotted:
            continue
        kind = unicodedata.combining(each)
        if kind in {0, _ABOVE}:
            is_dotted = each in _SOFT_DOTTED
        kept.append(each)
    return "".join(kept)

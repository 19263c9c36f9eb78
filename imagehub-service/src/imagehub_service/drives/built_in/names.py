"""The names that files and folders can have: those that OneDrive and Windows accept, so that a folder that is copied to
one of them arrives as it is.

The rules are Microsoft's ("Restrictions and limitations in OneDrive and SharePoint"). Everything else is allowed, such
as letters of all scripts, emoji, and a dot at the beginning.
"""

import re
import unicodedata
from typing import Final

from imagehub_service.drives.errors import InvalidName

MAX_LENGTH: Final = 255
"""UTF-16 code units, as Windows counts: most emoji are two."""
_FORBIDDEN: Final = frozenset('"*:<>?/\\|')
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?: *\..*)?", re.IGNORECASE | re.DOTALL)
"""Names of devices of Windows, also with an extension."""
_RESERVED: Final = frozenset({".lock", "desktop.ini", "_vti_"})


def check_name(name: str) -> None:
    """Raise `InvalidName`, with the reason, for a name that files and folders can't have."""
    if not name:
        raise InvalidName("The name is empty.")
    if units(name) > MAX_LENGTH:
        raise InvalidName(f"The name is longer than {MAX_LENGTH} characters.")
    if name in {".", ".."}:
        raise InvalidName(f"{name} can't be a name.")
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in name):
        raise InvalidName("The name has control characters, or halves of characters, in it.")
    found = sorted(_FORBIDDEN.intersection(name))
    if found:
        raise InvalidName(f"A name can't have {' '.join(found)} in it.")
    if name != name.strip():
        raise InvalidName("The name begins or ends with a space.")
    if name.endswith("."):
        raise InvalidName("The name ends with a dot.")
    folded = name.casefold()
    if _DEVICES.fullmatch(name) or folded in _RESERVED or "_vti_" in folded or name.startswith("~$"):
        raise InvalidName("The name is reserved by Windows or OneDrive.")


def key_of(name: str) -> str:
    """The same text for names that count as equal: those that differ in case only, or in how the characters are
    composed (the Unicode Standard, section 3.13, canonical caseless matching)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def numbered(name: str, number: int, *, is_file: bool) -> str:
    """The name with a number behind it, before the extension of a file: `a 1.png`. 0 stands for no number.

    The part before the number is shortened where the name would be too long.
    """
    if number == 0:
        return name
    stem, dot, extension = name.rpartition(".") if is_file else (name, "", "")
    if not stem or units(extension) > MAX_LENGTH // 2:
        stem, dot, extension = name, "", ""
    end = f" {number}{dot}{extension}"
    while units(stem) + units(end) > MAX_LENGTH:
        stem = stem[:-1]
    return f"{stem}{end}"


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2

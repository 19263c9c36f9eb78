"""Names and ids that may be sent to OneDrive.

Microsoft lists the names in "Restrictions and limitations in OneDrive and SharePoint". They are checked before anything
is sent, since names and ids become part of the path of a request.
"""

import re
from typing import Final
from urllib.parse import quote

from imagehub_service.drives.errors import InvalidName, NoSuchItem

LONGEST_NAME: Final = 255
_FORBIDDEN: Final = frozenset('"*:<>?/\\|')
_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|\.lock|desktop\.ini|~\$.*|.*_vti_.*", re.IGNORECASE
)
_ID: Final = re.compile(r"[A-Za-z0-9!_-]{1,250}")


def check_name(name: str) -> str:
    """The name. Raises `InvalidName`."""
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidName(f"A name has 1 to {LONGEST_NAME} characters.")
    if _FORBIDDEN & set(name) or any(each < " " or "\x7f" <= each < "\xa0" for each in name):
        raise InvalidName('These characters are not allowed: " * : < > ? / \\ | and control characters.')
    if any("\ud800" <= each <= "\udfff" for each in name):
        raise InvalidName("The name is not valid Unicode.")
    if name != name.strip(" ") or name.endswith(".") or _RESERVED.fullmatch(name):
        raise InvalidName("OneDrive does not accept this name.")
    return name


def item_path(item_id: str) -> str:
    """The path of an item in the user's drive. Raises `NoSuchItem` for what can't be an id."""
    if not _ID.fullmatch(item_id) or item_id.lower() == "root":
        raise NoSuchItem
    return f"/me/drive/items/{quote(item_id, safe='!')}"


def path_below(item_id: str, name: str) -> str:
    """The path of what has this name in a folder, with the colon that lets something follow."""
    return f"{item_path(item_id)}:/{quote(check_name(name), safe='')}:"
